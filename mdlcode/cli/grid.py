"""`mdlcode grid`."""

from pathlib import Path
from typing import Annotated

import typer

from mdlcode.cli import options as o
from mdlcode.cli.show import out

Config = Annotated[Path, typer.Option("--config", help="YAML file: axes, fixed, training, measures.")]
OutFolder = Annotated[Path, typer.Option("--out", "-o", help="Folder; nets that are there are not trained again.")]
Names = Annotated[
    str | None, typer.Option("--measures", help="Measures by name, with commas; those of the config, else all.")
]


def grid(
    data: o.DataName,
    config: Config,
    out_folder: OutFolder,
    measures: Names = None,
    target: o.Target = None,
    test: o.Test = None,
    device: o.Device = None,
    threads: o.Threads = None,
    workers: o.Workers = None,
    executor: o.ExecutorName = None,
    cache: o.Cache = None,
    no_cache: o.NoCache = None,
) -> None:
    """Trains a grid of nets, many at once, and measures each: a table for `rank`."""
    from mdlcode import finished
    from mdlcode.data import load
    from mdlcode.engines import place_of
    from mdlcode.environment import select_device
    from mdlcode.experiments.grid import read_grid, run_grid
    from mdlcode.measures.base import chosen
    from mdlcode.measures.generalization import MEASURES

    place = place_of(executor, workers)
    finished.choose(cache, bool(no_cache))
    made, own = read_grid(config)
    wanted = chosen(MEASURES, measures.split(",") if measures else own or MEASURES)
    loaded = load(data, target=target, test=test).to(select_device(device or "auto"))
    with o.computing(threads, place):
        rows = run_grid(made, loaded, out_folder, wanted)
    trained = [row for row in rows if "train_error" in row]
    unsettled = sum(row["converged"] == "0" for row in rows)
    out.print(
        f"{len(rows):,} nets in {out_folder}: {len(trained):,} trained, {len(rows) - len(trained):,} diverged,"
        f" {unsettled - (len(rows) - len(trained)):,} not converged\nrank them: mdlcode rank {out_folder}",
        highlight=False,
    )
