"""Learners that look at no input: the uniform and the class-frequency predictor."""

from typing import Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode.coding.binned import even_bins
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn.base import Learner, Predictor
from mdlcode.learn.marginal import ConstantDensity, marginal_of
from mdlcode.typing import FloatArray, IntArray


class ConstantPredictor(Predictor):
    """The same distribution (K,) for every input, or for each of its `rows_each` tokens."""

    def __init__(self, probs: FloatArray, rows_each: int = 1, note: str = "") -> None:
        self._probs, self._rows_each, self.note = probs, rows_each, note

    def noted(self, note: str) -> "ConstantPredictor":
        """The same with a note for those who read the result."""
        return ConstantPredictor(self._probs, self._rows_each, note)

    def predict(self, inputs: Tensor) -> FloatArray:
        """That distribution, once for each input or token: (m, K)."""
        return np.tile(self._probs, (len(inputs) * self._rows_each, 1))


@dataclass(frozen=True, config=STRICT)
class UniformLearner(Learner):
    """Learns nothing: 1 / K for every class. As one of several experts it keeps a mixture close to the uniform code."""

    kind: Literal["uniform"] = Field(default="uniform", kw_only=True)

    def fit(self, shared: Shared, labels: IntArray) -> Predictor:
        """The uniform predictor."""
        if shared.bins is not None:
            return ConstantDensity(even_bins(1, shared.num_classes))
        return ConstantPredictor(np.full(shared.num_classes, 1.0 / shared.num_classes), shared.rows_each)


@dataclass(frozen=True, config=STRICT)
class FrequencyLearner(Learner):
    """Class frequencies with 1/2 added to each count (Krichevsky & Trofimov 1981); of real numbers the `Marginal`.

    An expert among others; the code `Frequencies` says the labels under it with a time step after every one.
    """

    kind: Literal["frequencies"] = Field(default="frequencies", kw_only=True)

    def fit(self, shared: Shared, labels: IntArray) -> Predictor:
        """(c_k + 1/2) / (t + K/2) for class k seen c_k times among t labels."""
        if shared.bins is not None:
            return marginal_of(labels, shared.num_classes)
        return frequencies_of(labels, shared)


def frequencies_of(labels: IntArray, shared: Shared) -> ConstantPredictor:
    """The frequencies among these labels of classes."""
    counts = np.bincount(labels, minlength=shared.num_classes) + 0.5
    return ConstantPredictor(counts / counts.sum(), shared.rows_each)
