"""The house: a room imports only from the rooms below it, and no file is in two minds about its place."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path

import mdlcode

HOUSE = Path(mdlcode.__file__).parent
# From the ground up. A file of the top level is a room of its own.
ROOMS = [
    *("typing", "errors", "names", "resident", "codelength", "limits", "trust", "validation", "config", "environment"),
    *(
        "memory",
        "files",
        "archives",
        "progress",
        "crew",
        "parallel",
        "packing",
        "store",
        "finished",
        "mapped",
        "ranks",
        "engines",
    ),
    *("coding", "data", "nets", "projections", "learn", "weights", "bayes", "codes", "proof"),
    *("bounds", "certify", "ranking", "measures", "experiments", "plots", "report", "papers", "cli"),
]


def imports(path: Path) -> Iterator[str]:
    """The modules of the house that a file imports, also those inside its functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "mdlcode":
            yield from (f"mdlcode.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mdlcode."):
            yield node.module or ""


def room(module: str) -> str:
    return module.split(".")[1]


def modules() -> dict[str, Path]:
    named = {
        ".".join(("mdlcode", *path.relative_to(HOUSE).with_suffix("").parts)): path for path in HOUSE.rglob("*.py")
    }
    return {name.removesuffix(".__init__"): path for name, path in named.items()}


def test_every_room_imports_from_below() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, path in modules().items()
        if name not in ("mdlcode", "mdlcode.__main__")
        for other in imports(path)
        if ROOMS.index(room(other)) > ROOMS.index(room(name))
    ]
    assert not wrong


def test_no_two_files_import_each_other() -> None:
    """Not even inside functions; a package's own `__init__` only collects names."""
    files = {name: path for name, path in modules().items() if path.name != "__init__.py"}
    graph = {name: [other for other in imports(path) if other in files] for name, path in files.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, with the circle


def test_the_order_of_rooms_is_complete() -> None:
    there = {room(name) for name in modules() if name not in ("mdlcode", "mdlcode.__main__")}
    assert there == set(ROOMS)
    assert all(one != other for one, other in pairwise(ROOMS))
