"""`mdlcode reproduce`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mdlcode.cli import options as o
from mdlcode.cli.show import out

if TYPE_CHECKING:
    import torch

Paper = Annotated[str, typer.Argument(help="blier-ollivier, zhou, li, kuhn or denis.")]
OutFolder = Annotated[Path, typer.Option("--out", "-o", help="Folder; what is there already is not done again.")]
Only = Annotated[str | None, typer.Option(help="Tables and figures by name, with commas: table1,fig2.")]
Scale = Annotated[str, typer.Option(help="smoke (a minute or two), cpu (hours on two cores) or full (a GPU).")]
Workers = Annotated[int | None, typer.Option(help="Processes that work side by side; one a core, on a GPU 1.", min=1)]
DataNames = Annotated[str | None, typer.Option("--data", help="Data sets for the tables, with commas.")]

_MOST_WORKERS = 8  # each holds a torch of its own in memory


def reproduce(
    paper: Paper,
    out_folder: OutFolder,
    only: Only = None,
    scale: Scale = "smoke",
    data: DataNames = None,
    device: o.Device = None,
    threads: o.Threads = None,
    workers: Workers = None,
    cache: o.Cache = None,
    no_cache: o.NoCache = None,
) -> None:
    """A paper's tables and figures, published values beside ours."""
    from importlib import import_module

    from mdlcode import finished
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
    with locked(out_folder), o.computing(threads, workers or _cores(where)):
        job = Job(Reproduction(out_folder, paper, scale), scale, datasets, where)
        for name in chosen:
            known[name](job)
            out.print(f"{name} in {out_folder}")
            if (table := out_folder / f"{name}.md").is_file():
                out.print(table.read_text())


def _cores(device: "torch.device") -> int:
    import torch

    return min(torch.get_num_threads(), _MOST_WORKERS) if device.type == "cpu" else 1
