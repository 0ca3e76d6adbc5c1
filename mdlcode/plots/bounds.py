"""Figures of bounds: against the bits that were paid, several side by side, and the limits on compressibility."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mdlcode.errors import MdlError
from mdlcode.experiments.stored import Stored as Run
from mdlcode.plots.style import COLOURS, MARKERS, log_ticks

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
        xytext=(0, 12),
        textcoords="offset points",
        ha="center",
        fontsize=8,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
    )
    axes.plot([bits[best]], [values[best]], marker="o", markersize=10, fillstyle="none", color=COLOURS[0])
    axes.set_xlabel("bits paid")
    axes.set_ylabel("error rate (%)")
    axes.set_ylim(bottom=0, top=1.25 * max(values))
    axes.margins(x=0.12)
    axes.set_title(_about(order[0]))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)
    return axes


def bounds_of_codes(axes: Axes, runs: Sequence[Run]) -> Axes:
    """Axes with a point for each code: its bound against the bits it pays, above the train error it starts from.

    They are no curve, as codes are no steps of one setting. Raises MdlError for no codes.
    """
    if not runs:
        raise MdlError("no code of these results has a bound: 'float32', 'compressed' and 'subspace' send nets")
    bits = np.array([float(run.result.bound_bits or 0) for run in runs])
    bounds = np.array([100 * float(run.result.bound or 0) for run in runs])
    errors = np.array([100 * (run.result.train_errors or 0) / run.result.num_labels for run in runs])
    axes.vlines(bits, errors, bounds, color="#BBBBBB", linewidth=1)
    axes.plot(bits, bounds, marker=MARKERS[0], color=COLOURS[1], linestyle="", label="bound")
    axes.plot(bits, errors, marker=MARKERS[1], color=COLOURS[2], linestyle="", label="train error")
    tests = np.array([np.nan if (a := run.result.test_accuracy) is None else 100 * (1 - a) for run in runs])
    if np.isfinite(tests).any():
        axes.plot(bits, tests, marker=MARKERS[2], color=COLOURS[3], linestyle="", label="test error")
    axes.set_xscale("log")
    low, high = bits.min(), bits.max()
    room = max(high / low, 10.0) ** 0.25
    axes.set_xlim(low / room, high * room)
    axes.set_ylim(0, 1.15 * bounds.max())
    log_ticks(axes.xaxis)
    for run, x, y in zip(runs, bits, bounds, strict=True):
        right = x > np.sqrt(low * high)  # what is written beside a point stays inside the frame
        axes.annotate(
            f"{run.name}\n{y:.1f} %",
            (x, y),
            xytext=(-5 if right else 5, 0),
            textcoords="offset points",
            ha="right" if right else "left",
            va="center",
            fontsize=8,
        )
    axes.set(xlabel="bits paid", ylabel="error rate (%)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)
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
    axes.set_title(_about(certificate))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    return axes


def _about(certificate: Stored) -> str:
    return f"{certificate['dataset']}, n = {certificate['n']:,}"


def _tightest(certificate: Stored) -> float:
    [value] = [float(row["value"]) for row in certificate["bounds"] if row["tightest"]]
    return value
