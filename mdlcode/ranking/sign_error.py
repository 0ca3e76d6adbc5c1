"""Robust sign error: in the worst environment, how often a measure says the wrong direction."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mdlcode.typing import FloatArray, IntArray


@dataclass(frozen=True)
class SignError:
    """Share of wrong signs: in the worst environment, at the 90 % quantile of them, and on average."""

    largest: float
    quantile_90: float
    mean: float
    environments: int


def sign_error(
    measure: FloatArray,
    target: FloatArray,
    levels: Mapping[str, IntArray],
    configuration: IntArray,
    test_size: int | None = None,
) -> SignError:
    """1/2 E[1 - sgn(delta measure) sgn(delta target)] in each environment (Dziugaite et al. 2020, section 4).

    An environment is a pair of configurations that differ in one of the `levels`; its samples are the pairs of
    their seeds. With a `test_size` m a sample weighs what max(0, 1 - 2 exp(-m d^2 / 2))^2 has above 1/2, d being
    the difference of the target: Hoeffding's confidence that d is no noise of two test sets of m, as the authors'
    code has it. Environments without weight drop out, which two seeds often leave few of. NaN where none is left.

    >>> levels = {"width": np.array([0, 1, 2])}
    >>> sign_error(np.array([1.0, 2, 3]), np.array([1.0, 3, 2]), levels, np.arange(3)).mean.__round__(3)
    0.333
    """
    errors = [
        error
        for first, second in _environments(levels, configuration)
        if not math.isnan(error := _error(measure, target, first, second, test_size))
    ]
    if not errors:
        return SignError(math.nan, math.nan, math.nan, 0)
    return SignError(max(errors), float(np.quantile(errors, 0.9)), float(np.mean(errors)), len(errors))


def _environments(levels: Mapping[str, IntArray], configuration: IntArray) -> Iterator[tuple[IntArray, IntArray]]:
    """The models (k,) and (l,) of two configurations that differ in one level."""
    names, where = np.unique(configuration, return_index=True)
    settings = np.stack([each[where] for each in levels.values()], axis=1)  # (configurations, axes)
    members = [np.flatnonzero(configuration == name) for name in names]
    for index, own in enumerate(settings[:-1]):
        for other in np.flatnonzero((settings[index + 1 :] != own).sum(axis=1) == 1) + index + 1:
            yield members[index], members[other]


def _error(measure: FloatArray, target: FloatArray, first: IntArray, second: IntArray, test_size: int | None) -> float:
    said = np.sign(measure[first, None] - measure[second])
    gap = target[first, None] - target[second]
    weights = np.abs(np.sign(gap))  # a tie of the target has no direction
    if test_size is not None:
        weights = np.maximum(0.0, np.maximum(0.0, 1 - 2 * np.exp(-test_size * gap**2 / 2)) ** 2 - 0.5)
    if weights.sum() == 0:
        return math.nan
    return float((weights * (1 - said * np.sign(gap)) / 2).sum() / weights.sum())
