"""Several trainings of one learner, averaged in probability space."""

from typing import Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode import parallel
from mdlcode.coding.binned import Binned, Mixed
from mdlcode.coding.entropy_models import EntropyModel
from mdlcode.config import STRICT, shifted_seeds
from mdlcode.data.base import Shared
from mdlcode.learn.base import AnyLearner, Learner, Predictor
from mdlcode.typing import FloatArray, IntArray


class MeanPredictor(Predictor):
    """The mean of several predictors' probabilities."""

    def __init__(self, members: list[Predictor]) -> None:
        self._members = members
        self.note = next((member.note for member in members if member.note), "")

    def predict(self, inputs: Tensor) -> FloatArray:
        """Mean probabilities (m, K)."""
        mean: FloatArray = np.mean([member.predict(inputs) for member in self._members], axis=0)
        return mean

    def model(self, inputs: Tensor) -> EntropyModel:
        """As of `Predictor`; of densities their mixture."""
        models = [member.model(inputs) for member in self._members]
        binned = [each for each in models if isinstance(each, Binned)]
        return Mixed.evenly(binned) if len(binned) == len(models) else super().model(inputs)


@dataclass(frozen=True, config=STRICT)
class EnsembleLearner(Learner):
    """`size` copies of a learner with seeds seed, seed + 1, ..., averaged in probability space."""

    kind: Literal["ensemble"] = Field(default="ensemble", kw_only=True)
    member: AnyLearner
    size: int = Field(default=4, ge=2, le=10_000)

    def fit(self, shared: Shared, labels: IntArray) -> MeanPredictor:
        """The mean of the members' predictions, each fitted by itself."""
        pending = [parallel.submit(member.fit, shared, labels) for member in self._members()]
        return MeanPredictor([each.result() for each in pending])

    def fit_path(self, shared: Shared, labels: IntArray) -> list[Predictor]:
        """The means of the members along their paths."""
        pending = [parallel.submit(member.fit_path, shared, labels) for member in self._members()]
        return [MeanPredictor(list(each)) for each in zip(*(each.result() for each in pending), strict=True)]

    def steps(self, num_labels: int) -> int:
        """The steps of all members."""
        return self.size * self.member.steps(num_labels)

    def _members(self) -> list[Learner]:
        return [shifted_seeds(self.member, i) for i in range(self.size)]
