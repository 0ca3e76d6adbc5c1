"""What nets predict of labels they have not seen, for prequential codes of many settings at once."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from mdlcode.data.base import Shared
from mdlcode.learn.base import Learner, Predictor
from mdlcode.learn.grid.setting import Setting, Training
from mdlcode.learn.grid.train import Run, logits, train
from mdlcode.typing import FloatArray, IntArray


def forecasts(
    settings: Sequence[Setting], shared: Shared, labels: Sequence[IntArray], training: Training, stops: Sequence[int]
) -> list[FloatArray]:
    """Probabilities (n, K) of all labels by each setting, those between two stops by a net of the labels before them.

    The settings share a stack, each with labels (n,) of its own. A block's nets are trained on the labels before it
    alone, as `SettingLearner` trains them; rows of the first block, and of a net that diverged, are uniform.
    """
    probs = [np.full((len(shared), shared.num_classes), 1 / shared.num_classes) for _ in settings]
    for start, stop in pairwise(stops):
        runs = [
            Run(one, own[:start], shared.moments, training.count(one.batch_size, start, len(shared)))
            for one, own in zip(settings, labels, strict=True)
        ]
        for own, run, outcome in zip(
            probs, runs, train(runs, shared.inputs, shared.num_classes, training), strict=True
        ):
            if outcome.state:
                net = run.setting.of(shared)
                net.load_state_dict(outcome.state)
                found = logits(net.to(shared.inputs.device), shared.moments, shared.inputs[start:stop])
                own[start:stop] = torch.from_numpy(found).softmax(1).numpy()
    return probs


class Recalled(Learner):
    """Stands for a learner whose forecasts (n, K) are known: after t labels it says those of labels t + 1, ..."""

    def __init__(self, probs: FloatArray) -> None:
        self._probs = probs

    def fit(self, shared: Shared, labels: IntArray) -> Predictor:
        """What was said after so many labels."""
        return _Said(self._probs[len(labels) :])


class _Said(Predictor):
    def __init__(self, probs: FloatArray) -> None:
        self._probs = probs

    def predict(self, inputs: Tensor) -> FloatArray:
        return self._probs[: len(inputs)]
