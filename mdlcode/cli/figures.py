"""`mdlcode plot` and `mdlcode report`."""

from pathlib import Path
from typing import Annotated

import typer

from mdlcode.cli.show import out

Runs = Annotated[list[Path], typer.Argument(help="Folders, as compare --out or dimension --out writes them.")]
Kind = Annotated[
    str,
    typer.Option(
        help="ratio, regret, blocks, accuracy, panels (these four), parts, weights, bound, prices, sweep, dimension."
    ),
]
OutFile = Annotated[
    Path, typer.Option("--out", "-o", help="File to write: .png, .pdf, .svg; none of these: two files.")
]
Codes = Annotated[str | None, typer.Option(help="Only these codes of the folders, with commas.")]
Over = Annotated[str | None, typer.Option(help="For --kind sweep: the setting, by its name or dotted path.")]


def plot(runs: Runs, file: OutFile, kind: Kind = "panels", codes: Codes = None, over: Over = None) -> None:
    """Draws stored results."""
    from mdlcode.experiments.stored import read_runs
    from mdlcode.plots.kinds import dimensions, draw
    from mdlcode.plots.style import save

    if kind == "dimension":
        figure = dimensions(runs)
    else:
        figure = draw(kind, read_runs(runs, codes.split(",") if codes else None), over)
    for path in save(figure, file):
        out.print(f"{kind} in {path}", highlight=False)


Folder = Annotated[
    Path,
    typer.Argument(
        help="What a command wrote with --out: a folder of compare, dimension or reproduce, or a file of the others."
    ),
]
ReportFile = Annotated[
    Path, typer.Option("--out", "-o", help="File: .html with figures and settings; .md, .tex, .csv: tables alone.")
]


def report(folder: Folder, file: ReportFile) -> None:
    """Everything in a folder as one file, with its figures."""
    from mdlcode.report.document import write_document
    from mdlcode.report.readers import read_document

    write_document(read_document(folder), file)
    out.print(f"report in {file}", highlight=False)
