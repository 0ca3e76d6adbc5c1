"""Mixtures of experts: the switch distribution, the Bayes mixture and fixed share.

All three are one recursion with different transition rules (van Erven, Gruenwald & de Rooij 2012; Herbster &
Warmuth 1998). The weight of expert k has two parts: a_k, the probability that k is the current expert and may
still be replaced later, and b_k, the probability that k is the current expert and stays so until the end:

    start     a_k = theta prior_k,   b_k = (1 - theta) prior_k
    predict   p(y) = sum_k (a_k + b_k) P_k(y)
    learn     a_k <- a_k P_k(y),   b_k <- b_k P_k(y),   scaled to sum 1
    share     pool = hazard_n sum_k a_k after n labels;   a_k <- (1 - hazard_n) a_k + theta prior_k pool,
              b_k <- b_k + (1 - theta) prior_k pool

Between two shares, which is a run, weights follow the likelihood alone: log(a_k + b_k) gains log P_k(y) a label, and
a_k / (a_k + b_k) stays. So a run whose labels are known is one cumulative sum, and label by label it is the same sum,
to the bit.
"""

import math
import sys
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode.config import STRICT, Settings
from mdlcode.typing import BoolArray, FloatArray

_RUNS_BEFORE = 256  # at any time so many of the last run's length came before
_LEAST = float(np.finfo(np.float64).tiny)  # a likelihood of zero counts as this


