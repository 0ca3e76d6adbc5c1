"""A folder in which a paper is reproduced piece by piece: what is done stays and is not done again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from mdlcode.codes.base import Code
from mdlcode.config import to_config
from mdlcode.data.base import Data
from mdlcode.errors import MdlError
from mdlcode.experiments.compare import measure_each
from mdlcode.experiments.results import command_line, versions, write_atomically
from mdlcode.experiments.stored import Stored, read_results
from mdlcode.experiments.tables import Table
from mdlcode.plots.style import save

MARKER = "reproduction.json"


class Reproduction:
    """The folder: `reproduction.json` says of what, `runs/` hold the work, beside it lie tables and figures."""

    def __init__(self, folder: Path, paper: str, scale: str) -> None:
        """Raises MdlError for a folder of another paper, scale or version, and for one of other things."""
        self.folder, self.scale = folder, scale
        about = {"paper": paper, "scale": scale, "versions": versions()}
        if folder.exists() and not folder.is_dir():
            raise MdlError(f"{folder} is a file: name a folder for --out")
        if (folder / MARKER).is_file():
            _check(folder, about, _read_json(folder / MARKER))
        elif folder.exists() and any(folder.iterdir()):
            raise MdlError(f"{folder} is not empty and holds no reproduction: name another --out")
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        if not (folder / MARKER).is_file():
            _write_json(folder / MARKER, {**about, "command": command_line()})

    def run(self, name: str, label: str, load: Callable[[], Data], code: Code) -> Stored:
        """The result of a code, measured now or read back; `label` is its name in tables and figures."""
        folder = self.folder / "runs" / name
        if not (folder / "results.json").is_file():
            for _ in measure_each(load(), [(label, code)], folder):
                pass
        [stored] = read_results(folder)
        _same_settings(folder, stored.result.config, to_config(code))
        return stored

    def values(self, name: str, settings: Any, compute: Callable[[], Any]) -> Any:
        """Plain values of any other experiment, computed now or read back."""
        path = self.folder / "runs" / f"{name}.json"
        if not path.is_file():
            _write_json(path, {"settings": settings, "values": compute()})
        stored = _read_json(path)
        _same_settings(path, stored.get("settings"), settings)
        return stored["values"]

    def table(self, name: str, table: Table) -> None:
        """Writes a table as JSON (for reports), Markdown, LaTeX and CSV."""
        _write_json(self.folder / f"{name}.json", {"table": [table.caption, table.header, table.rows]})
        for suffix, text in (("md", table.markdown()), ("tex", table.latex()), ("csv", table.csv())):
            _write_text(self.folder / f"{name}.{suffix}", text)

    def figure(self, name: str, figure: Figure, caption: str) -> None:
        """Writes a figure as PNG and PDF, and its caption."""
        save(figure, self.folder / name)
        _write_json(self.folder / f"{name}.json", {"figure": f"{name}.png", "caption": caption})


def _check(folder: Path, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    for key in ("paper", "scale"):
        if theirs.get(key) != ours[key]:
            raise MdlError(f"{folder} holds {key} '{theirs.get(key)}', not '{ours[key]}': name another --out")
    there = theirs.get("versions") or {}
    for name, version in ours["versions"].items():
        if there.get(name) != version:
            raise MdlError(
                f"{folder} was begun with {name} {there.get(name)}, here it is {version}: name another --out"
            )


def _same_settings(path: Path, stored: Any, wanted: Any) -> None:
    if stored != json.loads(json.dumps(wanted)):
        raise MdlError(f"{path} was measured with other settings: name another --out, or delete it")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise MdlError(f"{path} is damaged: {error}") from None
    if not isinstance(values, dict):
        raise MdlError(f"{path} is damaged: it is no mapping")
    return values


def _write_json(path: Path, values: Any) -> None:
    _write_text(path, json.dumps(values, indent=1))


def _write_text(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write(text.encode()))
