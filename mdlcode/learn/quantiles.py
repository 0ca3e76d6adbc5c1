"""Classifiers as predictors of real numbers: over cells between quantiles of the labels seen so far."""

from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode.coding.binned import Pieces
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn.base import AnyLearner, DensityPredictor, Learner, Predictor
from mdlcode.learn.estimator import EstimatorLearner
from mdlcode.learn.linear import require_bins
from mdlcode.learn.marginal import marginal_of
from mdlcode.typing import IntArray


class QuantilePredictor(DensityPredictor):
    """A classifier's probabilities of the cells between knots (m + 1,), even within each cell."""

    def __init__(self, classifier: Predictor, knots: IntArray) -> None:
        self._classifier, self._knots = classifier, knots

    def model(self, inputs: Tensor) -> Pieces:
        """As of `Predictor`."""
        return Pieces(self._knots, self._classifier.predict(inputs))


@dataclass(frozen=True, config=STRICT)
class QuantileLearner(Learner):
    """Real-valued targets by any learner of classes: one for each of `cells` cells between quantiles of past labels.

    The first and the last cell reach to the ends of the range. Only labels that are given make quantiles, so that
    both sides know them; there are fewer cells where labels are fewer than `least` times as many.

    >>> QuantileLearner(cells=4).knots(np.array([10, 20, 30, 40, 50, 60, 70, 80] * 2), 100)
    array([  0,  30,  50,  70, 100])
    """

    kind: Literal["quantiles"] = Field(default="quantiles", kw_only=True)
    member: AnyLearner = EstimatorLearner()
    cells: int = Field(default=16, ge=2)
    least: int = Field(default=4, ge=1)

    def knots(self, labels: IntArray, num_bins: int) -> IntArray:
        """Where cells begin and end: 0, the quantiles, K."""
        count = min(self.cells, max(2, len(labels) // self.least))
        inner = np.quantile(labels, np.arange(1, count) / count, method="higher")
        inside = np.unique(inner.astype(np.int64))
        inside = inside[(inside > 0) & (inside < num_bins)]
        return np.concatenate([[0], inside, [num_bins]]).astype(np.int64)

    def fit(self, shared: Shared, labels: IntArray) -> DensityPredictor:
        """The classifier of the cells. Raises MdlError where labels are classes."""
        require_bins(shared, "a learner of quantiles")
        knots = self.knots(labels, shared.num_classes)
        if len(knots) < 3:
            return marginal_of(labels, shared.num_classes)
        cells = (np.searchsorted(knots, labels, side="right") - 1).astype(np.int64)
        classes = replace(shared, num_classes=len(knots) - 1, bins=None)
        return QuantilePredictor(self.member.fit(classes, cells), knots)

    def steps(self, num_labels: int) -> int:
        """Those of the member."""
        return self.member.steps(num_labels)
