"""How far a net can be squeezed: the U-shape of the total, and accuracy against sparsity."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from mdlcode.plots.style import COLOURS, MARKERS, log_ticks
from mdlcode.typing import FloatArray


def u_shape(axes: Axes, traces: Mapping[str, FloatArray]) -> Axes:
    """Draws total, label and weights' bits of a sweep against its weights' bits, and marks the least total.

    `traces` are those of a `Compressed` code: `bit_prices`, `weights_bits` and `total_bits`, (m,) each. Nets that
    were squeezed to nothing are left out.
    """
    finite = np.isfinite(traces["total_bits"])
    order = np.argsort(traces["weights_bits"][finite])
    prices, weights, total = (traces[name][finite][order] for name in ("bit_prices", "weights_bits", "total_bits"))
    for bits, name, marker in ((total, "total", "o"), (total - weights, "labels", "s"), (weights, "weights", "^")):
        axes.plot(weights / 1000, bits / 1000, marker=marker, label=name)
    for price, x, y in zip(prices, weights, total, strict=True):
        axes.annotate(f"{price:g}", (x / 1000, y / 1000), (0, 5), textcoords="offset points", ha="center", fontsize=7)
    best = int(total.argmin())
    least = f"least total {total[best] / 1000:.2f} kbit"
    axes.plot(weights[best] / 1000, total[best] / 1000, "o", color=COLOURS[2], markersize=8, zorder=5, label=least)
    axes.set(xlabel="bits of the weights (kbit; price at each point)", ylabel="kbit")
    axes.set_ylim(0, 1.15 * total.max() / 1000)
    axes.legend()
    return axes


def pruning_curves(axes: Axes, curves: Mapping[str, FloatArray]) -> Axes:
    """Draws accuracy on the training labels against sparsity, one curve a name.

    `curves` are rows (sparsity, accuracy) by name, (m, 2) each, both as shares from 0 to 1.
    """
    for index, (name, curve) in enumerate(curves.items()):
        colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
        axes.plot(1 - curve[:, 0], 100 * curve[:, 1], label=name, color=colour, marker=marker)
    axes.set(xscale="log", xlabel="share of weights kept", ylabel="training accuracy (%)", ylim=(0, 101))
    log_ticks(axes.xaxis)
    axes.invert_xaxis()
    axes.legend()
    return axes
