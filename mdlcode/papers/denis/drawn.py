"""How means over seeds are drawn: curves in a shade, and points with bars of their interval."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from mdlcode.papers.denis.common import mean_interval


def band(
    axes: Axes, x: Sequence[float], by_seed: Sequence[Sequence[float]], label: str, colour: str, marker: str = ""
) -> None:
    """The mean (T,) over seeds of values (seeds, T) as a curve, their range as a shade."""
    values = np.array(by_seed, dtype=np.float64)
    axes.plot(x, values.mean(0), label=label, color=colour, marker=marker)
    axes.fill_between(x, values.min(0), values.max(0), color=colour, alpha=0.2, linewidth=0)


def points(axes: Axes, names: Sequence[str], by_name: Sequence[Sequence[float]], colours: Sequence[str]) -> None:
    """For each name a row: the mean of its values over seeds as a dot, its 95 % interval as a line, and the values."""
    for row, (values, colour) in enumerate(zip(by_name, colours, strict=False)):
        mean, low, high = mean_interval(values)
        if len(values) > 1:
            axes.plot([low, high], [row, row], color=colour)
        axes.plot([mean], [row], marker="o", color=colour, linestyle="")
        axes.plot(values, [row + 0.2] * len(values), marker="|", color=colour, linestyle="", alpha=0.6)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
