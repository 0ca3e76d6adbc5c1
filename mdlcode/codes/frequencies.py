"""The code of class frequencies: what the labels take where nobody looks at an input."""

import math
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass
from scipy.special import gammaln

from mdlcode.codelength import LABELS
from mdlcode.codes.base import Code, Received
from mdlcode.coding.channel import Channel
from mdlcode.coding.entropy_models import Categories
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn.constant import ConstantPredictor
from mdlcode.learn.marginal import ConstantDensity, Marginal
from mdlcode.typing import FloatArray, IntArray

_PRIOR_COUNT = 0.5
_AT_ONCE = 1 << 17  # probabilities that Alice computes at once
_MOST_AT_ONCE = 1024  # labels of these


@dataclass(frozen=True, config=STRICT)
class Frequencies(Code):
    """Label by label, p(y_{t+1} = k) = (c_k + 1/2) / (t + K/2) for a class seen c_k times among t labels.

    The prequential code of Krichevsky & Trofimov 1981; its length is -log2 of the labels' evidence under a
    Dirichlet(1/2) prior, `frequencies_bits`. A model that learns from the inputs must be shorter than this one:
    where classes are uneven, being shorter than the uniform code says nothing. Real-valued targets go under the
    `Marginal` of those before them, a mixture of Student's t and histograms.
    """

    needs_same_environment: ClassVar[bool] = False
    kind: Literal["frequencies"] = Field(default="frequencies", kw_only=True)

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """Each label under the counts of those before it: Alice many at once, Bob one by one."""
        if shared.bins is not None:
            return _marginal(channel, shared, labels)
        counts = np.full(shared.num_classes, _PRIOR_COUNT)
        step = min(_MOST_AT_ONCE, max(1, _AT_ONCE // len(counts))) if channel.sending else 1
        sent = []
        for start in range(0, shared.num_labels, step):
            block = None if labels is None else labels[start : start + step]
            sent.append(channel.send_under(block, Categories(_predictions(counts, block)), LABELS))
            counts += np.bincount(sent[-1], minlength=len(counts))
        return Received(np.concatenate(sent), ConstantPredictor(counts / counts.sum(), shared.rows_each))


def _marginal(channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
    """Real-valued targets, one by one on both sides."""
    marginal, sent = Marginal(shared.num_classes), np.zeros(len(shared), dtype=np.int64)
    for i in range(len(shared)):
        sent[i : i + 1] = channel.send_under(None if labels is None else labels[i : i + 1], marginal.model(), LABELS)
        marginal.learn(int(sent[i]))
    return Received(sent, ConstantDensity(marginal.model()))


def _predictions(counts: FloatArray, block: IntArray | None) -> FloatArray:
    """The distribution (m, K) of each label of a block given `counts` and the block's labels before it."""
    if block is None:
        now: FloatArray = counts / counts.sum()
        return now[None]
    seen = np.zeros((len(block), len(counts)))
    seen[np.arange(1, len(block)), block[:-1]] = 1
    rows = counts + seen.cumsum(axis=0)
    probs: FloatArray = rows / rows.sum(axis=1, keepdims=True)
    return probs


def frequencies_bits(counts: NDArray[np.integer]) -> float:
    """Length in bits of the code `Frequencies` for labels with these class counts (K,).

    -log2 [Gamma(K/2) / Gamma(n + K/2) prod_k Gamma(c_k + 1/2) / Gamma(1/2)]: the Dirichlet(1/2) evidence.

    >>> round(frequencies_bits(np.array([990, 10])), 1), round(frequencies_bits(np.array([1, 1])), 3)
    (86.1, 3.0)
    """
    size, total = _PRIOR_COUNT * len(counts), counts.sum()
    nats = gammaln(total + size) - gammaln(size) - (gammaln(counts + _PRIOR_COUNT) - gammaln(_PRIOR_COUNT)).sum()
    return float(nats / math.log(2))
