"""`mdlcode rank`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from mdlcode.cli.show import err, out
from mdlcode.errors import MdlError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mdlcode.ranking import Row
    from mdlcode.ranking.rank import Scores

Source = Annotated[Path, typer.Argument(help="A folder that `grid` wrote, or a CSV file with one row a model.")]
Axes = Annotated[str | None, typer.Option(help="Columns that are hyperparameters, with commas; a grid names its own.")]
Targets = Annotated[str, typer.Option(help="What is to be predicted: gap, test_error, test_ce or other columns.")]
Measures = Annotated[str | None, typer.Option(help="Only these columns; all that are no axes or targets by default.")]
TestSize = Annotated[int | None, typer.Option(help="Size of the test set, to weigh the sign error's pairs.", min=1)]
Seed = Annotated[int, typer.Option(help="Of the bootstrap, the permutations and the random controls.")]
Report = Annotated[Path | None, typer.Option("--out", "-o", help="JSON file for every score.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the file of --out.")]


def rank(
    source: Source,
    axes: Axes = None,
    targets: Targets = "gap,test_error,test_ce",
    measures: Measures = None,
    test_size: TestSize = None,
    seed: Seed = 0,
    report: Report = None,
    force: Force = False,
) -> None:
    """How well measures rank trained models by their generalization gap or test error, controls beside them."""
    from dataclasses import asdict

    from mdlcode.files import write_json
    from mdlcode.ranking import rank as ranked
    from mdlcode.ranking import read_models

    if report is not None and report.exists() and not force:
        raise MdlError(f"{report} is there already: name another --out, or --force to replace it")
    models = read_models(source, _names(axes))
    for reason, count in models.left_out.items():
        err.print(f"left out: {count} of {count + len(models)} rows ({reason})", highlight=False)
    known = [name for name in _names(targets) or () if name != "test_ce" or name in models.columns]
    rows = list(ranked(models, known, _names(measures), test_size, seed))
    for subset, target in dict.fromkeys((row.subset, row.target) for row in rows):
        part = [row for row in rows if (row.subset, row.target) == (subset, target)]
        for columns in (_ORDER, _SAY):
            out.print(_table(part, columns))
    if report is not None:
        write_json(report, [asdict(row) for row in rows])


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]


# What the two tables of a target show of each row's scores.
_Columns = dict[str, "Callable[[Scores], str]"]
_ORDER: _Columns = {
    "tau-a": lambda it: f"{it.correlation.tau_a:.3f}",
    "95 %": lambda it: f"{it.correlation.low:.2f} .. {it.correlation.high:.2f}",
    "tau-b": lambda it: f"{it.correlation.tau_b:.3f}",
    "tied": lambda it: f"{it.correlation.tie_share:.2f}",
    "Psi (sd of noise)": lambda it: f"{it.granulated.mean:.3f} ({it.granulated.null_mean:.3f})",
    "tau given train CE": lambda it: f"{it.partial_tau:.3f}",
}
_SAY: _Columns = {
    "CMI": lambda it: f"{it.cmi:.4f}",
    "CMI of noise": lambda it: f"< {it.cmi_null:.4f}",
    "R2 held out": lambda it: f"{it.regression.held_out_r2:.3f}",
    "R2 adjusted": lambda it: f"{it.regression.adjusted_r2:.3f}",
    "sign error: max": lambda it: f"{it.sign_error.largest:.2f}",
    "90 %": lambda it: f"{it.sign_error.quantile_90:.2f}",
    "mean": lambda it: f"{it.sign_error.mean:.2f}",
}


def _table(rows: "list[Row]", columns: _Columns) -> Table:
    first = rows[0]
    caption = "sign: +1 where more of it should mean a larger target, -1 where the table has it turned around"
    made = Table(title=f"{first.target}, {first.subset} models", caption=caption if columns is _ORDER else None)
    made.add_column("measure", no_wrap=True)
    for name in ("sign", "n", *columns):
        made.add_column(name, justify="right")
    for row in sorted(rows, key=lambda each: (each.control, -(each.scores.correlation.tau_a if each.scores else -2.0))):
        scores = row.scores
        cells = [row.reason] if scores is None else [show(scores) for show in columns.values()]
        name = f"control: {row.measure}" if row.control else row.measure
        made.add_row(name, f"{row.sign:+d}", str(row.n), *cells, style="dim" if row.control else None)
    return made
