"""Tables as a person, a paper or a spreadsheet reads them."""

import csv
import html
import io
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from mdlcode.errors import printable

if TYPE_CHECKING:
    import rich.table

_MOST_COLUMNS = 160  # of text that goes to no terminal
_LATEX = str.maketrans(
    {each: rf"\{each}" for each in "%&_#${}"}
    | {">": "$>$", "<": "$<$", "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)
_MARKDOWN = str.maketrans({each: f"\\{each}" for each in "\\`*[]|"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"})
# What a spreadsheet takes for a formula; a number with a sign is none.
_FORMULA = re.compile(r"(?![+-]?[\d.,]+ ?%?$|-$)[=+@\t\r-]")


@dataclass(frozen=True)
class Table:
    """A caption, column names and rows of text; the first column is text, the others are set to the right.

    >>> Table("Bits", ("code", "bits"), (("uniform", "5,969.5"),)).markdown().splitlines()[-1]
    '| uniform | 5,969.5 |'
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """A Markdown table under its caption."""
        rule = ["---", *["---:"] * (len(self.header) - 1)]
        header, *rows = ([_as_markdown(_one_line(cell)) for cell in row] for row in (self.header, *self.rows))
        lines = [f"| {' | '.join(row)} |" for row in (header, rule, *rows)]
        return f"{_as_markdown(printable(self.caption))}\n\n" + "\n".join(lines) + "\n"

    def latex(self) -> str:
        r"""A LaTeX table with plain \hline rules."""
        cells = [[_one_line(cell).translate(_LATEX) for cell in row] for row in (self.header, *self.rows)]
        lines = [" & ".join(row) + r" \\" for row in cells]
        return "\n".join(
            [
                r"\begin{table}",
                rf"\caption{{{printable(self.caption).translate(_LATEX)}}}",
                rf"\begin{{tabular}}{{l{'r' * (len(self.header) - 1)}}}",
                *[r"\hline", lines[0], r"\hline", *lines[1:], r"\hline"],
                *[r"\end{tabular}", r"\end{table}", ""],
            ]
        )

    def csv(self) -> str:
        """Comma-separated values, without the caption; numbers as programs read them, percents as shares.

        What a spreadsheet would run as a formula has a ' before it.

        >>> print(Table("", ("code", "bits", "accuracy"), (("a", "21,391.1", "99.50 %"), ("b", "-", "-"))).csv())
        code,bits,accuracy
        a,21391.1,0.995
        b,,
        <BLANKLINE>
        """
        text = io.StringIO()
        rows = [self.header, *((row[0], *map(_plain, row[1:])) for row in self.rows)]
        safe = [[f"'{cell}" if _FORMULA.match(cell) else cell for cell in row] for row in rows]
        csv.writer(text, lineterminator="\n").writerows(safe)
        return text.getvalue()

    def text(self) -> str:
        """The table as it is printed, as wide as the terminal if there is one.

        The first line of the caption is above it, the others are below.
        """
        from rich.console import Console

        width = shutil.get_terminal_size((_MOST_COLUMNS, 0)).columns
        console = Console(file=(text := io.StringIO()), width=width)
        console.print(self.ruled())
        title, *below = printable(self.caption).split("\n")
        return "\n".join([title, text.getvalue().rstrip("\n"), *below])

    def ruled(self, widths: Sequence[int | None] = ()) -> "rich.table.Table":
        """The table with rules, for a terminal; its columns as wide as said."""
        from rich.table import Table as Ruled
        from rich.text import Text

        made = Ruled()
        for index, name in enumerate(self.header):
            justify: Literal["left", "right"] = "right" if index else "left"
            made.add_column(Text(printable(name)), justify=justify, width=widths[index] if widths else None)
        for cells in self.rows:
            made.add_row(*(Text(printable(cell)) for cell in cells))
        return made

    def html(self, below: Sequence[str] = ()) -> str:
        """An HTML table with its caption, and lines below it."""
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in self.header)
        body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>\n" for row in self.rows)
        caption = f"<caption>{_lines(self.caption)}</caption>"
        table = f"<table>{caption}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>\n"
        return table + "".join(f"<p>{_lines(line)}</p>\n" for line in below)


def _as_markdown(text: str) -> str:
    """The text, shown as it is. An underscore inside a word, as in a file's name, means nothing in Markdown."""
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text.translate(_MARKDOWN))


def _one_line(text: str) -> str:
    return " ".join(printable(text).split())


def _lines(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")


def _plain(cell: str) -> str:
    """A shown number without its commas, a percent as a share, nothing for "-"; other texts as they are."""
    if cell == "-":
        return ""
    if not re.fullmatch(r"-?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?( %)?", cell):
        return cell
    number = cell.replace(",", "")
    return number if not number.endswith(" %") else str(Decimal(number[:-2]) / 100)


def percent(share: float | None) -> str:
    """A share as percent, "-" for None.

    >>> percent(0.995), percent(None)
    ('99.50 %', '-')
    """
    return "-" if share is None else f"{100 * share:.2f} %"
