"""Figures 1, 3 and 4 of Kuhn et al. 2021: measures along a double descent."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from mdlcode.papers import Job
from mdlcode.papers.kuhn.made import models
from mdlcode.papers.kuhn.settings import grids
from mdlcode.plots.style import COLOURS, drawing
from mdlcode.ranking import Models, tau_a
from mdlcode.ranking.kendall import null_standard_error
from mdlcode.typing import FloatArray

PUBLISHED_TAU = 0.3613
_FIGURE1 = ("test_ce", "prunability", "effective-dimension")
_FIGURE3 = (
    *("test_ce", "test_error", "train_ce", "prunability", "prunability-random", "prunability-absolute"),
    *("effective-dimension", "perturbation-magnitude", "margin-last-median", "sotl", "sum-of-frobenius"),
    "two-part-bits",
)
_LOGARITHMIC = {"perturbation-magnitude", "effective-dimension", "train_ce"}


def fig1(job: Job) -> None:
    """Test loss, prunability and effective dimension by width."""
    _draw(job, "fig1", "descent", _FIGURE1, "Figure 1 of Kuhn et al. 2021: prunability along a double descent.")


def fig3(job: Job) -> None:
    """All measures by width."""
    _draw(job, "fig3", "descent", _FIGURE3, "Figure 3 of Kuhn et al. 2021: all measures along a double descent.")


def fig4(job: Job) -> None:
    """All measures by the width of a ResNet18."""
    _draw(job, "fig4", "resnets", _FIGURE3, "Figure 4 of Kuhn et al. 2021: the same for ResNet18.")


def _draw(job: Job, name: str, grid: str, columns: Sequence[str], title: str) -> None:
    table = models(job, grid)
    shown = [column for column in columns if column in table.columns]
    rows = -(-len(shown) // 3)
    with drawing(rows, min(3, len(shown)), width=3.6, height=2.6) as (figure, axes):
        for each, column, colour in zip(axes, shown, [*COLOURS, *COLOURS], strict=False):
            _by_width(each, table, column, colour)
        for each in axes[len(shown) :]:
            each.remove()
    reduced = "" if job.scale == "full" else " The paper has 32 widths on CIFAR-100."
    caption = f"{title} {grids(job.scale)[grid].about}; means over seeds, the shade is their standard error.{reduced}"
    job.store.figure(name, figure, f"{caption} {_taus(table, columns)}")


def _by_width(axes: Axes, table: Models, column: str, colour: str) -> None:
    widths = np.array([float(each) for each in table.values["width"]])
    of = table.levels["width"]
    values = [_finite(table.columns[column][of == level]) for level in range(len(widths))]
    mean = np.array([each.mean() if len(each) else np.nan for each in values])
    error = np.array([each.std(ddof=1) / np.sqrt(len(each)) if len(each) > 1 else 0.0 for each in values])
    axes.plot(widths, mean, marker="o", color=colour)
    axes.fill_between(widths, mean - error, mean + error, color=colour, alpha=0.25, linewidth=0)
    axes.set(xscale="log", xlabel="width", title=column.replace("_", " "))
    if column in _LOGARITHMIC and np.nanmin(mean) > 0:
        axes.set_yscale("log")


def _taus(table: Models, columns: Sequence[str]) -> str:
    """Kendall's tau-a of each measure with the test loss, beside the published one."""
    loss = table.columns["test_ce"]
    found = []
    for column in columns:
        if column not in ("test_ce", "test_error") and column in table.columns:
            values = table.signs.get(column, 1) * table.columns[column]
            known = np.isfinite(values)
            if known.sum() > 2:
                found.append(f"{column} {tau_a(values[known], loss[known]):.2f}")
    noise = null_standard_error(len(table))
    return (
        f"tau-a with the test loss, turned by each measure's sign (standard deviation of noise {noise:.2f}):"
        f" {', '.join(found)}. In the paper {PUBLISHED_TAU} for prunability."
    )


def _finite(values: FloatArray) -> FloatArray:
    return values[np.isfinite(values)]
