"""A folder in which a paper is reproduced piece by piece: what is done stays and is not done again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from matplotlib.figure import Figure

from mdlcode import parallel
from mdlcode.errors import MdlError
from mdlcode.experiments.pieces import Piece
from mdlcode.experiments.results import command_line, versions
from mdlcode.experiments.tables import Table
from mdlcode.files import is_scratch, make_folder, read_json, write_json, write_text
from mdlcode.plots.style import save
from mdlcode.report.document import MARKER

T = TypeVar("T")


class Reproduction:
    """The folder: `reproduction.json` says of what, `runs/` hold the work, beside it lie tables and figures."""

    def __init__(self, folder: Path, paper: str, scale: str) -> None:
        """Raises MdlError for a folder of another paper, scale or version, and for one of other things."""
        self.folder, self.scale = folder, scale
        about = {"paper": paper, "scale": scale, "versions": versions()}
        make_folder(folder)
        if (folder / MARKER).is_file():
            _check(folder, about, read_json(folder / MARKER))
        elif any(not is_scratch(each) for each in folder.iterdir()):
            raise MdlError(f"{folder} is not empty and holds no reproduction: name another `out`")
        else:  # the marker comes first: whatever stops the work, it can go on here
            write_json(folder / MARKER, {**about, "command": command_line()})
        make_folder(folder / "runs")

    def all(self, pieces: Sequence[Piece[T]]) -> list[T]:
        """What the pieces come to, in their order; they are done side by side where there are workers."""
        # The dearer pieces stand last by custom: begun first, they leave no worker idle at the end.
        pending = [parallel.submit(piece.done, self.folder / "runs") for piece in reversed(pieces)]
        return [each.result() for each in pending][::-1]

    def table(self, name: str, table: Table) -> None:
        """Writes a table as JSON (for reports), Markdown, LaTeX and CSV."""
        write_json(self.folder / f"{name}.json", {"table": [table.caption, table.header, table.rows]})
        for suffix, text in (("md", table.markdown()), ("tex", table.latex()), ("csv", table.csv())):
            write_text(self.folder / f"{name}.{suffix}", text)

    def figure(self, name: str, figure: Figure, caption: str) -> None:
        """Writes a figure as PNG and PDF, and its caption."""
        save(figure, self.folder / name)
        write_json(self.folder / f"{name}.json", {"figure": f"{name}.png", "caption": caption})


def _check(folder: Path, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    for key in ("paper", "scale"):
        if theirs.get(key) != ours[key]:
            raise MdlError(f"{folder} holds {key} '{theirs.get(key)}', not '{ours[key]}': name another `out`")
    there = theirs.get("versions") or {}
    for name, version in ours["versions"].items():
        if there.get(name) != version:
            raise MdlError(
                f"{folder} was begun with {name} {there.get(name)}, here it is {version}: name another `out`"
            )
