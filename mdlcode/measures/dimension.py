"""The intrinsic dimension of a net on a task, read off accuracies at several subspace dimensions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mdlcode.measures import inverse_regression
from mdlcode.typing import FloatArray

OWN = "the net's own"
FIXED = "fixed"


@dataclass(frozen=True)
class Trial:
    """One training: the accuracy that a subspace of this dimension and seed reached."""

    dimension: int
    seed: int
    accuracy: float
    seconds: float


@dataclass(frozen=True)
class IntrinsicDimension:
    """Accuracies by dimension, and d_int: where their mean reaches `share` x `baseline`.

    d_int90 is that of share 0.9 (Li et al. 2018, section 2.1). `baseline` is the mean of `baselines`, whose
    name is in `baseline_name`: the net's own accuracies, trained in all its parameters, or a fixed one.

    >>> trials = [Trial(d, seed, a + 0.01 * seed, 1.0) for d, a in ((100, 0.5), (400, 0.9)) for seed in (0, 1)]
    >>> found = IntrinsicDimension(tuple(trials), 1000, (0.9,), baseline_name="fixed", share=0.9)
    >>> round(found.dimension)
    288
    """

    trials: tuple[Trial, ...]
    num_parameters: int
    baselines: tuple[float, ...]
    baseline_name: str
    share: float

    @property
    def baseline(self) -> float:
        """The accuracy that others are compared with."""
        return float(np.mean(self.baselines))

    @property
    def threshold(self) -> float:
        """The accuracy that is to be reached."""
        return self.share * self.baseline

    @property
    def accuracies(self) -> dict[int, list[float]]:
        """The accuracies of all seeds, by ascending dimension."""
        table: dict[int, list[float]] = {}
        for trial in sorted(self.trials, key=lambda each: (each.dimension, each.seed)):
            table.setdefault(trial.dimension, []).append(trial.accuracy)
        return table

    @property
    def dimension(self) -> float:
        """d_int: `crossing` of the mean accuracies; infinite where no dimension tried reaches the threshold."""
        return crossing({d: float(np.mean(each)) for d, each in self.accuracies.items()}, self.threshold)

    def interval(self) -> tuple[float, float]:
        """d_int at 95 % by `crossing_interval`, from all accuracies near it and those of the net's own baseline.

        An end that the trials do not show is 1 or infinite. It covers d_int for one seed as for many (the
        simulation is `benchmarks/dimension_coverage.py`), since every trial has a seed of its own.
        """
        own = None if self.baseline_name == FIXED else [self.share * each for each in self.baselines]
        return inverse_regression.crossing_interval(self.accuracies, self.dimension, self.threshold, own)

    def report(self) -> dict[str, Any]:
        """Plain values for a file: the trials and what was read off them; null stands for infinite."""
        return {
            "share": self.share,
            "baseline": self.baseline,
            "baselines": list(self.baselines),
            "baseline_name": self.baseline_name,
            "threshold": self.threshold,
            "num_parameters": self.num_parameters,
            "dimension": _finite(self.dimension),
            "interval": [_finite(each) for each in self.interval()],
            "interval_level": inverse_regression.LEVEL,
            "interval_method": inverse_regression.NAME,
            "interpolation": "isotonic means over seeds, linear in log d",
            "trials": [vars(trial) for trial in self.trials],
        }


def crossing(accuracies: Mapping[int, float], threshold: float) -> float:
    """The least d at which the accuracies, made not to fall and linear in log d between, reach the threshold.

    The first d tried where that one reaches it already, infinite where none does.

    >>> crossing({100: 0.5, 200: 0.7, 400: 0.9}, 0.8).__round__()
    283
    >>> crossing({100: 0.5}, 0.8)
    inf
    """
    dimensions = np.array(sorted(accuracies), dtype=np.float64)
    rising = isotonic([accuracies[int(d)] for d in dimensions])
    reached = np.flatnonzero(rising >= threshold)
    if not len(reached):
        return math.inf
    upper = int(reached[0])
    if upper == 0:
        return float(dimensions[0])
    below, above = rising[upper - 1], rising[upper]
    share = (threshold - below) / (above - below)
    return float(dimensions[upper - 1] * (dimensions[upper] / dimensions[upper - 1]) ** share)


def isotonic(values: Sequence[float]) -> FloatArray:
    """The nearest sequence in least squares that never falls (pool adjacent violators).

    >>> isotonic([1.0, 3.0, 2.0]).tolist()
    [1.0, 2.5, 2.5]
    """
    from sklearn.isotonic import isotonic_regression

    return np.asarray(isotonic_regression(np.asarray(values, dtype=np.float64)), dtype=np.float64)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
