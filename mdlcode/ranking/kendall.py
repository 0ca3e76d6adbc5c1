"""Kendall's rank correlation: tau-a and tau-b, how many pairs are tied, and intervals over configurations."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau

from mdlcode.typing import FloatArray, IntArray

_RESAMPLES = 1000
_CHUNK = 1024  # columns of the matrix of signs that are held at once


@dataclass(frozen=True)
class Correlation:
    """How a measure orders models by a target.

    `low` and `high` are a 95 % bootstrap interval of tau-a, whole configurations (all their seeds) being drawn
    again. `tie_share` is the share of pairs of models that the measure does not tell apart.
    """

    tau_a: float
    tau_b: float
    low: float
    high: float
    tie_share: float


def kendall(measure: FloatArray, target: FloatArray, configuration: IntArray, seed: int = 0) -> Correlation:
    """The correlation of a measure (n,) with a target (n,); models of one `configuration` number differ in seed.

    >>> kendall(np.arange(4.0), np.array([0.0, 1.0, 3.0, 2.0]), np.arange(4)).tau_a.__round__(3)
    0.667
    """
    low, high = _interval(measure, target, configuration, seed)
    return Correlation(tau_a(measure, target), tau_b(measure, target), low, high, tied(measure))


def tau_a(one: FloatArray, other: FloatArray) -> float:
    """The mean of sgn(x_i - x_j) sgn(y_i - y_j) over all pairs i != j (Jiang et al. 2020, equation 3).

    A tied pair counts 0, so that a measure of few values stays away from 1. NaN where a side is constant.

    >>> tau_a(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])).__round__(4)
    0.6667
    """
    return tau_b(one, other) * math.sqrt((1 - tied(one)) * (1 - tied(other)))


def tau_b(one: FloatArray, other: FloatArray) -> float:
    """tau-a over the root of the shares of pairs that are not tied in either (Kendall 1945); NaN for a constant."""
    return float(kendalltau(one, other, variant="b").statistic)


def tied(values: FloatArray) -> float:
    """The share of pairs that are equal.

    >>> tied(np.array([1.0, 1.0, 2.0])).__round__(4)
    0.3333
    """
    counts = np.unique(values, return_counts=True)[1].astype(np.float64)
    return float((counts * (counts - 1)).sum() / (len(values) * (len(values) - 1)))


def partial_tau(measure: FloatArray, target: FloatArray, given: FloatArray) -> float:
    """Kendall's partial correlation: what is left of tau-b between two once a third is accounted for.

    (t_mg - t_mz t_gz) / sqrt((1 - t_mz^2)(1 - t_gz^2)) (Kendall 1942). NaN where the third is as good as one
    of the two, so that nothing is left to explain.

    >>> x = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    >>> partial_tau(x, x, np.array([2.0, 1.0, 5.0, 3.0, 4.0])).__round__(3)
    1.0
    """
    both, first, second = tau_b(measure, target), tau_b(measure, given), tau_b(target, given)
    rest = (1 - first**2) * (1 - second**2)
    return (both - first * second) / math.sqrt(rest) if rest > 1e-12 else math.nan


def null_standard_error(n: int) -> float:
    """Standard deviation of tau between n independent untied values, sqrt(2 (2n + 5) / (9 n (n - 1))) (Kendall 1938).

    >>> round(null_standard_error(324), 4)
    0.0372
    """
    return math.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1)))


def _interval(measure: FloatArray, target: FloatArray, configuration: IntArray, seed: int) -> tuple[float, float]:
    """A 95 % interval: each resample weighs pairs of models by how often their configurations were drawn.

    A model is never paired with a copy of itself, as a resampled list would have it.
    """
    names, of = np.unique(configuration, return_inverse=True)
    generator = np.random.Generator(np.random.PCG64([11, seed]))
    drawn = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=_RESAMPLES)
    weights = drawn[:, of].astype(np.float32)  # (resamples, n)
    agreed = np.zeros(_RESAMPLES)
    for start in range(0, len(measure), _CHUNK):
        part = slice(start, start + _CHUNK)
        signs = np.sign(measure[:, None] - measure[part]) * np.sign(target[:, None] - target[part])
        agreed += np.einsum("bj,bj->b", weights @ signs.astype(np.float32), weights[:, part])
    pairs = weights.sum(1) ** 2 - (weights**2).sum(1)
    taus = agreed[pairs > 0] / pairs[pairs > 0]
    low, high = np.quantile(taus, [0.025, 0.975]) if len(names) > 1 else (math.nan, math.nan)
    return float(low), float(high)
