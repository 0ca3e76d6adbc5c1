"""Several trainings of one learner, averaged in probability space."""

from collections.abc import Sequence
from typing import Literal, TypeVar

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
from mdlcode.learn.nets.predictor import NetPredictor
from mdlcode.learn.nets.stacks import NETS_AT_ONCE, is_stacked, stacked_paths
from mdlcode.learn.nets.training import CheckpointedLearner, NetLearner, check_finite
from mdlcode.typing import FloatArray, IntArray

AnyOne = TypeVar("AnyOne", bound=Learner)


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
    """`size` copies of a learner with seeds seed, seed + 1, ..., averaged in probability space.

    Small nets are trained in stacks of 16 (see `mdlcode.learn.nets.stacks`), all else one by one.
    """

    kind: Literal["ensemble"] = Field(default="ensemble", kw_only=True)
    member: AnyLearner
    size: int = Field(default=4, ge=2, le=10_000)

    def fit(self, shared: Shared, labels: IntArray) -> MeanPredictor:
        """The mean of the members' predictions. Raises TrainingError where a net ran to NaN or infinity."""
        if (paths := self._stacked(shared, labels, ())) is not None:
            for path in paths:
                check_finite(path[-1].net, len(labels))
            return MeanPredictor([path[-1] for path in paths])
        pending = [parallel.submit(member.fit, shared, labels) for member in self._copies(self.member)]
        return MeanPredictor([each.result() for each in pending])

    def fit_path(self, shared: Shared, labels: IntArray) -> list[Predictor]:
        """The means of the members along their paths."""
        checkpoints = self.member.checkpoints if type(self.member) is CheckpointedLearner else ()
        paths: Sequence[Sequence[Predictor]] | None = self._stacked(shared, labels, checkpoints)
        if paths is None:
            pending = [parallel.submit(member.fit_path, shared, labels) for member in self._copies(self.member)]
            paths = [each.result() for each in pending]
        return [MeanPredictor(list(each)) for each in zip(*paths, strict=True)]

    def steps(self, num_labels: int) -> int:
        """The steps of all members."""
        return self.size * self.member.steps(num_labels)

    def _stacked(
        self, shared: Shared, labels: IntArray, checkpoints: tuple[float, ...]
    ) -> list[list[NetPredictor]] | None:
        """The members' paths where they train in stacks, None where each trains by itself."""
        net = self.member.member if type(self.member) is CheckpointedLearner else self.member
        if type(net) is not NetLearner or not is_stacked(net, shared, len(labels)):
            return None
        nets = self._copies(net)
        stacks = [nets[start : start + NETS_AT_ONCE] for start in range(0, len(nets), NETS_AT_ONCE)]
        pending = [parallel.submit(stacked_paths, stack, shared, labels, checkpoints) for stack in stacks]
        return [path for each in pending for path in each.result()]

    def _copies(self, learner: AnyOne) -> list[AnyOne]:
        return [shifted_seeds(learner, index) for index in range(self.size)]
