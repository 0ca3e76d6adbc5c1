"""Where the bits go: the parts of each codelength."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes

from mdlcode.codelength import LABELS
from mdlcode.experiments.stored import Stored
from mdlcode.plots.style import COLOURS


def bits_by_part(axes: Axes, runs: Sequence[Stored]) -> Axes:
    """Draws one bar a code, its parts as shares of its total, which is written beside it with the ratio.

    Shares, because the totals of codes differ by factors of thousands.
    """
    names = sorted({part for run in runs for part in run.result.bits_by_part}, key=lambda part: (part != LABELS, part))
    places, left = np.arange(len(runs)), np.zeros(len(runs))
    for name, colour in zip(names, cycle(COLOURS[1:]), strict=False):
        shares = np.array([_share(run, name) for run in runs])
        axes.barh(places, shares, left=left, height=0.7, color=colour, label=name)
        left += shares
    for place, run in enumerate(runs):
        text = f" {run.result.total_bits:,.0f} bits, ratio {run.result.compression_ratio:.3g}"
        axes.text(100, float(place), text, va="center", fontsize=8)
    axes.set_yticks(places, [run.name for run in runs])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set(xlabel="share of the bits (%)", xlim=(0, 165), xticks=range(0, 101, 25))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
    return axes


def _share(run: Stored, part: str) -> float:
    return 100.0 * run.result.bits_by_part.get(part, 0.0) / run.result.total_bits
