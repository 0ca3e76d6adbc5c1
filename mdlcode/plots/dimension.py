"""Accuracy against the dimension of the subspace, with the threshold: Figure 2 of Li et al. 2018."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mdlcode.plots.style import COLOURS, MARKERS, log_ticks


def draw_dimensions(axes: Axes, measured: Sequence[Mapping[str, Any]], names: Sequence[str] = ()) -> Axes:
    """The axes with a curve for each of the `measured`, which are the contents of `dimension.json` files.

    A curve is the mean over seeds, its band reaches from the least seed to the best; the dashed line is the
    threshold, and the vertical line the intrinsic dimension. `names` are net, data and view by default.

    >>> from matplotlib.figure import Figure
    >>> trials = [{"dimension": d, "seed": 0, "accuracy": a} for d, a in ((10, 0.2), (100, 0.8))]
    >>> one = {"trials": trials, "threshold": 0.7, "dimension": 68.1, "arch": "mlp", "dataset": "digits"}
    >>> draw_dimensions(Figure().subplots(), [one | {"share": 0.9}]).get_xscale()
    'log'
    """
    for index, one in enumerate(measured):
        colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
        dimensions, accuracies = _curve(one["trials"])
        name = names[index] if names else _name(one)
        found = "not reached" if one["dimension"] is None else f"{one['dimension']:,.0f}"
        label = f"{name}: $d_{{int{100 * one['share']:.0f}}}$ = {found}"
        axes.fill_between(
            dimensions, [100 * min(each) for each in accuracies], [100 * max(each) for each in accuracies],
            color=colour, alpha=0.15, linewidth=0,
        )  # fmt: skip
        axes.plot(dimensions, [100 * np.mean(each) for each in accuracies], color=colour, marker=marker, label=label)
        axes.axhline(100 * one["threshold"], color=colour, linestyle="--", linewidth=0.8)
        if one["dimension"] is not None:
            axes.axvline(one["dimension"], color=colour, linestyle=":", linewidth=0.8)
    axes.set_xscale("log")
    log_ticks(axes.xaxis)
    axes.set(xlabel="dimension of the subspace", ylabel="accuracy (%)")
    axes.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none")
    return axes


def _name(one: Mapping[str, Any]) -> str:
    view = one.get("view", {})
    pixels = ["shuffled pixels"] if view.get("shuffle_pixels") else []
    labels = [f"{100 * view['label_noise']:.0f} % random labels"] if view.get("label_noise") else []
    count = [f"n = {one['num_labels']:,}"] if "num_labels" in one else []
    return ", ".join([one["arch"], one["dataset"], *count, *pixels, *labels])


def _curve(trials: Sequence[Mapping[str, Any]]) -> tuple[list[int], list[list[float]]]:
    dimensions = sorted({trial["dimension"] for trial in trials})
    return dimensions, [[trial["accuracy"] for trial in trials if trial["dimension"] == d] for d in dimensions]
