"""A net of a grid as a learner, for codes that train it again on fewer labels."""

from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.errors import TrainingError
from mdlcode.learn.base import Learner, Predictor
from mdlcode.learn.grid.setting import Setting, Training
from mdlcode.learn.grid.train import Outcome, Run, logits, train
from mdlcode.typing import FloatArray, IntArray


class SettingPredictor(Predictor):
    """A trained net behind the standardisation of its inputs; uniform where its training diverged."""

    def __init__(self, outcome: Outcome, setting: Setting, shared: Shared) -> None:
        self._net, self._shared = setting.of(shared), shared
        if outcome.state:
            self._net.load_state_dict(outcome.state)
        self._net.to(shared.inputs.device)

    def predict(self, inputs: Tensor) -> FloatArray:
        """Probabilities (m, K) in float64."""
        found = torch.from_numpy(logits(self._net, self._shared.moments, inputs))
        probs: FloatArray = found.softmax(1).numpy()
        return probs


@dataclass(frozen=True, config=STRICT)
class SettingLearner(Learner):
    """Trains the net of a setting alone, on a part of all labels for as many epochs as on all of them."""

    kind: Literal["setting"] = Field(default="setting", kw_only=True)
    setting: Setting = Setting()
    training: Training = Training(epochs=100)

    def fit(self, shared: Shared, labels: IntArray) -> SettingPredictor:
        """The trained net. Raises TrainingError where it diverged."""
        run = Run(self.setting, labels, shared.moments, self._count(len(labels), len(shared)))
        [outcome] = train([run], shared.inputs, shared.num_classes, self.training)
        if not outcome.state:
            raise TrainingError(f"training on {len(labels)} labels {outcome.reason}: lower the learning rate")
        return SettingPredictor(outcome, self.setting, shared)

    def _count(self, num_labels: int, of: int) -> int:
        return self.training.count(self.setting.batch_size, num_labels, of)
