"""Codelengths along the labels: ratio, regret, and bits and accuracy of each block."""

from collections.abc import Iterator, Sequence
from itertools import cycle, pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from mdlcode.codelength import uniform_bits
from mdlcode.errors import MdlError
from mdlcode.experiments.stored import Stored
from mdlcode.plots.style import COLOURS, MARKERS, log_ticks
from mdlcode.typing import FloatArray, IntArray

_LEGEND_ENTRIES = 5  # more would hide curves
_LARGE_REGRET = 3000  # bits from which on a linear axis shows nothing of the first labels
_POINTS = 400  # of a curve: more are not seen and make large files


def compression_ratio(axes: Axes, runs: Sequence[Stored]) -> Axes:
    """Draws bits spent over the uniform code's after i labels, against i; the model's bits count from the first."""
    for index, (run, colour, marker) in enumerate(_styled(runs)):
        seen = _seen(run)
        ratios = _spent(run, seen) / _uniform(run, seen)
        axes.plot(seen, ratios, label=run.name, color=colour, marker=marker, markevery=_apart(index, len(runs)))
    axes.axhline(1.0, color="grey", linestyle=":", linewidth=1)
    axes.set(xscale="log", yscale="log", ylabel="compression ratio (lower is better)")
    return _finish(axes)


def regret_to_uniform(axes: Axes, runs: Sequence[Stored]) -> Axes:
    """Draws bits spent less the uniform code's after i labels, against i: below zero the code has gained.

    Where thousands of bits are gained the axis is linear around zero and logarithmic away from it (one step of it
    for each factor of ten).
    """
    for index, (run, colour, marker) in enumerate(_styled(runs)):
        seen = _seen(run)
        regret = _spent(run, seen) - _uniform(run, seen)
        axes.plot(seen, regret, label=run.name, color=colour, marker=marker, markevery=_apart(index, len(runs)))
    axes.axhline(0.0, color="grey", linestyle=":", linewidth=1)
    axes.set(xscale="log", ylabel="bits above the uniform code")
    if max(map(abs, axes.get_ylim())) > _LARGE_REGRET:
        axes.set_yscale("symlog", linthresh=100)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda bits, _: f"{bits:,.0f}"))
    return _finish(axes)


def bits_by_block(axes: Axes, runs: Sequence[Stored]) -> Axes:
    """Draws the mean bits per label of each block, against the labels seen before it."""
    for run, colour, marker in _styled(runs):
        starts, means = _block_means(run, run.bits_by_label)
        axes.plot(starts, means, label=run.name, color=colour, marker=marker)
    classes = {run.result.num_classes for run in runs}
    for num_classes in classes:
        axes.axhline(np.log2(num_classes), color="grey", linestyle=":", linewidth=1)
    axes.set(xscale="log", yscale="log", ylabel="bits per label of the block")
    return _finish(axes)


def accuracy_by_block(axes: Axes, runs: Sequence[Stored]) -> Axes:
    """Draws the share of each block's labels that were the likeliest when sent, against the labels seen before.

    Raises MdlError for real-valued targets, which are never told exactly.
    """
    if any(run.result.precision is not None for run in runs):
        raise MdlError("real-valued targets have no accuracy: plot 'blocks', 'ratio' or 'regret'")
    for run, colour, marker in _styled(runs):
        starts, means = _block_means(run, 100.0 * run.arrays["correct_by_label"])
        axes.plot(starts, means, label=run.name, color=colour, marker=marker)
    axes.set(xscale="log", ylabel="accuracy on the block (%)", ylim=(0, 101))
    return _finish(axes)


def blocks(run: Stored) -> IntArray:
    """After how many labels each block of a run ends (S,): its own stops, else 8, 16, 32, ..., n."""
    if "block_stops" in run.arrays:
        return run.arrays["block_stops"].astype(np.int64)
    n = run.result.num_labels
    return np.unique(np.minimum(8 * 2 ** np.arange(0, 40), n)).astype(np.int64)


def _block_means(run: Stored, by_label: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where each block starts (S,), the first at 1, and the mean of a value over its labels (S,)."""
    stops = [0, *blocks(run).tolist()]
    starts = np.maximum(np.array(stops[:-1], dtype=np.float64), 1.0)
    return starts, np.array([by_label[start:stop].mean() for start, stop in pairwise(stops)])


def _seen(run: Stored) -> IntArray:
    n = run.result.num_labels
    return np.unique(np.geomspace(1, n, _POINTS).round().astype(np.int64))


def _spent(run: Stored, seen: IntArray) -> FloatArray:
    return run.bits_after_label[seen - 1]


def _uniform(run: Stored, seen: IntArray) -> FloatArray:
    uniform: FloatArray = seen.astype(np.float64) * uniform_bits(1, run.result.num_classes)
    return uniform


def _styled(runs: Sequence[Stored]) -> Iterator[tuple[Stored, str, str]]:
    return zip(runs, cycle(COLOURS), cycle(MARKERS), strict=False)


def _apart(index: int, count: int) -> tuple[float, float]:
    """Where the markers of the index-th of so many curves stand, as shares of the figure: beside those of others."""
    return (0.12 * index / count, 0.12)


def _finish(axes: Axes) -> Axes:
    axes.set_xlabel("labels seen")
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            log_ticks(axis)
    many = len(axes.get_legend_handles_labels()[1]) > _LEGEND_ENTRIES
    axes.legend(**({"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} if many else {}))
    return axes
