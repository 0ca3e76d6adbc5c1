"""`mdlcode rank`."""

from pathlib import Path
from typing import Annotated

import typer

from mdlcode.cli.show import err, print_table
from mdlcode.errors import MdlError
from mdlcode.report.stored_tables import ranking_tables

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
    rows = ranked(models, known, _names(measures), test_size, seed)
    stored = [asdict(row) for row in rows]
    for table in ranking_tables(stored):
        print_table(table)
    if report is not None:
        write_json(report, stored)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]
