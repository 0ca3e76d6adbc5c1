"""Where the bits go: the parts of each codelength."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from mdlcode.codelength import LABELS
from mdlcode.experiments.stored import Stored
from mdlcode.plots.style import COLOURS

_SEEN = 0.5  # percent: less is not seen in a bar


def bits_by_part(axes: Axes, runs: Sequence[Stored]) -> Axes:
    """Draws one bar a code, its parts as shares of its total, which is written under its name with the ratio.

    Shares, because the totals of codes differ by factors of thousands. Parts beyond the colours are one.
    """
    places, left = np.arange(len(runs)), np.zeros(len(runs))
    for name, colour in zip(_largest(runs), COLOURS[1:], strict=False):
        shares = np.array([_share(run, name) for run in runs])
        axes.barh(places, shares, left=left, height=0.7, color=colour, label=name)
        left += shares
    if (left < 100 - _SEEN).any():
        axes.barh(places, 100 - left, left=left, height=0.7, color="#BBBBBB", label="all others")
    axes.set_yticks(places, [_name(run) for run in runs])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set(xlabel="share of the bits (%)", xlim=(0, 100))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
    return axes


def _name(run: Stored) -> str:
    return f"{run.name}\n{run.result.total_bits:,.0f} bits, ratio {run.result.compression_ratio:,.3f}"


def _largest(runs: Sequence[Stored]) -> list[str]:
    """The labels, and the parts with the largest share in any code, as many as there are colours."""
    parts = {part for run in runs for part in run.result.bits_by_part} - {LABELS}
    largest = sorted(parts, key=lambda part: (-max(_share(run, part) for run in runs), part))
    return [LABELS, *largest[: len(COLOURS) - 2]]


def _share(run: Stored, part: str) -> float:
    return 100.0 * run.result.bits_by_part.get(part, 0.0) / run.result.total_bits
