"""Tables 1 to 3 of Kuhn et al. 2021: how well measures rank nets by their generalization gap."""

from collections.abc import Sequence

import numpy as np

from mdlcode.experiments.tables import Table
from mdlcode.papers import Job
from mdlcode.papers.kuhn.made import models
from mdlcode.papers.kuhn.settings import grids
from mdlcode.ranking import Models, Row, conditional_information, information_null, rank

# What Table 1 compares, under our names. Its cells are not recovered; of the text these orders are.
TABLE1 = (
    *("margins, fitted", "margins, best single", "sotl", "prunability", "prunability-random"),
    *("perturbation-magnitude", "cross-entropy", "sum-of-frobenius"),
)
TABLE2 = (
    *("prunability", "prunability-random", "perturbation-magnitude", "sum-of-frobenius", "parameters"),
    *("product-of-frobenius", "distance", "sum-of-frobenius-pruned", "parameters-pruned"),
)
TABLE3 = ("perturbation-magnitude", "sotl", "margin-last-median", "sum-of-frobenius", "cross-entropy", "parameters")
CONTROLS = ("random", "noisy oracle", "canonical ordering", "-train CE")
_NOTE = (
    "Every measure is turned by its sign, so that a positive tau is right. The gap is against test labels with the"
    " training labels' noise; the cells that the paper prints are not known to us."
)


def ranked(table: Models, target: str, names: Sequence[str]) -> dict[str, Row]:
    """The rows of some measures, of the fitted margins and of the controls, on all models."""
    present = [name for name in names if name in table.columns]
    margins = [name for name in table.measures if name.startswith("margin-")]
    wanted = [*present, *(margins if any(name.startswith("margins,") for name in names) else [])]
    found = {row.measure: row for row in rank(table, [target], list(dict.fromkeys(wanted))) if row.subset == "all"}
    return {name: found[name] for name in (*names, *CONTROLS) if name in found}


def main_grids(job: Job) -> list[str]:
    """The grids of the paper's tables."""
    return [name for name in grids(job.scale) if name in ("A", "B")]


def about(job: Job, names: Sequence[str]) -> str:
    """What a caption says of some grids."""
    what = "; ".join(f"{name}: {grids(job.scale)[name].about}" for name in names)
    reduced = "" if job.scale == "full" else " The paper has 324 NiN of 192 to 384 maps on all of CIFAR-10."
    return f"{what}.{reduced}"


def table1(job: Job) -> None:
    """tau, adjusted R2 and conditional mutual information with the gap."""
    rows = []
    for grid in main_grids(job):
        for name, row in ranked(models(job, grid), "gap", TABLE1).items():
            rows.append((label(name, row), grid, str(row.n), *_scores(row)))
    caption = (
        "Table 1 of Kuhn et al. 2021: how measures order nets by their generalization gap. In the paper margins come"
        " first, then prunability, the sum of losses and the best margin variable about alike, random pruning a little"
        f" below, and flatness, training loss and norms last. {about(job, main_grids(job))} {_NOTE}"
    )
    header = ("measure", "grid", "nets", "tau-a", "95 %", "adjusted R2", "CMI", "CMI of noise")
    job.store.table("table1", Table(caption, header, tuple(rows)))


def table2(job: Job) -> None:
    """tau along each hyperparameter, and their mean."""
    for grid in main_grids(job):
        table = models(job, grid)
        rows, nulls = [], ""
        for name, row in ranked(table, "gap", TABLE2).items():
            if row.scores is None:
                rows.append((label(name, row), *["-"] * (len(table.axes) + 2)))
                continue
            along = [f"{row.scores.granulated.by_axis[axis]:.3f}" for axis in table.axes]
            rows.append(
                (label(name, row), *along, f"{row.scores.correlation.tau_a:.3f}", f"{row.scores.granulated.mean:.3f}")
            )
            noise = ", ".join(f"{axis} {each:.3f}" for axis, each in row.scores.granulated.null_by_axis.items())
            nulls = f"{noise}, Psi {row.scores.granulated.null_mean:.3f}"
        caption = (
            "Table 2 of Kuhn et al. 2021: Kendall's tau among nets that differ in one hyperparameter alone, tau of all"
            f" pairs, and Psi, the mean over hyperparameters. {about(job, [grid])} Standard deviation of noise:"
            f" {nulls}; the paper's standard errors are too small by two to three orders. {_NOTE}"
        )
        suffix = "" if grid == "A" else f"-{grid.lower()}"
        header = ("measure", *table.axes, "tau-a", "Psi")
        job.store.table(f"table2{suffix}", Table(caption, header, tuple(rows)))


def table3(job: Job) -> None:
    """Conditional mutual information between prunability and other measures."""
    rows = []
    for grid in main_grids(job):
        table = models(job, grid)
        rows += [(name, grid, *_shared(table, name)) for name in TABLE3 if name in table.columns]
    caption = (
        "Table 3 of Kuhn et al. 2021: conditional mutual information between the orders that prunability and another"
        " measure give. In the paper it is largest with perturbation-magnitude. Beside it what random numbers reach in"
        f" 5 % of tables. {about(job, main_grids(job))}"
    )
    job.store.table("table3", Table(caption, ("measure", "grid", "CMI", "CMI of noise"), tuple(rows)))


def label(name: str, row: Row) -> str:
    """The measure's name, and whether it is a control."""
    return f"control: {name}" if row.control else name


def _scores(row: Row) -> tuple[str, ...]:
    if row.scores is None:
        return (row.reason, *["-"] * 4)
    it = row.scores
    interval = f"{it.correlation.low:.2f} .. {it.correlation.high:.2f}"
    tau, r2 = f"{it.correlation.tau_a:.3f}", f"{it.regression.adjusted_r2:.3f}"
    return tau, interval, r2, f"{it.cmi:.4f}", f"< {it.cmi_null:.4f}"


def _shared(table: Models, name: str) -> tuple[str, str]:
    one, other = table.columns["prunability"], table.columns[name]
    known = np.isfinite(one) & np.isfinite(other)
    part = table.where(known)
    levels = {axis: part.levels[axis] for axis in part.axes}
    shared = conditional_information(one[known], other[known], levels)
    return f"{shared:.4f}", f"< {information_null(one[known], levels):.4f}"