@dataclass(frozen=True, config=STRICT)
class Switch(Settings):
    """The switch distribution: after the n-th label the expert changes with hazard 1 / (n + 1).

    From 512 labels on changes wait for the end of a run of n // 256 labels, so that the time of a change is known to
    0.4 % (and costs fewer bits to tell).
    """

    kind: Literal["switch"] = Field(default="switch", kw_only=True)
    theta: float = Field(default=0.5, gt=0, lt=1)

    def run(self, num_labels: int) -> int:
        """After this many labels, in how many more an expert may change next."""
        return max(1, num_labels // _RUNS_BEFORE)

    def hazard(self, num_labels: int, run: int) -> float:
        """Probability that an expert that may switch does so in a run of so many labels after this many.

        1 - prod_i (1 - 1 / (i + 1)) for num_labels < i <= num_labels + run.
        """
        return run / (num_labels + run + 1)

    def regret_bits(self, num_experts: int, num_labels: int, switches: Sequence[int]) -> float:
        """At most so many bits more than the experts that speak between the given switch times take.

        For times at which a run ends: all below 512.

        m log2 M + (m-1) log2(1/theta) + sum_j log2 n_j + log2(n_{m-1} + 1)
            - log2[(1-theta) + theta (n_{m-1} + 1) / n]
        for m segments that end at n_1 < ... < n_{m-1} < n: the probability of the best sequence of experts
        under the prior (van Erven et al. 2012).

        >>> round(Switch().regret_bits(num_experts=2, num_labels=1000, switches=[]), 2)
        2.0
        """
        last = switches[-1] if switches else 0
        stay = (1 - self.theta) + self.theta * (last + 1) / num_labels
        times = math.fsum(math.log2(time) for time in switches)
        chosen = (len(switches) + 1) * math.log2(num_experts) + len(switches) * math.log2(1 / self.theta)
        # Each switch at n_j costs log2 n_j(n_j + 1) less what staying since the last one has already paid.
        return chosen + times + (math.log2(last + 1) - math.log2(stay))


@dataclass(frozen=True, config=STRICT)
class Bayes(Settings):
    """The Bayes mixture: one expert for all labels; at most log2 M bits above the best."""

    kind: Literal["bayes"] = Field(default="bayes", kw_only=True)

    @property
    def theta(self) -> float:
        """Share of the weight that may switch: none."""
        return 0.0

    def run(self, num_labels: int) -> int:
        """All labels: there is no switching."""
        return sys.maxsize

    def hazard(self, num_labels: int, run: int) -> float:
        """Zero."""
        return 0.0


@dataclass(frozen=True, config=STRICT)
class FixedShare(Settings):
    """Fixed share: after each label every expert gives the share `alpha` of its weight to all."""

    kind: Literal["fixed-share"] = Field(default="fixed-share", kw_only=True)
    alpha: float = Field(default=0.01, gt=0, lt=1)

    @property
    def theta(self) -> float:
        """Share of the weight that may switch: all of it."""
        return 1.0

    def run(self, num_labels: int) -> int:
        """One label."""
        return 1

    def hazard(self, num_labels: int, run: int) -> float:
        """Constant."""
        return self.alpha


Mixture = Annotated[Switch | Bayes | FixedShare, Field(discriminator="kind")]


class Weights:
    """The running weights of independent mixtures, one a row: prior (rows, experts) of sum 1 each.

    >>> weights = Weights(Bayes(), np.array([[0.5, 0.5]]))
    >>> before, given = weights.learn(np.array([[[0.9, 0.1]]]))
    >>> before.tolist(), given.tolist(), weights.now.round(3).tolist()
    ([[[0.5, 0.5]]], [[0.5]], [[0.9, 0.1]])
    """

    def __init__(self, rule: Switch | Bayes | FixedShare, prior: FloatArray) -> None:
        self._rule, self._dropped = rule, np.zeros(prior.shape, dtype=bool)
        self._now: FloatArray | None = None
        self._logs: FloatArray  # ln(a + b), up to a constant a row
        self._start = np.stack([rule.theta * prior, (1 - rule.theta) * prior])  # a and b: (2, rows, experts)
        self._set(self._start)
        self._num_labels, self._run = 0, rule.run(0)  # before the run, and in it
        self._left = self._run

    @property
    def now(self) -> FloatArray:
        """The weights (rows, experts) for the next label, of sum 1 a row."""
        if self._now is None:
            self._now = _standing(self._logs)
        return self._now

    def learn(self, likelihood: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The weights (m, rows, experts) for each of m labels, and the probability (m, rows) that each mixture gave it.

        `likelihood` (m, rows, experts) are the probabilities that the experts gave to the labels that came. The result
        is the same, to the bit, for all labels at once and one by one.
        """
        count = len(likelihood)
        if likelihood.shape[2] == 1:
            return np.ones(likelihood.shape), likelihood[..., 0]
        before = self.now[None] if count == 1 else None
        logs = np.empty((count + 1, *likelihood.shape[1:]))
        np.log(np.maximum(likelihood, _LEAST), out=logs[1:])
        start = 0
        while start < count:
            stop = min(start + self._left, count)
            logs[start], piece = self._logs, logs[start : stop + 1]
            self._logs, self._now = np.add.accumulate(piece, out=piece)[-1], None
            self._left -= stop - start
            if self._left == 0:
                self._share()
            start = stop
        weights = _standing(logs[:-1]) if before is None else before
        return weights, sums_of(weights * likelihood)

    def drop(self, experts: BoolArray) -> None:
        """Removes the experts where `experts` (rows, experts) is True, for all labels that follow."""
        self._dropped = experts
        kept = np.where(experts, 0.0, self._start)
        self._start = kept / kept.sum(axis=(0, 2))[:, None]
        self._logs, self._now = np.where(experts, -np.inf, self._logs), None

    def _share(self) -> None:
        """The end of a run, and the start of the next."""
        parts, hazard = self.now * self._shares, self._rule.hazard(self._num_labels, self._run)
        pool = hazard * sums_of(parts[0])[:, None]
        parts[0] *= 1 - hazard
        parts += pool * self._start
        self._set(parts)
        self._num_labels += self._run
        self._run = self._left = self._rule.run(self._num_labels)

    def _set(self, parts: FloatArray) -> None:
        """Takes weights (2, rows, experts) as those at the start of a run."""
        both = np.maximum(parts[0] + parts[1], _LEAST)
        self._shares = parts / both
        self._logs = np.log(both)
        if self._dropped.any():
            self._logs[self._dropped] = -np.inf
        self._now = None


def sums_of(values: FloatArray) -> FloatArray:
    """Sums over the last axis, one value after another however many rows there are."""
    sums: FloatArray = np.add.accumulate(values, axis=-1)[..., -1]
    return sums


def _standing(logs: FloatArray) -> FloatArray:
    """Weights of sum 1 over the last axis, from their logarithms."""
    scaled: FloatArray = np.exp(logs - logs.max(axis=-1, keepdims=True))
    scaled /= sums_of(scaled)[..., None]
    return scaled
