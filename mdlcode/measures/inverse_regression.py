"""Where a curve that was measured with noise reaches a threshold, as an interval: inverse regression."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import stdtrit

from mdlcode.typing import BoolArray, FloatArray, IntArray

LEVEL = 0.95
NAME = "inverse regression"
_WINDOW = 3.0
_DEGREE = 2
_GRID = 2001


def crossing_interval(
    accuracies: Mapping[int, Sequence[float]],
    estimate: float,
    threshold: float,
    threshold_values: Sequence[float] | None = None,
) -> tuple[float, float]:
    """The dimensions, at 95 %, whose mean accuracy can't be told from the threshold: the least and the largest.

    A parabola in log d is fitted to all accuracies whose d lies within a factor of 3 of the estimate. A d belongs to
    the interval unless |f(d) - threshold| > t se, with Student's quantile t and the standard error se of the
    difference (inverse regression; Fieller 1954). The variance of one accuracy is that of the residuals, or what
    the means of the dimensions scatter about the parabola where that is more, as it is where a parabola does not fit
    well. `threshold_values` are the numbers whose mean the threshold is, where it is no given one; their variance
    counts (that of one accuracy where there is a single value), with Welch's degrees of freedom. Accuracies at
    different dimensions must be independent, and the noise about the same within the window.

    One accuracy a dimension is enough: then the scatter about the curve tells the noise. An end that the window does
    not show is 1 or infinite, and so are both where fewer accuracies than coefficients are left.

    >>> exact = {d: [0.5 + 0.1 * math.log2(d / 100)] * 2 for d in (100, 200, 400, 800)}
    >>> [round(each) for each in crossing_interval(exact, estimate=400.0, threshold=0.7)]
    [400, 400]
    >>> crossing_interval({100: [0.5], 200: [0.7]}, estimate=150.0, threshold=0.6)
    (1.0, inf)
    """
    middle = estimate if math.isfinite(estimate) else float(max(accuracies))
    near = [d for d in sorted(accuracies) if 1 / _WINDOW <= d / middle <= _WINDOW]
    counts = np.array([len(accuracies[d]) for d in near])
    x = np.repeat(np.log(np.array(near) / middle), counts)
    y = np.concatenate([accuracies[d] for d in near])
    size = min(_DEGREE, len(near) - 1) + 1
    if size < 2 or len(y) <= size:
        return 1.0, math.inf
    grid = np.linspace(x[0], x[-1], _GRID)
    curve = np.vander(grid, size, increasing=True)
    accepted = _accepted(x, y, counts, curve, threshold, threshold_values)
    first, last = _run_nearest(accepted, int(np.abs(grid).argmin()))
    low = 1.0 if accepted[0] and first == 0 else middle * math.exp(min(grid[first], 0.0))
    unbounded = not math.isfinite(estimate) or (accepted[-1] and last == len(grid) - 1)
    return low, math.inf if unbounded else middle * math.exp(max(grid[last], 0.0))


def _run_nearest(accepted: BoolArray, start: int) -> tuple[int, int]:
    """The ends of the accepted points that lie together, nearest to one point; that point where there are none.

    A parabola that was fitted may come back to the threshold far away, where the curve does not.
    """
    there = np.flatnonzero(accepted)
    if not len(there):
        return start, start
    nearest = int(there[np.abs(there - start).argmin()])
    gaps = np.flatnonzero(~accepted)
    before, after = gaps[gaps < nearest], gaps[gaps > nearest]
    return int(before[-1]) + 1 if len(before) else 0, int(after[0]) - 1 if len(after) else len(accepted) - 1


def _accepted(
    x: FloatArray,
    y: FloatArray,
    counts: IntArray,
    curve: FloatArray,
    threshold: float,
    threshold_values: Sequence[float] | None,
) -> BoolArray:
    """Which points of the grid, with the rows `curve` (G, p) of powers, may be where y reaches the threshold."""
    powers = np.vander(x, curve.shape[1], increasing=True)  # (n, p)
    inverse = np.linalg.inv(powers.T @ powers)
    coefficients = inverse @ powers.T @ y
    variance, freedom = _variance(y, powers @ coefficients, counts, curve.shape[1])
    of_curve = variance * np.einsum("gi,ij,gj->g", curve, inverse, curve)
    of_threshold, its_freedom = 0.0, 1
    if threshold_values is not None:
        several = len(threshold_values) > 1
        its_variance = float(np.var(threshold_values, ddof=1)) if several else variance
        of_threshold = its_variance / len(threshold_values)
        its_freedom = len(threshold_values) - 1 if several else freedom
    total = of_curve + of_threshold
    welch = total**2 / np.maximum(of_curve**2 / freedom + of_threshold**2 / its_freedom, np.finfo(float).tiny)
    error = stdtrit(np.maximum(welch, 1.0), (1 + LEVEL) / 2) * np.sqrt(total)
    accepted: BoolArray = np.abs(curve @ coefficients - threshold) <= error
    return accepted


def _variance(y: FloatArray, fitted: FloatArray, counts: IntArray, size: int) -> tuple[float, int]:
    """The variance of one accuracy and its degrees of freedom: of all residuals, or of the dimensions' means."""
    starts = np.cumsum(counts) - counts
    freedom, groups = len(y) - size, len(counts) - size
    pooled = float(((y - fitted) ** 2).sum() / freedom)
    if groups < 1:
        return pooled, freedom
    means = np.add.reduceat(y - fitted, starts) / counts
    between = float((counts * means**2).sum() / groups)
    return (between, groups) if between > pooled else (pooled, freedom)
