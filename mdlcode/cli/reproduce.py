"""`mdlcode reproduce`."""

from pathlib import Path
from typing import Annotated

import typer

from mdlcode.cli import options as o
from mdlcode.cli.show import out

Paper = Annotated[str, typer.Argument(help="blier-ollivier, zhou, li, kuhn or denis.")]
OutFolder = Annotated[Path, typer.Option("--out", "-o", help="Folder; what is there already is not done again.")]
Only = Annotated[str | None, typer.Option(help="Tables and figures by name, with commas: table1,fig2.")]
Scale = Annotated[str, typer.Option(help="smoke (a minute or two), cpu (hours on two cores) or full (a GPU).")]
DataNames = Annotated[str | None, typer.Option("--data", help="Data sets for the tables, with commas.")]


def reproduce(
    paper: Paper,
    out_folder: OutFolder,
    only: Only = None,
    scale: Scale = "smoke",
    data: DataNames = None,
    device: o.Device = None,
    threads: o.Threads = None,
    workers: o.Workers = None,
    executor: o.ExecutorName = None,
    cache: o.Cache = None,
    no_cache: o.NoCache = None,
) -> None:
    """A paper's tables and figures, published values beside ours."""
    from importlib import import_module

    from mdlcode import finished
    from mdlcode.engines import place_of
    from mdlcode.environment import select_device
    from mdlcode.files import locked
    from mdlcode.papers import PAPERS, SCALES, Job, items, nearest
    from mdlcode.report.reproduction import Reproduction

    finished.choose(cache, bool(no_cache))
    known = items(paper)
    chosen = [nearest(name.strip(), known, "table or figure") for name in (only or ",".join(known)).split(",")]
    default = import_module(f"mdlcode.papers.{PAPERS[paper]}").DATA[nearest(scale, SCALES, "scale")]
    datasets = tuple(name.strip() for name in data.split(",")) if data else default
    where = select_device(device or "auto")
    place = place_of(executor, workers)
    with locked(out_folder), o.computing(threads, place):
        job = Job(Reproduction(out_folder, paper, scale), scale, datasets, where)
        for name in chosen:
            known[name](job)
            out.print(f"{name} in {out_folder}")
            if (table := out_folder / f"{name}.md").is_file():
                out.print(table.read_text())
