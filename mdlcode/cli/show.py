"""Tables on the terminal."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table as Ruled
from rich.text import Text

from mdlcode import progress
from mdlcode.experiments.tables import Table

if TYPE_CHECKING:
    from mdlcode.certify.certificate import Certificate


class _Console(Console):
    """A console that takes the line of progress away before it prints."""

    def print(self, *objects: Any, **how: Any) -> None:
        """As of `Console`."""
        progress.wipe()
        super().print(*objects, **how)


# A file or pipe gets whole lines; a terminal's own width holds there.
out = _Console(soft_wrap=True) if sys.stdout.isatty() else _Console(soft_wrap=True, width=140)
err = _Console(stderr=True, soft_wrap=True)


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


def paid_table(made: "Certificate") -> Ruled:
    """Where the bits of a certificate went, by part, largest first, and their sum."""
    file = "" if made.coded_bits is None else f" (decoded from {made.coded_bits // 8:,} bytes of file)"
    shown = Ruled(title=f"what was paid: {made.total_bits:,.1f} bits{file}")
    shown.add_column("part")
    for name in ("bits", "share"):
        shown.add_column(name, justify="right")
    for part, bits in sorted(made.bits_by_part.items(), key=lambda item: -item[1]):
        shown.add_row(part, f"{bits:,.1f}", f"{100 * bits / made.total_bits:.1f} %" if made.total_bits else "-")
    return shown


def bounds_table(made: "Certificate") -> Ruled:
    """Every bound of a certificate, the tightest marked, vacuous ones as they are; the test set's at the end."""
    shown = Ruled(title="bounds on the test error")
    shown.add_column("bound")
    shown.add_column("at most", justify="right")
    shown.add_column("")
    for each in made.bounds:
        note = "tightest" if each.tightest else ""
        note += (", " if note and each.vacuous else "") + ("vacuous" if each.vacuous else "")
        shown.add_row(each.name, f"{100 * each.value:.3f} %", note)
    if made.test is not None:
        wrong = f"{made.test.errors:,} of {made.test.n:,} wrong: a net that was fixed before the test set"
        shown.add_section()
        shown.add_row("test set", f"{100 * made.test.bound:.3f} %", wrong)
    return shown
