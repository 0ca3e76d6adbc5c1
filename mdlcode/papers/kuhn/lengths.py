"""Codelengths as generalization measures, and whether a whole prequential code says more than its tail."""

from dataclasses import dataclass

import numpy as np

from mdlcode.experiments.tables import Table
from mdlcode.papers import Job
from mdlcode.papers.kuhn.made import models
from mdlcode.papers.kuhn.settings import CODELENGTHS, RETRAINED
from mdlcode.papers.kuhn.tables import CONTROLS, about, label, main_grids, ranked
from mdlcode.ranking import Models, Row, partial_tau, regression
from mdlcode.typing import FloatArray

TARGETS = ("gap", "test_error", "test_ce")
_BESIDE = ("prunability", "perturbation-magnitude", "sotl", "margins, fitted", "sum-of-frobenius")
_WHOLE, _TAIL, _ERRORS = "prequential-bits", "prequential-tail-bits", "prequential-errors"
_RESAMPLES = 500


@dataclass(frozen=True)
class Added:
    """What one measure says of a target beyond another: partial tau with a 95 % interval, and held-out R2 of both."""

    partial: float
    low: float
    high: float
    r2_alone: float
    r2_both: float


def codelengths(job: Job) -> None:
    """tau of codelengths and of other measures with gap, test error and test loss, on nets that have them all."""
    rows, names, compared = [], (*CODELENGTHS, *RETRAINED, *_BESIDE), [*main_grids(job), "codes"]
    for grid in compared:
        table = coded(models(job, grid))
        found = {target: ranked(table, target, names) for target in TARGETS}
        for name in (*names, *CONTROLS):
            if name in found["gap"]:
                first = found["gap"][name]
                shown = [_tau(found[target][name]) for target in TARGETS]
                rows.append((label(name, first), grid, str(first.n), *shown, *_given(found["test_error"][name])))
    caption = (
        "Codelengths as generalization measures: tau-a with the gap, the test error and the test loss (95 %, bootstrap"
        " over configurations), and for the test error what is left of tau when the training loss is known, and"
        f" conditional mutual information with what noise reaches. Only nets with a prequential code: one seed."
        f" {about(job, compared)}"
    )
    header = (
        *("measure", "grid", "nets", *(f"tau: {target.replace('_', ' ')}" for target in TARGETS)),
        *("test error, given train CE", "CMI", "CMI of noise"),
    )
    job.store.table("codelengths", Table(caption, header, tuple(rows)))


def tail(job: Job) -> None:
    """Whether the whole prequential code says more than its tail, and the tail more than the whole."""
    rows = []
    for grid in main_grids(job):
        table = coded(models(job, grid))
        for target in TARGETS:
            for one, other in ((_WHOLE, _TAIL), (_TAIL, _WHOLE), (_ERRORS, _TAIL)):
                found = added(table, target, one, other)
                rows.append(
                    (
                        *(one, other, grid, target.replace("_", " "), f"{found.partial:.3f}"),
                        *(f"{found.low:.2f} .. {found.high:.2f}", f"{found.r2_alone:.3f}", f"{found.r2_both:.3f}"),
                    )
                )
    caption = (
        "Does the whole prequential code add anything to its tail, the bits of the last half of the labels (a hold-out"
        " that is trained on half the data or more)? Kendall's partial tau of a measure with the target once the other"
        " is known, with a 95 % bootstrap interval over configurations, and R2 of held-out nets by a line in the other"
        f" alone and in both. {about(job, main_grids(job))}"
    )
    header = ("measure", "given", "grid", "target", "partial tau", "95 %", "R2 of the given", "R2 of both")
    job.store.table("tail", Table(caption, header, tuple(rows)))


def coded(table: Models) -> Models:
    """The models that have a prequential code."""
    known = np.isfinite(table.columns.get(_WHOLE, np.full(len(table), np.nan)))
    return table.where(known)


def added(table: Models, target: str, one: str, given: str, seed: int = 0) -> Added:
    """What measure `one` says of a target beyond measure `given`."""
    x, z, y = table.columns[one], table.columns[given], table.target(target)
    of = table.configuration
    names = np.unique(of)
    generator = np.random.Generator(np.random.PCG64([15, seed]))
    found = []
    for _ in range(_RESAMPLES):
        drawn = np.concatenate([np.flatnonzero(of == name) for name in generator.choice(names, len(names))])
        found.append(_partial(x[drawn], y[drawn], z[drawn]))
    told = [each for each in found if np.isfinite(each)]
    low, high = np.quantile(told, [0.025, 0.975]) if told else (np.nan, np.nan)
    alone, both = (regression(each, y, of).held_out_r2 for each in (z, np.stack([z, x], axis=1)))
    return Added(_partial(x, y, z), float(low), float(high), alone, both)


def _partial(x: FloatArray, y: FloatArray, z: FloatArray) -> float:
    if min(np.ptp(each) for each in (x, y, z)) == 0:
        return float("nan")
    return partial_tau(x, y, z)


def _tau(row: Row) -> str:
    if row.scores is None:
        return "-"
    it = row.scores.correlation
    return f"{it.tau_a:.2f} ({it.low:.2f} .. {it.high:.2f})"


def _given(row: Row) -> tuple[str, str, str]:
    if row.scores is None:
        return (row.reason, "-", "-")
    return f"{row.scores.partial_tau:.3f}", f"{row.scores.cmi:.4f}", f"< {row.scores.cmi_null:.4f}"
