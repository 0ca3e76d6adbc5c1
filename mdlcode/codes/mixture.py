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
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode.config import STRICT, Settings
from mdlcode.typing import BoolArray, FloatArray

_RUNS_BEFORE = 256  # at any time so many of the last run's length came before
_ERA = 256  # about so many labels make one sum of logarithms: in a longer one digits would be lost
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

    Labels stand last in all arrays, so that work on many labels runs along them. An expert of no prior weight has none
    for good.

    >>> weights = Weights(Bayes(), np.array([[0.5, 0.5]]))
    >>> weights.learn(np.array([[[0.9], [0.1]]])).tolist(), weights.now.round(3).tolist()
    ([[[0.5], [0.5]]], [[0.9, 0.1]])
    """

    def __init__(self, rule: Switch | Bayes | FixedShare, prior: FloatArray) -> None:
        self._rule = rule
        self._start = np.stack([rule.theta * prior, (1 - rule.theta) * prior])  # a and b: (2, rows, experts)
        self._num_labels, self._begin = 0, 0  # so far, and before the run
        self._gained = np.zeros(prior.shape)  # ln of what the experts gave to the labels of the era so far
        self._carried = self._gained  # the same at the start of the run
        self._now: FloatArray | None
        self._parts: FloatArray  # a and b at the start of the run, up to a factor a row
        self._offset: FloatArray  # ln(a + b) there, less what was carried into the run
        self._set(self._start)

    @property
    def now(self) -> FloatArray:
        """The weights (rows, experts) for the next label, of sum 1 a row."""
        if self._now is None:
            self._now = _standing((self._gained + self._offset)[..., None])[..., 0]
        return self._now

    def learn(self, likelihood: FloatArray) -> FloatArray:
        """The weights (rows, experts, m) for each of m labels, from those that came before it.

        `likelihood` (rows, experts, m) are the probabilities that the experts gave to these labels. The result is the
        same, to the bit, for all labels at once and one by one.
        """
        num_experts, count = likelihood.shape[1:]
        if num_experts == 1 or count == 0:
            return np.ones(likelihood.shape)
        weights = self.now[..., None] if count == 1 else None
        ends, hazards, eras = self._ends(count)
        gained = np.empty(likelihood.shape)  # in the era, before each label
        _ln(likelihood[..., :-1], out=gained[..., 1:])
        gained[..., 0] = self._gained
        for start, stop in pairwise([0, *(end for end in eras if end < count), count]):
            if start:
                gained[..., start] = 0.0
            _accumulate(gained[..., start:stop])
        last = np.array([*ends, count]) - 1
        after = (gained.take(last, axis=2) + _ln(likelihood.take(last, axis=2))).transpose(2, 0, 1)
        offsets, self._gained, self._now = self._offset[..., None], after[-1], None
        if ends:
            offsets = self._turns(after[:-1], hazards, [end in eras for end in ends]).transpose(1, 2, 0)
            offsets = np.repeat(offsets, [stop - start for start, stop in pairwise([0, *ends, count])], axis=2)
            if ends[-1] == count:
                self._gained = self._carried
        gained += offsets
        return _standing(gained) if weights is None else weights

    def drop(self, experts: BoolArray) -> None:
        """Removes the experts where `experts` (rows, experts) is True, for all labels that follow."""
        kept = np.where(experts, 0.0, self._start)
        self._start = kept / kept.sum(axis=(0, 2))[:, None]
        self._set(np.where(experts, 0.0, self._parts))

    def _ends(self, count: int) -> tuple[list[int], list[float], list[int]]:
        """After how many of the next labels runs end, each with its hazard, and after how many an era ends."""
        ends, hazards, eras = [], [], []
        first, self._num_labels = self._num_labels, self._num_labels + count
        while (end := self._begin + self._rule.run(self._begin)) <= self._num_labels:
            ends.append(end - first)
            hazards.append(self._rule.hazard(self._begin, end - self._begin))
            if end // _ERA > self._begin // _ERA:
                eras.append(end - first)
            self._begin = end
        return ends, hazards, eras

    def _turns(self, gained: FloatArray, hazards: list[float], renewed: list[bool]) -> FloatArray:
        """What is to be added to what was gained, in the run under way and in each that follows on one of these ends.

        From what was gained in the era up to each end (runs, rows, experts), and whether the era ends there.
        """
        carried = np.concatenate([self._carried[None], gained])  # into each run
        carried[1:][renewed] = 0.0
        offsets: FloatArray = self._share(gained - carried[:-1], np.array(hazards)) - carried
        self._carried, self._offset = carried[-1], offsets[-1]
        return offsets

    def _share(self, gained: FloatArray, hazards: FloatArray) -> FloatArray:
        """ln of the weights (runs + 1, rows, experts) at the start of the run and after each of the next runs.

        Up to a constant a row, from what was gained in each run (runs, rows, experts). Where P is the likelihood of a
        run, a becomes (1 - h) a P + h theta prior sum(a P), and b becomes b P + h (1 - theta) prior sum(a P). All is
        divided by (1 - h) sum(a P), which leaves few operations a run.
        """
        alive = gained + self._alive
        likelihood = np.exp(alive - alive.max(axis=2, keepdims=True))[:, None]
        stays = 1 - hazards[:, None, None, None]
        factors = np.concatenate([stays * likelihood, likelihood], axis=1)
        pools = (1 / stays - 1) * self._start
        parts = np.empty((len(gained) + 1, *self._parts.shape))
        parts[0] = self._parts
        for before, factor, pool, after in zip(parts[:-1], factors, pools, parts[1:], strict=True):
            np.multiply(before, factor, out=after)
            after /= np.add.reduce(after[0], axis=1, keepdims=True)
            after += pool
        self._parts = parts[-1].copy()
        return self._logs_of(parts.swapaxes(0, 1))

    def _set(self, parts: FloatArray) -> None:
        """Takes weights (2, rows, experts) as those at the start of the run."""
        self._alive = np.where(self._start.sum(axis=0) < _LEAST, -np.inf, 0.0)
        self._parts, self._now = parts, None
        self._offset = self._logs_of(parts) - self._carried

    def _logs_of(self, parts: FloatArray) -> FloatArray:
        """ln(a + b) of (2, ..., rows, experts), -inf where an expert has no prior weight."""
        return _ln(parts[0] + parts[1]) + self._alive


def sums_of(values: FloatArray) -> FloatArray:
    """Sums (..., m) over the last axis but one, one value after another however many labels (m) there are."""
    one = values.shape[-1] == 1  # then numpy's sum would be one of pairs
    sums: FloatArray = np.add.accumulate(values, axis=-2)[..., -1, :] if one else values.sum(axis=-2)
    return sums


def _ln(values: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Natural logarithms; of zero that of the least number."""
    if values.min(initial=1.0) < _LEAST:
        values = np.maximum(values, _LEAST, out=out)
    logs: FloatArray = np.log(values, out=out)
    return logs


def _accumulate(values: FloatArray) -> None:
    """Makes values (..., m) their running sums, one value after another: torch keeps the sum in a register."""
    if values.shape[-1] > 1:
        torch.cumsum(torch.from_numpy(values), -1, out=torch.from_numpy(values))


def _standing(logs: FloatArray) -> FloatArray:
    """Weights (rows, experts, m) of sum 1 over the experts, made of their logarithms in place."""
    logs -= logs.max(axis=1, keepdims=True)
    np.exp(logs, out=logs)
    logs *= (1 / sums_of(logs))[:, None]
    return logs
