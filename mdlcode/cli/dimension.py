"""`mdlcode dimension`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
Share = Annotated[float, typer.Option(help="Share of the baseline's accuracy that is to be reached.")]
Baseline = Annotated[
    float | None, typer.Option(help="Accuracy to compare with; the net's own, all parameters trained, by default.")
]
Taken = Annotated[On | None, typer.Option(help="Accuracy on these labels; train where there is no test set or noise.")]
Seeds = Annotated[int, typer.Option(help="Subspaces trained at each dimension.")]
Epochs = Annotated[float, typer.Option(help="Passes over the labels in each training, of 150 steps at least.")]
Rate = Annotated[float, typer.Option("--lr", help="Peak learning rate of the coordinates.")]
Kind = Annotated[str, typer.Option(help="count-sketch, kronecker, srht, fastfood, sparse or dense.")]
Layers = Annotated[str, typer.Option(help="joint, layerwise, normalisation or mixed.")]
Start = Annotated[int, typer.Option(help="The first dimension that is tried.")]
Precision = Annotated[float, typer.Option(help="Factor within which d is bracketed.")]


def dimension(
    data: o.DataName,
    arch: o.Arch = None,
    share: Share = 0.9,
    baseline: Baseline = None,
    on: Taken = None,
    seeds: Seeds = 3,
    epochs: Epochs = 3.0,
    lr: Rate = 0.05,
    projection: Kind = "count-sketch",
    layers: Layers = "joint",
    start: Start = 128,
    precision: Precision = 1.15,
    seed: o.Seed = None,
    device: o.Device = None,
    limit: o.Limit = None,
    label_noise: o.LabelNoise = None,
    shuffle_pixels: o.ShufflePixels = None,
    order_seed: o.OrderSeed = None,
    out_folder: OutFolder = None,
    force: Force = False,
    threads: o.Threads = None,
    workers: o.Workers = 1,
) -> None:
    """The intrinsic dimension: in how many random directions the net must move to learn the task."""
    from mdlcode.config import from_config, to_config
    from mdlcode.experiments.dimension_file import DimensionFile
    from mdlcode.measures import DimensionSearch

    fields: dict[str, Any] = {"data": data, "arch": arch, "seed": seed, "device": device, "limit": limit}
    fields |= {"label_noise": label_noise, "shuffle_pixels": shuffle_pixels, "order_seed": order_seed}
    chosen = o.experiment(None, **fields)
    net = {"arch": ",".join(chosen.arch), "training": {"epochs": epochs}, "seed": chosen.seed}
    subspace = {
        "optimizer": {"kind": "adamw", "lr": lr, "weight_decay": 0.0},
        "projection": {"kind": projection},
        "layers": layers,
        "coordinates": {"kind": "real"},
    }
    config: dict[str, Any] = {
        "share": share,
        "baseline": baseline,
        "seeds": seeds,
        "start": start,
        "precision": precision,
    }
    config |= {"kind": "dimension-search", "learner": net | subspace, "direct": net}
    loaded = chosen.load()
    noisy_or_untested = chosen.label_noise > 0 or loaded.test_labels is None
    config["on"] = on.value if on else "train" if noisy_or_untested else "test"
    search = from_config(config, (DimensionSearch,), "measurement")
    file = None if out_folder is None else DimensionFile(out_folder, force, loaded, search, to_config(chosen.view))
    with o.computing(threads, workers):
        found = search.run(loaded, lambda so_far: None if file is None else file.save(so_far))
    out.print(_table(found, f"{loaded.name}, {config['on']} accuracy"), _summary(found), sep="\n", highlight=False)


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
