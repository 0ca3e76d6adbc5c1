"""The learning curve behind a prequential codelength, and what is measured on it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mdlcode.errors import MdlError
from mdlcode.typing import FloatArray


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Mean bits a label `loss_bits` (S-1,) of a method that learned from `sizes` (S-1,) labels.

    A point stands for the `widths` (S-1,) labels of its block.

    >>> curve = LearningCurve.of(np.array([1.0, 1.0, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1]), stops=[2, 4, 8])
    >>> curve.sizes.tolist(), curve.loss_bits.round(3).tolist()
    ([2, 4], [0.5, 0.1])
    """

    sizes: FloatArray
    widths: FloatArray
    loss_bits: FloatArray

    @classmethod
    def of(cls, bits_by_label: FloatArray, stops: Sequence[int]) -> "LearningCurve":
        """The curve of a prequential code from the bits of its labels (n,) and its time steps.

        Raises MdlError where the time steps do not end at n, or there is one block only.
        """
        if len(stops) < 2 or stops[-1] != len(bits_by_label):
            raise MdlError(f"time steps up to {stops[-1]} do not divide {len(bits_by_label)} labels into blocks")
        blocks = list(pairwise(stops))
        losses = [bits_by_label[start:stop].mean() for start, stop in blocks]
        return cls(
            sizes=np.array([start for start, _ in blocks]),
            widths=np.array([stop - start for start, stop in blocks], dtype=np.float64),
            loss_bits=np.array(losses),
        )

    def surplus_description_length_bits(self, epsilon_bits: float) -> float:
        """sum_i max(L_i - eps, 0) over the labels, in bits (Whitney et al. 2020, arXiv 2009.07368).

        The block after size t counts with L_t, the loss at its left end: what it was coded with.

        >>> curve = LearningCurve.of(np.array([1.0, 1.0, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1]), stops=[2, 4, 8])
        >>> round(curve.surplus_description_length_bits(0.2), 3)
        0.6
        """
        return float((self.widths * np.maximum(self.loss_bits - epsilon_bits, 0.0)).sum())

    def sample_complexity(self, epsilon_bits: float) -> float:
        """The least number of labels from which the loss is at most eps; infinite if none is.

        Epsilon sample complexity of Whitney et al. 2020, at the sizes of the curve.

        >>> curve = LearningCurve.of(np.array([1.0, 1.0, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1]), stops=[2, 4, 8])
        >>> curve.sample_complexity(0.2), curve.sample_complexity(0.01)
        (4.0, inf)
        """
        reached = np.flatnonzero(self.loss_bits <= epsilon_bits)
        return float(self.sizes[reached[0]]) if len(reached) else math.inf
