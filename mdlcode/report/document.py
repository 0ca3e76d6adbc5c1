"""What a folder holds as one document: tables, figures, notes, commands, settings and versions."""

import base64
import html
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from matplotlib.figure import Figure

from mdlcode.errors import MdlError
from mdlcode.experiments.tables import Table
from mdlcode.files import write_text
from mdlcode.plots.style import render
from mdlcode.typing import Config

MARKER = "reproduction.json"  # says of what a folder is the reproduction
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #111; }
table { border-collapse: collapse; margin: 1rem 0; } caption { text-align: left; color: #444; padding-bottom: .4rem; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } thead th { border-bottom: 2px solid #333; }
figure { margin: 1.5rem 0; } img { max-width: 100%; } figcaption { color: #444; }
pre { background: #f6f6f6; padding: .7rem; overflow-x: auto; font-size: 12px; } h2 { margin-top: 2rem; }
"""
_LISTS = ("tables", "pictures", "notes", "commands", "settings")


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
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    settings: tuple[tuple[str, Config], ...] = ()

    def html(self) -> str:
        """One HTML file that needs no other."""
        parts = [f"<h1>{html.escape(self.title)}</h1>\n", *(table.html() for table in self.tables)]
        parts += [f"<p>{html.escape(note)}</p>\n" for note in self.notes]
        parts += [picture.html() for picture in self.pictures]
        parts += ["<h2>Commands</h2>\n", _pre("\n".join(dict.fromkeys(self.commands)))] if self.commands else []
        parts += ["<h2>Settings, seeds and versions</h2>\n"] if self.settings else []
        parts += [f"<h3>{html.escape(name)}</h3>\n{_pre(json.dumps(each, indent=1))}" for name, each in self.settings]
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


def write_document(document: Document, path: Path) -> None:
    """Writes the document in the form that the path's suffix names."""
    write_text(path, document.text(path.suffix))


def joined(documents: Sequence[Document]) -> Document:
    """All that several documents show, as one."""
    return Document(
        "; ".join(each.title for each in documents),
        *(tuple(chain.from_iterable(getattr(each, field) for each in documents)) for field in _LISTS),
    )


def png(figure: Figure) -> bytes:
    """The figure as PNG."""
    file = io.BytesIO()
    render(figure, file, kind="png", dpi=130)
    return file.getvalue()


def _pre(text: str) -> str:
    return f"<pre>{html.escape(text)}</pre>\n"
