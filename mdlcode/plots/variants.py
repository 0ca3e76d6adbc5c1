"""Where the variational bits go: net by net, prior by prior, guide by guide."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mdlcode.plots.style import COLOURS

Row = Mapping[str, Any]


def bits_by_variant(axes: Axes, rows: Sequence[Row]) -> Axes:
    """Draws a bar for each variant: KL and label bits one above the other, means over seeds, with the total's range.

    `rows` hold "variant", "kl_bits" (prior scales included), "label_bits" and "accuracy", a row a seed.
    """
    names = list(dict.fromkeys(row["variant"] for row in rows))
    runs = {name: [row for row in rows if row["variant"] == name] for name in names}
    kl, labels = (np.array([np.mean([row[key] for row in runs[name]]) for name in names]) / 1000 for key in _PARTS)
    totals = [[(row["kl_bits"] + row["label_bits"]) / 1000 for row in runs[name]] for name in names]
    spread = np.array([[kl[i] + labels[i] - min(each), max(each) - kl[i] - labels[i]] for i, each in enumerate(totals)])
    places = np.arange(len(names))
    axes.barh(places, kl, color=COLOURS[1], label="KL: weights")
    axes.barh(places, labels, left=kl, color=COLOURS[6], label="labels", xerr=np.maximum(spread.T, 0), capsize=2)
    for place, name in enumerate(names):
        accuracy = 100 * np.mean([row["accuracy"] for row in runs[name]])
        axes.annotate(f" {accuracy:.1f} %", (max(totals[place]), place), va="center", fontsize=8)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_axisbelow(True)
    axes.set_xlabel("kbits, with accuracy")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return axes


_PARTS = ("kl_bits", "label_bits")
