"""What the commands store, read into documents: each kind of file by what is in it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mdlcode.errors import MdlError, in_one_line
from mdlcode.experiments.shown import Results, results_table
from mdlcode.experiments.stored import Stored, read_results
from mdlcode.experiments.tables import Table
from mdlcode.files import read_json, read_plain_json
from mdlcode.plots.bounds import bounds_side_by_side
from mdlcode.plots.dimension import draw_dimensions
from mdlcode.plots.kinds import draw
from mdlcode.plots.style import drawing
from mdlcode.report.document import MARKER, Document, Picture, joined, png
from mdlcode.report.stored_tables import (
    bounds_table,
    dimension_table,
    measures_table,
    models_table,
    paid_table,
    ranking_tables,
)

_PNG = b"\x89PNG\r\n\x1a\n"
_TABLE = TypeAdapter(tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]])
# The figures of a comparison, each for runs that have what it shows.
_FIGURES: dict[str, tuple[str, Callable[[Stored], bool]]] = {
    "panels": (
        "Bits and accuracy of each block, bits above the uniform code, and compression ratio.",
        lambda run: True,
    ),
    "parts": ("Where the bits go.", lambda run: True),
    "weights": ("Weights of the experts.", lambda run: run.expert_weights.shape[1] > 1),
    "bound": ("Bounds on the test error of the nets that are sent.", lambda run: run.result.bound is not None),
    "prices": ("The sweep over trade-offs of a compressed code.", lambda run: "bit_prices" in run.arrays),
}


def read_document(path: Path) -> Document:
    """All that a folder holds of `compare`, `dimension`, `bound`, `measure`, `rank` or `reproduce`, or that a file is.

    Raises MdlError where there is nothing of them, and for files that are damaged.
    """
    if (path / MARKER).is_file():
        return _reproduction(path)
    files = [path] if path.is_file() else sorted([*path.glob("*.json"), *path.glob("models.csv")])
    documents = [found for each in files if (found := _of_file(each)) is not None]
    if not documents:
        raise MdlError(
            f"{path} holds no results: compare, dimension and reproduce write a folder,"
            " bound, measure and rank a .json file"
        )
    return joined(documents)


def _of_file(file: Path) -> Document | None:
    """The document of a file by what is in it; None for a file that is none of ours."""
    if file.suffix == ".csv":
        return Document("Trained models", (models_table(file),))
    if file.name == "results.json":
        return _codes(file.parent)
    values = read_plain_json(file, finite=False)  # a measure that has no value is stored as NaN
    try:
        if isinstance(values, dict) and "trials" in values:
            return _dimension(values)
        if isinstance(values, dict) and {"bounds", "bits_by_part"} <= set(values):
            return _certificate(values)
        if isinstance(values, dict) and values and all(_is_measure(each) for each in values.values()):
            return Document("Generalization measures", (measures_table(values),))
        if isinstance(values, list) and values and all(isinstance(row, dict) and "scores" in row for row in values):
            return Document("How measures rank the models", tuple(ranking_tables(values)))
    except (ValueError, LookupError, TypeError, ArithmeticError, AttributeError) as error:
        raise MdlError(f"{file} is damaged: {type(error).__name__} {in_one_line(error)}") from None
    return None


def _is_measure(values: Any) -> bool:
    return isinstance(values, dict) and {"value", "sign", "error", "seconds", "reason"} <= set(values)


def _codes(folder: Path) -> Document:
    runs = read_results(folder)
    if not runs:
        raise MdlError(f"{folder} holds no finished code yet: nothing to report")
    pictures = tuple(
        Picture(png(draw(kind, runs)), caption) for kind, (caption, shows) in _FIGURES.items() if any(map(shows, runs))
    )
    results = Results(run.result for run in runs)
    title = f"Codelengths of the labels of {', '.join(dict.fromkeys(each.dataset for each in results))}"
    return Document(title, (results_table(results),), pictures, results.notes, _commands(runs), _settings(runs))


def _dimension(stored: dict[str, Any]) -> Document:
    with drawing() as (figure, [axes]):
        draw_dimensions(axes, [stored])
    picture = Picture(png(figure), "Accuracy against the dimension of the subspace; dashed: the threshold.")
    about = {name: stored.get(name) for name in ("device", "versions", "view", "config")}
    title = f"Intrinsic dimension of {stored['arch']} on {stored['dataset']}"
    return Document(title, (dimension_table(stored),), (picture,), settings=((str(stored["arch"]), about),))


def _certificate(stored: dict[str, Any]) -> Document:
    with drawing() as (figure, [axes]):
        bounds_side_by_side(axes, stored)
    title = f"Bounds on the test error: {stored['dataset']}, {stored['source']}"
    picture = Picture(png(figure), "All bounds, the tightest on top; beyond 1 they are vacuous.")
    return Document(title, (bounds_table(stored), paid_table(stored)), (picture,))


def _reproduction(folder: Path) -> Document:
    about = read_json(folder / MARKER)
    pieces = [read_json(path) for path in sorted(folder.glob("*.json"))]
    tables = tuple(_table(each["table"], folder) for each in pieces if "table" in each)
    pictures = tuple(_picture(each, folder) for each in pieces if "figure" in each)
    title = f"{about.get('paper')}, scale {about.get('scale')}"
    runs = [run for path in sorted((folder / "runs").glob("*/results.json")) for run in read_results(path.parent)]
    commands = (str(about.get("command", "")), *_commands(runs))
    return Document(title, tables, pictures, commands=commands, settings=_settings(runs))


def _table(stored: Any, folder: Path) -> Table:
    try:
        caption, header, rows = _TABLE.validate_python(stored)
        if any(len(row) != len(header) for row in rows):
            raise ValueError("a row is of another length than the header")
    except ValueError as error:  # pydantic's are such too
        raise MdlError(f"a table in {folder} is damaged: {in_one_line(error)}") from None
    return Table(caption, header, rows)


def _picture(stored: dict[str, Any], folder: Path) -> Picture:
    """A figure of that folder and of no other place: a file there, and a PNG."""
    name, caption = str(stored["figure"]), str(stored.get("caption", ""))
    path = folder / name
    try:
        inside = name == Path(name).name and path.is_file() and path.resolve().parent == folder.resolve()
        content = path.read_bytes() if inside else b""
    except (OSError, ValueError) as error:
        raise MdlError(f"figure {in_one_line(name)} in {folder} can't be read: {in_one_line(error)}") from None
    if not content.startswith(_PNG):
        raise MdlError(f"{folder} names the figure {in_one_line(name)!r}, which is no PNG in that folder")
    return Picture(content, caption)


def _commands(runs: Sequence[Stored]) -> tuple[str, ...]:
    return tuple(run.result.command for run in runs if run.result.command)


def _settings(runs: Sequence[Stored]) -> tuple[tuple[str, dict[str, Any]], ...]:
    names = ("seed", "device", "versions", "config")
    return tuple((run.name, {name: getattr(run.result, name) for name in names}) for run in runs)
