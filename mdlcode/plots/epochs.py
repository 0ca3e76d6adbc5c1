"""The variational codelength along training: Blier & Ollivier 2018, figure 1."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from mdlcode.plots.style import COLOURS, MARKERS, log_ticks

Row = Mapping[str, Any]
_LINES = (("total_bits", "total", "-"), ("kl_bits", "KL: weights", "--"), ("label_bits", "labels", ":"))


def codelength_by_epoch(axes: Axes, rows: Sequence[Row], uniform_bits: float) -> Axes:
    """Draws total, KL and label bits in kbits against epochs, each kind of labels in its own colour.

    `rows` hold "labels" (what they are), "epoch", "total_bits", "kl_bits" and "label_bits".
    """
    for labels, colour in zip(dict.fromkeys(row["labels"] for row in rows), COLOURS[1:], strict=False):
        run = [row for row in rows if row["labels"] == labels]
        epochs = [row["epoch"] for row in run]
        for (key, name, dashes), marker in zip(_LINES, MARKERS, strict=False):
            kbits = [row[key] / 1000 for row in run]
            axes.plot(epochs, kbits, dashes, color=colour, marker=marker, label=f"{labels} labels, {name}")
    axes.axhline(uniform_bits / 1000, color="grey", linewidth=1, label="uniform code")
    axes.set(xlabel="epochs", ylabel="kbits (log scale)", yscale="log")
    log_ticks(axes.yaxis)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return axes
