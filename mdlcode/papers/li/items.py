"""Li et al. 2018, "Measuring the Intrinsic Dimension of Objective Landscapes" (arXiv 1804.08838)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

from mdlcode.config import to_config
from mdlcode.data import Data
from mdlcode.experiments.pieces import Values
from mdlcode.experiments.tables import Table, percent
from mdlcode.learn import AdamW, NetLearner, Real, Steps, SubspaceLearner
from mdlcode.measures.dimension_search import DimensionSearch
from mdlcode.papers import Job, sizes
from mdlcode.plots.dimension import draw_dimensions
from mdlcode.plots.style import COLOURS, drawing, log_ticks

Search = Callable[[str, str], DimensionSearch]  # of a scale and a net
PUBLISHED = {
    ("mnist", "mlp-2x200"): 750,
    ("mnist", "lenet"): 290,
    ("cifar10", "mlp-2x200"): 9000,
    ("cifar10", "lenet"): 2900,
}
TABLE1 = {"smoke": ("mlp-1x20",), "cpu": ("mlp-2x200", "lenet"), "full": ("mlp-2x200", "lenet")}
GRID = {  # widths and depths of dense nets
    "smoke": ((20,), (1, 2)),
    "cpu": ((50, 200), (1, 3, 5)),
    "full": ((50, 100, 200, 400), (1, 2, 3, 4, 5)),
}
LABELS = {"smoke": 400, "cpu": 20_000, "full": None}


def search(scale: str, arch: str) -> DimensionSearch:
    """The search for d_int90 with the settings of a scale."""
    epochs, least = {"smoke": (3.0, 150), "cpu": (2.0, 300), "full": (10.0, 1000)}[scale]
    training = Steps(epochs=epochs, min_steps=least)
    moving = SubspaceLearner(
        arch=arch,
        coordinates=Real(),
        layers="joint",
        optimizer=AdamW(lr=5e-2, weight_decay=0.0),
        training=training,
    )
    direct = NetLearner(arch=arch, training=training)
    return DimensionSearch(
        moving,
        direct,
        seeds=1 if scale == "smoke" else 3,
        start=64 if scale == "smoke" else 256,
        precision=2.0 if scale == "smoke" else 1.3,
        accuracy_on="train" if scale == "smoke" else "test",
    )


def grid_search(scale: str, arch: str) -> DimensionSearch:
    """As `search`, but against a baseline of 1, so that all nets of a grid have the same threshold."""
    if scale == "smoke":
        return replace(search(scale, arch), baseline=1.0)
    moving = SubspaceLearner(
        arch=arch,
        layers="joint",
        coordinates=Real(),
        optimizer=AdamW(lr=5e-2, weight_decay=0.0),
        training=Steps(epochs=3),
    )
    return DimensionSearch(moving, baseline=1.0, seeds=2, start=500, precision=1.25)


def _measured(job: Job, wanted: Sequence[tuple[str, str]], name: str, how: Search) -> list[dict[str, Any]]:
    """What `how` finds of each data set and net, in pieces whose names begin with `name`."""
    found = job.store.all([_piece(job, name, how(job.scale, arch), dataset, arch) for dataset, arch in wanted])
    return [{**each, "dataset": dataset, "arch": arch} for each, (dataset, arch) in zip(found, wanted, strict=True)]


def _piece(job: Job, name: str, looked: DimensionSearch, dataset: str, arch: str) -> Values:
    limit = LABELS[job.scale]
    settings = {"search": to_config(looked), "data": dataset, "limit": limit}
    return Values(f"{name}-{dataset}-{arch}", settings, partial(_report, looked, job.data(dataset, limit)))


def _report(looked: DimensionSearch, load: Callable[[], Data]) -> dict[str, Any]:
    data = load()
    return {"num_labels": len(data), **looked.run(data).report()}


def _scale(job: Job) -> str:
    return sizes(
        job.scale,
        "400 labels of the digits, accuracy on them, one seed, tiny nets.",
        "20,000 labels, 2 epochs, three seeds.",
        "all labels, 10 epochs, three seeds.",
    )


def _of_table1(job: Job) -> list[dict[str, Any]]:
    return _measured(job, list(product(job.datasets, TABLE1[job.scale])), "d", search)


def table1(job: Job) -> None:
    """d_int90 of dense and convolutional nets."""
    rows = []
    for found in _of_table1(job):
        low, high = ("-" if each is None else f"{each:,.0f}" for each in found["interval"])
        shown = "not reached" if found["dimension"] is None else f"{found['dimension']:,.0f}"
        published = PUBLISHED.get((found["dataset"], found["arch"]))
        size = f"{found['num_parameters']:,}"
        own = "-" if published is None else f"{published:,}"
        rows.append((found["dataset"], found["arch"], size, own, shown, f"{low} - {high}", percent(found["baseline"])))
    caption = (
        "Table 1 of Li et al. 2018: d_int90, the dimension at which a random subspace reaches 90 % of the baseline, the"
        " net's own accuracy; the interval is at 95 %, by inverse regression. d_int depends on the training."
    )
    header = ("data", "net", "D", "published", "d_int90", "interval", "baseline")
    job.store.table("table1", Table(f"{caption} {_scale(job)}", header, tuple(rows)))


def fig2(job: Job) -> None:
    """Accuracy against the dimension of the subspace."""
    measured = _of_table1(job)
    with drawing() as (figure, [axes]):
        draw_dimensions(axes, measured)
    caption = (
        "Figure 2 of Li et al. 2018: accuracy against the dimension of the subspace; dashed: 90 % of the baseline."
    )
    job.store.figure("fig2", figure, f"{caption} {_scale(job)}")


def fig3(job: Job) -> None:
    """d_int90 against the number of parameters of dense nets."""
    widths, depths = GRID[job.scale]
    nets = [(job.datasets[0], f"mlp-{depth}x{width}") for width in widths for depth in depths]
    reached = [each for each in _measured(job, nets, "grid", grid_search) if each["dimension"] is not None]
    with drawing() as (figure, [axes]):
        axes.plot(
            [each["num_parameters"] for each in reached],
            [each["dimension"] for each in reached],
            marker="o",
            linestyle="",
            color=COLOURS[1],
        )
        for each in reached:
            place = each["num_parameters"], each["dimension"]
            axes.annotate(each["arch"].removeprefix("mlp-"), place, (5, 5), textcoords="offset points", fontsize=7)
        highest = max((each["dimension"] for each in reached), default=1.0)
        axes.set_xscale("log")
        axes.set(xlabel="parameters D", ylabel="d_int90", ylim=(0, 1.4 * highest))
        axes.margins(x=0.25)
        log_ticks(axes.xaxis)
        sizes_ = {f"n = {each['num_labels']:,}" for each in reached if "num_labels" in each}
        axes.set_title(", ".join([job.datasets[0], *sorted(sizes_)]))
    caption = (
        "Figure 3 of Li et al. 2018: d_int90 of dense nets (depth x width) against their number of parameters,"
        f" {job.datasets[0]}; 0.9 of a baseline of 1. {_spread(reached)}"
    )
    reduced = sizes(
        job.scale,
        "400 labels of the digits, accuracy on them, one seed, tiny nets.",
        "20,000 labels, 3 epochs, two seeds, 6 of the 20 nets.",
        "all labels, 3 epochs, two seeds.",
    )
    job.store.figure("fig3", figure, f"{caption} {reduced}")


def _spread(reached: Sequence[dict[str, Any]]) -> str:
    """How far the numbers of parameters and the dimensions lie apart, in one sentence."""
    sizes_, dimensions = ([each[name] for each in reached] for name in ("num_parameters", "dimension"))
    if not reached:
        return "No net reaches it."
    return f"D varies {max(sizes_) / min(sizes_):.1f}x, d_int90 {max(dimensions) / min(dimensions):.2f}x."


ITEMS = {"table1": table1, "fig2": fig2, "fig3": fig3}
DATA = {"smoke": ("digits",), "cpu": ("mnist",), "full": ("mnist", "cifar10")}
