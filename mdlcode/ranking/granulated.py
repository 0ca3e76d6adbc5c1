"""Granulated Kendall's tau: how a measure orders models that differ along one axis alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mdlcode.ranking.kendall import null_standard_error
from mdlcode.typing import FloatArray, IntArray

_PERMUTATIONS = 400


@dataclass(frozen=True)
class Granulated:
    """psi by axis and their mean Psi, each with its standard deviation under a measure that says nothing.

    Those of psi come from the number and sizes of the groups; that of Psi from random permutations, since the
    axes share their models. Kuhn et al. 2021 print the first ones divided by the number of groups once more,
    too small by two orders.
    """

    by_axis: Mapping[str, float]
    null_by_axis: Mapping[str, float]
    mean: float
    null_mean: float


def granulated(
    measure: FloatArray, target: FloatArray, levels: Mapping[str, IntArray], along: Sequence[str], seed: int = 0
) -> Granulated:
    """psi_i: the mean over all settings of the other axes of tau-a among the models that differ in axis i.

    Jiang et al. 2020, equations 4 and 5. `levels` maps each axis to the level (n,) of each model; `along` names
    those that are averaged: a seed is held fixed as any other axis, but no psi of its own enters. A group with
    one model (an incomplete grid) counts for nothing; NaN for an axis without groups.

    >>> levels = {"width": np.array([0, 1, 0, 1]), "depth": np.array([0, 0, 1, 1])}
    >>> granulated(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 4, 3]), levels, ("width", "depth")).by_axis
    {'width': 0.0, 'depth': 1.0}
    """
    axes = {axis: _Pairs.along(axis, levels) for axis in along}
    by_axis = {axis: float(pairs.agreement(measure[None], target)[0]) for axis, pairs in axes.items()}
    return Granulated(
        by_axis,
        {axis: pairs.null for axis, pairs in axes.items()},
        _mean(list(by_axis.values())),
        _null_of_mean(list(axes.values()), target, seed),
    )


@dataclass(frozen=True, eq=False)
class _Pairs:
    """All pairs of models within the groups of an axis, each weighted so that every group counts alike."""

    first: IntArray  # (pairs,)
    second: IntArray
    weight: FloatArray  # of sum 1
    null: float

    @classmethod
    def along(cls, axis: str, levels: Mapping[str, IntArray]) -> "_Pairs":
        others = np.stack([each for name, each in levels.items() if name != axis] or [np.zeros_like(levels[axis])])
        group = np.unique(others, axis=1, return_inverse=True)[1].ravel()
        members = [np.flatnonzero(group == number) for number in range(group.max() + 1)]
        members = [each for each in members if len(np.unique(levels[axis][each])) > 1]
        if not members:
            empty = np.zeros(0, dtype=np.int64)
            return cls(empty, empty, np.zeros(0), math.nan)
        pairs = [np.triu_indices(len(each), 1) for each in members]
        weights = [np.full(len(i), 1 / (len(i) * len(members))) for i, _ in pairs]
        first = np.concatenate([each[i] for each, (i, _) in zip(members, pairs, strict=True)])
        second = np.concatenate([each[j] for each, (_, j) in zip(members, pairs, strict=True)])
        null = math.sqrt(sum(null_standard_error(len(each)) ** 2 for each in members)) / len(members)
        return cls(first, second, np.concatenate(weights), null)

    def agreement(self, measures: FloatArray, target: FloatArray) -> FloatArray:
        """psi of each of several measures (R, n)."""
        if not len(self.weight):
            return np.full(len(measures), math.nan)
        wanted = np.sign(target[self.first] - target[self.second]) * self.weight
        given: FloatArray = np.sign(measures[:, self.first] - measures[:, self.second]) @ wanted
        return given


def _null_of_mean(axes: Sequence[_Pairs], target: FloatArray, seed: int) -> float:
    generator = np.random.Generator(np.random.PCG64([12, seed]))
    random = generator.random((_PERMUTATIONS, len(target)))
    psis = [pairs.agreement(random, target) for pairs in axes if len(pairs.weight)]
    return float(np.mean(psis, axis=0).std()) if psis else math.nan


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
