"""A run or a reproduction as one document: tables, figures, settings, versions and commands."""

import base64
import html
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from mdlcode.errors import MdlError
from mdlcode.experiments.shown import results_table
from mdlcode.experiments.stored import Stored, read_results
from mdlcode.experiments.tables import Table
from mdlcode.files import write_text
from mdlcode.plots.kinds import KINDS

MARKER = "reproduction.json"  # says of what a folder is the reproduction
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #111; }
table { border-collapse: collapse; margin: 1rem 0; } caption { text-align: left; color: #444; padding-bottom: .4rem; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } thead th { border-bottom: 2px solid #333; }
figure { margin: 1.5rem 0; } img { max-width: 100%; } figcaption { color: #444; }
pre { background: #f6f6f6; padding: .7rem; overflow-x: auto; font-size: 12px; } h2 { margin-top: 2rem; }
"""
_CAPTIONS = {
    "panels": "Bits and accuracy of each block, bits above the uniform code, and compression ratio.",
    "parts": "Where the bits go.",
    "weights": "Weights of the experts.",
}


@dataclass(frozen=True)
class Picture:
    """A figure as PNG, with its caption."""

    png: bytes
    caption: str

    def html(self) -> str:
        """The figure with its image inside."""
        data = base64.b64encode(self.png).decode()
        text = html.escape(self.caption)
        return (
            f'<figure><img alt="{text}" src="data:image/png;base64,{data}"><figcaption>{text}</figcaption></figure>\n'
        )


@dataclass(frozen=True)
class Document:
    """What a report shows, in order, and what it was made with."""

    title: str
    tables: tuple[Table, ...]
    pictures: tuple[Picture, ...]
    runs: tuple[Stored, ...]
    commands: tuple[str, ...]

    def html(self) -> str:
        """One HTML file that needs no other."""
        parts = [f"<h1>{html.escape(self.title)}</h1>\n", *(table.html() for table in self.tables)]
        parts += [picture.html() for picture in self.pictures]
        parts += ["<h2>Commands</h2>\n", _pre("\n".join(self.commands))]
        parts += ["<h2>Settings, seeds and versions</h2>\n", *map(_settings, self.runs)]
        head = f'<meta charset="utf-8"><title>{html.escape(self.title)}</title><style>{_STYLE}</style>'
        return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{"".join(parts)}</body></html>\n'

    def text(self, suffix: str) -> str:
        """The document as .html, its tables alone as .md, .tex or .csv. Raises MdlError for another suffix."""
        if suffix == ".html":
            return self.html()
        ways = {".md": Table.markdown, ".tex": Table.latex, ".csv": Table.csv}
        if suffix not in ways:
            raise MdlError(f"a report can't be written as '{suffix}': name a file with .html, .md, .tex or .csv")
        return "\n".join(ways[suffix](table) for table in self.tables)


def read_document(folder: Path) -> Document:
    """The document of a results folder or of a reproduction. Raises MdlError as their readers do."""
    return _reproduction(folder) if (folder / MARKER).is_file() else _run(folder)


def write_document(document: Document, path: Path) -> None:
    """Writes the document in the form that the path's suffix names."""
    write_text(path, document.text(path.suffix))


def _run(folder: Path) -> Document:
    runs = read_results(folder)
    if not runs:
        raise MdlError(f"{folder} holds no finished code yet: nothing to report")
    kinds = ["panels", "parts", *(["weights"] if any(run.expert_weights.shape[1] > 1 for run in runs) else [])]
    pictures = tuple(Picture(_png(KINDS[kind](runs)), _CAPTIONS[kind]) for kind in kinds)
    title = f"Codelengths of the labels of {', '.join(dict.fromkeys(run.result.dataset for run in runs))}"
    return Document(title, (results_table(run.result for run in runs),), pictures, tuple(runs), _commands(runs))


def _reproduction(folder: Path) -> Document:
    try:
        about = json.loads((folder / MARKER).read_text())
        pieces = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
        tables = tuple(_table(each["table"]) for each in pieces.values() if "table" in each)
        shown = [each for each in pieces.values() if "figure" in each]
        pictures = tuple(Picture((folder / each["figure"]).read_bytes(), each["caption"]) for each in shown)
        title = f"{about['paper']}, scale {about['scale']}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MdlError(f"{folder} is damaged: {error}") from None
    runs = [run for path in sorted((folder / "runs").glob("*/results.json")) for run in read_results(path.parent)]
    return Document(title, tables, pictures, tuple(runs), (str(about.get("command", "")), *_commands(runs)))


def _table(stored: Sequence[Any]) -> Table:
    caption, header, rows = stored
    return Table(caption, tuple(header), tuple(map(tuple, rows)))


def _commands(runs: Sequence[Stored]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run.result.command for run in runs if run.result.command))


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=130)
    return file.getvalue()


def _settings(run: Stored) -> str:
    about = {
        "seed": run.result.seed,
        "device": run.result.device,
        "versions": run.result.versions,
        "config": run.result.config,
    }
    return f"<h3>{html.escape(run.name)}</h3>\n{_pre(json.dumps(about, indent=1))}"


def _pre(text: str) -> str:
    return f"<pre>{html.escape(text)}</pre>\n"
