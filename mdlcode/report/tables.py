"""Tables as a person, a paper or a spreadsheet reads them."""

import csv
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

from mdlcode.experiments.stored import Stored

_LATEX = str.maketrans({"%": r"\%", "&": r"\&", "_": r"\_", "#": r"\#", "$": r"\$", ">": "$>$", "<": "$<$"})


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
        lines = [f"| {' | '.join(row)} |" for row in (self.header, rule, *self.rows)]
        return f"{self.caption}\n\n" + "\n".join(lines) + "\n"

    def latex(self) -> str:
        r"""A LaTeX table with plain \hline rules."""
        lines = [" & ".join(cell.translate(_LATEX) for cell in row) + r" \\" for row in (self.header, *self.rows)]
        return "\n".join(
            [
                r"\begin{table}",
                rf"\caption{{{self.caption.translate(_LATEX)}}}",
                rf"\begin{{tabular}}{{l{'r' * (len(self.header) - 1)}}}",
                *[r"\hline", lines[0], r"\hline", *lines[1:], r"\hline"],
                *[r"\end{tabular}", r"\end{table}", ""],
            ]
        )

    def csv(self) -> str:
        """Comma-separated values, without the caption."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows((self.header, *self.rows))
        return text.getvalue()

    def html(self) -> str:
        """An HTML table with its caption."""
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in self.header)
        body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>\n" for row in self.rows)
        caption = f"<caption>{html.escape(self.caption)}</caption>"
        return f"<table>{caption}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>\n"


def results_table(runs: Sequence[Stored]) -> Table:
    """The results of stored runs, one row a code."""
    names = tuple(dict.fromkeys(f"{run.result.dataset}, {run.result.num_labels:,} labels" for run in runs))
    header = (
        "code",
        "model bits",
        "label bits",
        "total bits",
        "ratio",
        "saved bits",
        "test accuracy",
        "bound on error",
        "seconds",
    )
    rows = tuple(
        (
            run.name,
            f"{run.result.model_bits:,.1f}",
            f"{run.result.label_bits:,.1f}",
            f"{run.result.total_bits:,.1f}",
            f"{run.result.compression_ratio:.4f}",
            _signed(run.result.saved_bits_against_frequencies),
            percent(run.result.test_accuracy),
            percent(run.result.bound),
            f"{run.result.seconds:.1f}",
        )
        for run in runs
    )
    caption = (
        f"{'; '.join(names)}. Ratio to the uniform code: lower is better, 1 is no gain. Saved bits against the code of"
        " class frequencies alone: 0 or less is no gain."
    )
    return Table(caption, header, rows)


def _signed(bits: float | None) -> str:
    return "-" if bits is None else f"{bits:,.1f}"


def percent(share: float | None) -> str:
    """A share as percent, "-" for None.

    >>> percent(0.995), percent(None)
    ('99.50 %', '-')
    """
    return "-" if share is None else f"{100 * share:.2f} %"
