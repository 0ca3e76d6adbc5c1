"""Tables on the terminal."""

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from mdlcode import progress
from mdlcode.errors import printable
from mdlcode.experiments.tables import Table


class _Plain(Console):
    """Prints texts as they are, once the line of progress is away: no markup, and nothing that a terminal obeys."""

    def __init__(self, **options: Any) -> None:
        super().__init__(soft_wrap=True, markup=False, emoji=False, highlight=False, **options)

    def print(self, *objects: Any, **how: Any) -> None:
        """As of `Console`."""
        progress.wipe()
        super().print(*objects, **how)

    def render_str(self, text: str, **options: Any) -> Text:
        """The text with `?` in place of control characters."""
        return super().render_str(printable(text), **options)


# A file or pipe gets whole lines; a terminal's own width holds there.
out = _Plain(width=None if sys.stdout is not None and sys.stdout.isatty() else 140)
err = _Plain(stderr=True)


class GrowingTable:
    """A table on stdout whose rows are there as soon as they are known; nothing of it before the first one."""

    def __init__(self, header: Sequence[str], widths: Sequence[int], title: str, caption: str) -> None:
        """`widths` of the columns stay what they are, since the rows to come are not known."""
        self._header, self._widths, self._title, self._caption = tuple(header), widths, title, caption
        self._rows = 0

    def add(self, row: Sequence[str]) -> None:
        """Prints a row, the first one with the header above it."""
        head, body = self._lines(), self._lines(row)
        first = 0 if self._rows == 0 else len(head) - 1
        if self._rows == 0:
            out.print(self._title, markup=False, highlight=False)
        for line in body[first:-1]:
            out.print(line)
        self._rows += 1

    def end(self) -> None:
        """Prints what is below the rows, if there are any."""
        if self._rows:
            out.print(self._lines()[-1])
            out.print(self._caption, markup=False, highlight=False)

    def _lines(self, *rows: Sequence[str]) -> list[Text]:
        table = Table("", self._header, tuple(map(tuple, rows))).ruled(self._widths)
        with out.capture() as captured:
            out.print(table)
        return [Text.from_ansi(line) for line in captured.get().splitlines()]


def print_table(table: Table) -> None:
    """Prints a table, the first line of its caption above it and the others below."""
    title, *below = table.caption.split("\n")
    out.print(title, markup=False, highlight=False)
    out.print(table.ruled())
    for line in below:
        out.print(line, markup=False, highlight=False)
