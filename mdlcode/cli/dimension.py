"""`mdlcode dimension`."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mdlcode.cli import options as o
from mdlcode.cli.show import out, print_table
from mdlcode.report.stored_tables import dimension_table


class On(StrEnum):
    """Where accuracies are taken."""

    TEST = "test"
    TRAIN = "train"


OutFolder = Annotated[Path | None, typer.Option("--out", "-o", help="Folder for dimension.json.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a dimension.json that is in --out.")]
Share = Annotated[float | None, typer.Option(help="Share of the baseline's accuracy that is to be reached: 0.9.")]
Baseline = Annotated[
    float | None, typer.Option(help="Accuracy to compare with; the net's own, all parameters trained, by default.")
]
Taken = Annotated[On | None, typer.Option(help="Accuracy on these labels; train where there is no test set or noise.")]
Seeds = Annotated[int | None, typer.Option(help="Subspaces trained at each dimension: 3.")]
Epochs = Annotated[
    float | None, typer.Option(help="Passes over the labels in each training, of 150 steps at least: 3.")
]
LearningRate = Annotated[float | None, typer.Option("--lr", help="Peak learning rate of the coordinates: 0.05.")]
Kind = Annotated[str | None, typer.Option(help="count-sketch, kronecker, srht, fastfood, sparse or dense.")]
Layers = Annotated[str | None, typer.Option(help="joint, layerwise, normalisation or mixed.")]
Start = Annotated[int | None, typer.Option(help="The first dimension that is tried: 128.")]
Precision = Annotated[float | None, typer.Option(help="Factor within which d is bracketed: 1.15.")]


@dataclass(frozen=True)
class Search(o.View):
    """Options of `dimension`."""

    share: Share = None
    baseline: Baseline = None
    accuracy_on: Taken = None
    seeds: Seeds = None
    epochs: Epochs = None
    lr: LearningRate = None
    projection: Kind = None
    layers: Layers = None
    start: Start = None
    precision: Precision = None


@o.taken
def dimension(given: Search, out_folder: OutFolder = None, force: Force = False) -> None:
    """The intrinsic dimension: in how many random directions the net must move to learn the task."""
    from mdlcode.config import to_config
    from mdlcode.experiments.dimension_file import DimensionFile, dimension_file
    from mdlcode.experiments.tasks import Dimension

    chosen = o.read(Dimension, given)
    loaded = chosen.load()
    search = chosen.search(loaded)
    stored: AbstractContextManager[DimensionFile | None] = nullcontext()
    if out_folder is not None:
        stored = dimension_file(out_folder, force, loaded, search, to_config(chosen.view))
    with stored as file, o.computing(chosen.threads, chosen.place):
        found = search.run(loaded, lambda so_far: None if file is None else file.save(so_far))
    out.print(f"{loaded.name}, {search.accuracy_on} accuracy")
    print_table(dimension_table(found.report()))
