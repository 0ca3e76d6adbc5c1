"""Figures of bounds: against the bits that were paid, several side by side, and the limits on compressibility."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mdlcode.errors import MdlError
from mdlcode.plots.style import COLOURS, MARKERS

Stored = Mapping[str, Any]  # a certificate as `mdlcode bound -o` stores it


def bound_over_bits(axes: Axes, certificates: Sequence[Stored]) -> Axes:
    """Axes with the tightest bound of each certificate against its bits, the least one marked.

    Below it are the errors that it was computed from and, where there was a test set, those on it: fewer bits
    cost errors, more bits cost certainty. Raises MdlError for no certificates.
    """
    if not certificates:
        raise MdlError("a figure of bounds against bits needs at least one certificate")
    order = sorted(certificates, key=lambda each: float(each["total_bits"]))
    bits = [float(each["total_bits"]) for each in order]
    values = [100 * _tightest(each) for each in order]
    best = int(np.argmin(values))
    axes.plot(bits, values, marker=MARKERS[0], color=COLOURS[1], label="bound")
    axes.plot(
        bits, [100 * float(each["risk"]) for each in order], marker=MARKERS[1], color=COLOURS[2], label="train error"
    )
    tested = [each for each in order if each.get("test")]
    if tested:
        rates = [100 * each["test"]["errors"] / each["test"]["n"] for each in tested]
        x = [float(each["total_bits"]) for each in tested]
        axes.plot(x, rates, marker=MARKERS[2], color=COLOURS[3], linestyle="--", label="test error")
    axes.annotate(
        f"{values[best]:.2f} % at {bits[best]:,.0f} bits",
        (bits[best], values[best]),
        xytext=(0, 9),
        textcoords="offset points",
        ha="center",
        fontsize=8,
    )
    axes.plot([bits[best]], [values[best]], marker="o", markersize=10, fillstyle="none", color=COLOURS[0])
    axes.set_xlabel("bits paid")
    axes.set_ylabel("error rate, %")
    axes.set_ylim(bottom=0, top=1.15 * max(values))
    axes.legend(loc="center right")
    return axes


def bounds_side_by_side(axes: Axes, certificate: Stored) -> Axes:
    """Axes with a bar for each bound of one certificate, tightest on top; a line at 1, beyond which all are vacuous.

    Bars that run far beyond are cut at 1.5 and carry their value. The train error is the dotted line and the
    test-set bound, where there is one, the dashed line.
    """
    rows = sorted(certificate["bounds"], key=lambda row: -float(row["value"]))
    values = np.array([float(row["value"]) for row in rows])
    colours = [COLOURS[3] if row["tightest"] else "#BBBBBB" if row["vacuous"] else COLOURS[1] for row in rows]
    axes.barh(range(len(rows)), np.minimum(values, 1.5), color=colours, height=0.7)
    for index, value in enumerate(values):
        text = f"{100 * value:.2f} %" + (" (vacuous)" if value >= 1 else "")
        inside = value > 0.85
        x = min(value, 1.5)
        axes.text(
            x - 0.01 if inside else x + 0.01,
            index,
            text,
            va="center",
            ha="right" if inside else "left",
            fontsize=8,
            color="white" if 0.85 < value < 1 else COLOURS[0],
        )
    axes.axvline(1, color=COLOURS[0], linewidth=0.8)
    axes.axvline(float(certificate["risk"]), color=COLOURS[2], linestyle=":", label="train error")
    if certificate.get("test"):
        axes.axvline(float(certificate["test"]["bound"]), color=COLOURS[4], linestyle="--", label="test-set bound")
    axes.set_yticks(range(len(rows)), [str(row["name"]) for row in rows])
    axes.set_xlim(0, max(1.05, min(1.5, float(values.max())) * 1.02))
    axes.set_xlabel("error rate at most")
    axes.grid(visible=False, axis="y")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    return axes


def _tightest(certificate: Stored) -> float:
    [value] = [float(row["value"]) for row in certificate["bounds"] if row["tightest"]]
    return value
