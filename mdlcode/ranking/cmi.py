"""Conditional mutual information between the orders of two quantities, given hyperparameters."""

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np

from mdlcode.typing import FloatArray, IntArray

_MOST_GIVEN = 2
_TINY = 1e-12


def conditional_information(measure: FloatArray, target: FloatArray, levels: Mapping[str, IntArray]) -> float:
    """K = min over |S| <= 2 of I(V_m; V_g | U_S) / H(V_g | U_S), between 0 and 1 (Jiang et al. 2020, section 3).

    V is the sign of the difference of a pair of models, U_S the values of the axes S in both; S runs over the
    empty set, all axes and all pairs of axes. Ordered pairs i != j count alike, so that cells of S weigh by how
    often they occur; a pair that is tied in a quantity has either sign with probability 1/2. `levels` maps each
    axis to the level (n,) of each model.

    >>> conditional_information(np.arange(4.0), np.arange(4.0), {"width": np.array([0, 0, 1, 1])})
    1.0
    """
    up, gap_up = _above(measure), _above(target)
    agree, differ = up * gap_up, up * gap_up.T  # both rise; the measure rises while the target falls
    return min(_normalised(agree, differ, groups) for groups in _partitions(len(measure), levels))


def information_null(target: FloatArray, levels: Mapping[str, IntArray], repeats: int = 100, seed: int = 0) -> float:
    """The 95 % quantile of `conditional_information` over random permutations: what pure noise reaches."""
    generator = np.random.Generator(np.random.PCG64([13, seed]))
    noise = [generator.permutation(len(target)).astype(np.float64) for _ in range(repeats)]
    return float(np.quantile([conditional_information(each, target, levels) for each in noise], 0.95))


def _above(values: FloatArray) -> FloatArray:
    """P(V = +1) for each ordered pair (n, n): 1, 1/2 for a tie, or 0; a model is no pair with itself."""
    above: FloatArray = (np.sign(values[:, None] - values) + 1) / 2
    np.fill_diagonal(above, 0.0)
    return above


def _partitions(n: int, levels: Mapping[str, IntArray]) -> Iterator[FloatArray]:
    """For each S, which models share the values of its axes: one-hot columns (n, groups)."""
    for size in range(min(_MOST_GIVEN, len(levels)) + 1):
        for names in combinations(levels, size):
            codes = np.stack([levels[name] for name in names] or [np.zeros(n, dtype=np.int64)])
            group = np.unique(codes, axis=1, return_inverse=True)[1].ravel()
            yield np.eye(group.max() + 1)[group]


def _normalised(agree: FloatArray, differ: FloatArray, groups: FloatArray) -> float:
    """I(V_m; V_g | U) / H(V_g | U), U being the groups of both models of a pair."""
    both_up, opposed = groups.T @ agree @ groups, groups.T @ differ @ groups
    # [V_m, V_g, cell]: a pair (i, j) with both falling is the pair (j, i) with both rising.
    counts = np.array([[both_up, opposed], [opposed.T, both_up.T]])
    joint = counts / max(counts.sum(), _TINY)
    cell = joint.sum(axis=(0, 1), keepdims=True)
    of_measure, of_target = joint.sum(axis=1, keepdims=True), joint.sum(axis=0, keepdims=True)
    information = _sum_p_log(joint) - _sum_p_log(of_measure) - _sum_p_log(of_target) + _sum_p_log(cell)
    entropy = _sum_p_log(cell) - _sum_p_log(of_target)
    return float(min(1.0, max(0.0, information / entropy))) if entropy > _TINY else 0.0


def _sum_p_log(p: FloatArray) -> float:
    positive = p[p > 0]
    return float(positive @ np.log(positive))
