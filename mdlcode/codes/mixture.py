"""Mixtures of experts: the switch distribution, the Bayes mixture and fixed share.

All three are one recursion with different transition rules (van Erven, Gruenwald & de Rooij 2012; Herbster &
Warmuth 1998). The weight of expert k has two parts: a_k, the probability that k is the current expert and may
still be replaced later, and b_k, the probability that k is the current expert and stays so until the end:

    start     a_k = theta prior_k,   b_k = (1 - theta) prior_k
    predict   p(y) = sum_k (a_k + b_k) P_k(y)
    learn     a_k <- a_k P_k(y),   b_k <- b_k P_k(y),   scaled to sum 1
    share     pool = hazard_n sum_k a_k after n labels;   a_k <- (1 - hazard_n) a_k + theta prior_k pool,
              b_k <- b_k + (1 - theta) prior_k pool
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode.config import STRICT, Settings
from mdlcode.typing import FloatArray


@dataclass(frozen=True, config=STRICT)
class Switch(Settings):
    """The switch distribution: after the n-th label the expert changes with hazard 1 / (n + 1)."""

    kind: Literal["switch"] = Field(default="switch", kw_only=True)
    theta: float = Field(default=0.5, gt=0, lt=1)

    def hazard(self, num_labels: int) -> float:
        """Probability that an expert that may switch does so after this many labels."""
        return 1.0 / (num_labels + 1)

    def regret_bits(self, num_experts: int, num_labels: int, switches: Sequence[int]) -> float:
        """At most so many bits more than the experts that speak between the given switch times take.

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

    def hazard(self, num_labels: int) -> float:
        """Zero: there is no switching."""
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

    def hazard(self, num_labels: int) -> float:
        """Constant."""
        return self.alpha


Mixture = Annotated[Switch | Bayes | FixedShare, Field(discriminator="kind")]


class Weights:
    """The running weights of independent mixtures, one a row: prior (rows, experts) of sum 1 each.

    >>> weights = Weights(Bayes(), np.array([[0.5, 0.5]]))
    >>> weights.learn(np.array([[0.9, 0.1]]))
    array([0.5])
    >>> weights.now.round(3)
    array([[0.9, 0.1]])
    """

    def __init__(self, rule: Switch | Bayes | FixedShare, prior: FloatArray) -> None:
        self._rule = rule
        self._start = np.stack([rule.theta * prior, (1 - rule.theta) * prior])  # a and b: (2, rows, experts)
        self._parts = self._start.copy()
        self._num_labels = 0
        self.now: FloatArray = prior  # (rows, experts), sum 1 a row

    def learn(self, likelihood: FloatArray) -> FloatArray:
        """Returns the probability (rows,) that each mixture gave to the label that came, and updates the weights.

        `likelihood` (rows, experts) are the probabilities that the experts gave to that label.
        """
        self._num_labels += 1
        if likelihood.shape[1] == 1:
            return likelihood[:, 0]
        evidence = (self.now * likelihood).sum(axis=1, keepdims=True)
        hazard = self._rule.hazard(self._num_labels)
        parts = self._parts * (likelihood / evidence)
        pool = hazard * parts[0].sum(axis=1, keepdims=True)
        parts[0] *= 1 - hazard
        parts += pool * self._start
        # Division by the evidence keeps the sum at 1: what rounding adds at one label goes at the next.
        self._parts, self.now = parts, parts[0] + parts[1]
        given: FloatArray = evidence[:, 0]
        return given

    def drop(self, experts: NDArray[np.bool_]) -> None:
        """Removes the experts where `experts` (rows, experts) is True, for all labels that follow."""
        self._start, self._parts = (_without(experts, each) for each in (self._start, self._parts))
        self.now = self._parts.sum(axis=0)


def _without(experts: NDArray[np.bool_], parts: FloatArray) -> FloatArray:
    """The parts (2, rows, experts) without these experts, scaled to sum 1 a row."""
    kept = np.where(experts, 0.0, parts)
    scaled: FloatArray = kept / kept.sum(axis=(0, 2))[:, None]
    return scaled
