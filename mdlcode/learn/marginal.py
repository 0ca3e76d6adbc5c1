"""What real-valued targets are like where nobody looks at an input."""

import math

import numpy as np
from torch import Tensor

from mdlcode.coding.binned import UNIFORM_SHARE, Binned, Mixed, Pieces
from mdlcode.learn.base import DensityPredictor
from mdlcode.learn.linear import LinearMixture, posterior_weights
from mdlcode.typing import FloatArray, IntArray

_MOST_CELLS = 256
_PRIOR_COUNT = 0.5
_NO_FEATURES = np.zeros((1, 0))


class Marginal:
    """Bayes' mixture of Student's t (a Gaussian of unknown mean and variance) and of histograms of 1, 2, 4, ... cells.

    A histogram of m cells over the range predicts (c + 1/2) / (t + m/2) for a cell seen c times among t labels
    (Krichevsky & Trofimov 1981), evenly within the cell; that of one cell is the uniform distribution. So the
    marginal takes little more than the best of them, log2 of their number.

    >>> marginal = Marginal(64)
    >>> for _ in range(100):
    ...     marginal.learn(5)
    >>> marginal.model().medians(), bool(marginal.model().masses(np.array([5]))[0] > 0.5)
    (array([5]), True)
    """

    def __init__(self, num_bins: int) -> None:
        self._num_bins = num_bins
        self._cells = [2**j for j in range(int(math.log2(min(num_bins, _MOST_CELLS))) + 1)]
        finest = self._cells[-1]
        self._knots = np.array([round(i * num_bins / finest) for i in range(finest + 1)])
        # Row j: the cell of histogram j that each finest cell lies in, numbered through all histograms.
        starts = np.cumsum([0, *self._cells[:-1]])
        self._owner = np.stack(
            [start + np.arange(finest) // (finest // m) for start, m in zip(starts, self._cells, strict=True)]
        )
        sizes = np.diff(self._knots)
        own_sizes = np.bincount(self._owner.reshape(-1), np.tile(sizes, len(self._cells)))
        self._within = sizes / own_sizes[self._owner]  # (J, finest)
        self._counts = np.full(int(sum(self._cells)), _PRIOR_COUNT)
        self._gaussian = LinearMixture(0, num_bins)
        self._seen = 0
        self._log_evidence = np.zeros(1 + len(self._cells))  # of Student's t and of each histogram

    def model(self) -> Mixed:
        """The distribution of the next label: one row."""
        weights = posterior_weights(self._log_evidence)
        histograms = weights[1:].sum()
        shares = weights[1:] @ self._shares() / histograms
        pieces = Pieces(self._knots, shares[None] / shares.sum())
        return Mixed((self._gaussian.model(_NO_FEATURES), pieces), np.array([weights[0], histograms]))

    def learn(self, label: int) -> None:
        """One label more."""
        gaussian = self._gaussian.model(_NO_FEATURES)
        finest = int(np.searchsorted(self._knots, label, side="right")) - 1
        density = self._shares()[:, finest] / (self._knots[finest + 1] - self._knots[finest])
        mixed = (1 - UNIFORM_SHARE) * density + UNIFORM_SHARE / self._num_bins
        self._log_evidence[0] += math.log(gaussian.masses(np.array([label]))[0])
        self._log_evidence[1:] += np.log(mixed)
        self._counts[self._owner[:, finest]] += 1
        self._gaussian.learn(_NO_FEATURES, label, gaussian)
        self._seen += 1

    def _shares(self) -> FloatArray:
        """What each histogram gives to the finest cells (J, finest)."""
        totals = self._seen + _PRIOR_COUNT * np.array(self._cells)
        shares: FloatArray = self._counts[self._owner] * self._within / totals[:, None]
        return shares


class ConstantDensity(DensityPredictor):
    """The same distribution over bins, one row, for every input."""

    def __init__(self, one: Binned, note: str = "") -> None:
        self._one, self.note = one, note

    def model(self, inputs: Tensor) -> Binned:
        """As of `Predictor`."""
        return self._one.take(np.zeros(len(inputs), dtype=np.int64))


def marginal_of(labels: IntArray, num_bins: int, note: str = "") -> ConstantDensity:
    """The marginal after these labels, with a note for those who read the result."""
    marginal = Marginal(num_bins)
    for label in labels.tolist():
        marginal.learn(label)
    return ConstantDensity(marginal.model(), note)
