"""The whole evaluation of a table of models: every measure and control against every target."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mdlcode.errors import MdlError
from mdlcode.ranking.cmi import conditional_information, information_null
from mdlcode.ranking.controls import controls
from mdlcode.ranking.fitted import best_single, fitted
from mdlcode.ranking.granulated import Granulated, granulated
from mdlcode.ranking.kendall import Correlation, kendall, partial_tau
from mdlcode.ranking.models import Models
from mdlcode.ranking.regression import Regression, regression
from mdlcode.ranking.sign_error import SignError, sign_error
from mdlcode.typing import FloatArray

TARGETS = ("gap", "test_error", "test_ce")
_LEAST_MODELS = 4
_MARGINS = "margin-"


@dataclass(frozen=True)
class Scores:
    """How a measure does on one target; `cmi_null` is what noise reaches in 5 % of tables of this shape.

    `partial_tau` is what is left of tau-b given the training cross-entropy; NaN where the table has none.
    """

    correlation: Correlation
    granulated: Granulated
    cmi: float
    cmi_null: float
    regression: Regression
    sign_error: SignError
    partial_tau: float


@dataclass(frozen=True)
class Row:
    """A measure, times its `sign`, against a target on `n` models; `scores` is None where `reason` says why."""

    measure: str
    target: str
    subset: str
    sign: int
    control: bool
    n: int
    scores: Scores | None
    reason: str = ""


def rank(
    models: Models,
    targets: Sequence[str] = TARGETS,
    measures: Sequence[str] | None = None,
    test_size: int | None = None,
    seed: int = 0,
) -> Iterator[Row]:
    """One `Row` for each target, subset, and measure or control, as soon as it is known.

    The subsets are all models and, where some but not all fit their labels, those with a train error of at
    most 5 %. Raises MdlError for targets and measures that the table does not have.
    """
    chosen = models.measures if measures is None else tuple(measures)
    if unknown := [name for name in chosen if name not in models.columns]:
        raise MdlError(f"no measure '{unknown[0]}' in the table: it has {', '.join(models.measures)}")
    for target in targets:
        models.target(target)
    for subset, part in _subsets(models):
        for target in targets:
            wanted = part.target(target)
            null = (
                information_null(wanted, {axis: part.levels[axis] for axis in part.axes}, seed=seed)
                if np.isfinite(wanted).all()
                else math.nan
            )
            named = {name: (part.columns[name], models.signs.get(name, 1), False) for name in chosen}
            named |= {name: (each, 1, False) for name, each in _fitted(part, wanted, chosen).items()}
            named |= {name: (each, 1, True) for name, each in controls(part, wanted, seed).items()}
            for name, (values, sign, control) in named.items():
                scores, n, reason = _scored(part, sign * values, wanted, null, test_size, seed)
                yield Row(name, target, subset, sign, control, n, scores, reason)


def _subsets(models: Models) -> Iterator[tuple[str, Models]]:
    yield "all", models
    if "train_error" in models.columns and 0 < models.fitted.sum() < len(models):
        yield "fitted", models.where(models.fitted)


def _fitted(models: Models, target: FloatArray, chosen: Sequence[str]) -> Mapping[str, FloatArray]:
    """Two predictors of the target from all margin columns, out of fold, for the models that have them all."""
    names = [name for name in chosen if name.startswith(_MARGINS)]
    if len(names) < 2:
        return {}
    features = np.stack([models.columns[name] for name in names], axis=1)
    known = np.isfinite(features).all(axis=1) & np.isfinite(target)
    configuration = models.configuration[known]
    if len(np.unique(configuration)) < _LEAST_MODELS:
        return {}
    made = {}
    for name, predict in (("margins, fitted", fitted), ("margins, best single", best_single)):
        values = np.full(len(target), np.nan)
        values[known] = predict(features[known], target[known], configuration)
        made[name] = values
    return made


def _null(models: Models, target: FloatArray, seed: int) -> float:
    levels = {axis: models.levels[axis] for axis in models.axes}
    return information_null(target, levels, seed=seed) if np.isfinite(target).all() else math.nan


def _scored(
    models: Models, measure: FloatArray, target: FloatArray, null: float, test_size: int | None, seed: int
) -> tuple[Scores | None, int, str]:
    """The scores on the models whose measure and target are known, their number, or why there are none."""
    known = np.isfinite(measure) & np.isfinite(target)
    part, measure, target = models.where(known), measure[known], target[known]
    if len(target) < _LEAST_MODELS or len(np.unique(part.configuration)) < 2:
        return None, len(target), f"too few models: {len(target)}"
    if np.ptp(measure) == 0 or np.ptp(target) == 0:
        return None, len(target), "constant " + ("measure" if np.ptp(measure) == 0 else "target")
    configuration, levels = part.configuration, part.levels
    axes = {axis: levels[axis] for axis in part.axes}
    loss = part.columns.get("train_ce")
    scores = Scores(
        kendall(measure, target, configuration, seed),
        granulated(measure, target, levels, part.axes, seed),
        conditional_information(measure, target, axes),
        null,
        regression(measure, target, configuration),
        sign_error(measure, target, axes, configuration, test_size),
        math.nan if loss is None or not np.isfinite(loss).all() else partial_tau(measure, target, loss),
    )
    return scores, len(target), ""
