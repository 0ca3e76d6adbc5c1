"""`mdlcode dimension`."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from mdlcode.cli import options as o
from mdlcode.cli.show import out

if TYPE_CHECKING:
    from mdlcode.measures import IntrinsicDimension


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
    from mdlcode.experiments.dimension_file import DimensionFile
    from mdlcode.experiments.tasks import Dimension

    chosen = o.read(Dimension, given)
    loaded = chosen.load()
    search = chosen.search(loaded)
    file = None if out_folder is None else DimensionFile(out_folder, force, loaded, search, to_config(chosen.view))
    with o.computing(chosen.threads, chosen.workers):
        found = search.run(loaded, lambda so_far: None if file is None else file.save(so_far))
    out.print(
        _table(found, f"{loaded.name}, {search.accuracy_on} accuracy"), _summary(found), sep="\n", highlight=False
    )


def _table(found: "IntrinsicDimension", title: str) -> Table:
    made = Table(title=title)
    for name in ("d", "accuracy, mean over seeds", "least", "most"):
        made.add_column(name, justify="right")
    for each, accuracies in found.accuracies.items():
        shown = (sum(accuracies) / len(accuracies), min(accuracies), max(accuracies))
        made.add_row(f"{each:,}", *(f"{100 * value:.2f} %" for value in shown))
    return made


def _summary(found: "IntrinsicDimension") -> str:
    low, high = found.interval()
    limits = f"{low:,.0f} - " + (f"{high:,.0f}" if high < float("inf") else "not bounded")
    reached = (
        f"{found.dimension:,.0f} of D = {found.num_parameters:,}"
        f" (95 %, inverse regression over {len(found.trials)} trainings: {limits})"
    )
    if found.dimension == float("inf"):
        reached = f"above {max(found.accuracies):,}: no dimension tried reaches it"
    return (
        f"d_int{100 * found.share:.0f} = {reached}\n"
        f"threshold {100 * found.threshold:.2f} % = {found.share:g} x baseline {100 * found.baseline:.2f} %"
        f" ({found.baseline_name}); isotonic means, linear in log d"
    )
