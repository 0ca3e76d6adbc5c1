"""What the phenomena share: nets along a training, their accuracies, and a code that no lack of structure harms."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from mdlcode.codes import Prequential, Temperature
from mdlcode.data.base import Data
from mdlcode.errors import MdlError
from mdlcode.learn import CheckpointedLearner, FrequencyLearner, NetLearner, NetPredictor, Predictor, UniformLearner
from mdlcode.typing import IntArray

_EARLY = (0.1, 0.3)  # shares of a training after which its net is an expert too


def after_epochs(learner: NetLearner, data: Data, epochs: Sequence[float]) -> dict[float, NetPredictor]:
    """The net of one training after each of these epochs, 0 for before it, and at its end.

    The keys are epochs as they were reached, in whole steps. Raises MdlError for epochs before the training or after
    its end.

    >>> from mdlcode.data import View, load
    >>> from mdlcode.learn import Steps
    >>> learner = NetLearner("linear", Steps(epochs=4, min_steps=1, batch_size=50))
    >>> list(after_epochs(learner, load("digits", View(limit=100)), [0, 1]))
    [0.0, 1.0, 4.0]
    """
    steps, an_epoch = learner.steps(len(data)), len(data) / learner.training.size(len(data))
    stops = sorted({round(epoch * an_epoch) for epoch in epochs} | {steps})
    if stops[0] < 0 or stops[-1] > steps:
        raise MdlError(
            f"the training has epochs 0 to {steps / an_epoch:g}: {_outside(epochs, steps / an_epoch):g} is none"
        )
    path = learner.path(data.shared, data.labels, tuple(stop / steps for stop in stops if 0 < stop < steps))
    first = [learner.initial(data.shared)] if stops[0] == 0 else []
    return {stop / an_epoch: net for stop, net in zip(stops, [*first, *path], strict=True)}


def whole_epochs(learner: NetLearner, data: Data) -> list[float]:
    """0, 1, 2, ... up to the end of a training.

    >>> from mdlcode.data import View, load
    >>> from mdlcode.learn import Steps
    >>> whole_epochs(NetLearner("linear", Steps(epochs=2, min_steps=1)), load("digits", View(limit=100)))
    [0.0, 1.0, 2.0]
    """
    last = learner.steps(len(data)) * learner.training.size(len(data)) / len(data)
    return [float(epoch) for epoch in range(int(last + 1e-9) + 1)]


def structure_code(learner: NetLearner) -> Prequential:
    """The prequential code of what `learner` trains, that does not lose where there is nothing to learn.

    Its experts are the net at its end and after a tenth and a third of its training, the class frequencies and the
    uniform distribution, calibrated by temperature and switched. So what it saves is structure that the net finds.
    """
    net = CheckpointedLearner(learner, _EARLY)
    return Prequential((net, FrequencyLearner(), UniformLearner()), calibration=Temperature())


def accuracy(predictor: Predictor, inputs: Tensor, labels: IntArray) -> float:
    """The share of labels (m,) that are the likeliest class of their inputs (m, ...)."""
    return float(np.mean(predictor.predict(inputs).argmax(axis=1) == labels))


def held_out(data: Data) -> tuple[Tensor, IntArray]:
    """The test set. Raises MdlError where there is none, and for data whose labels are no classes of one input each."""
    data.require_one_class_each("a phenomenon of nets")
    if data.test_inputs is None or data.test_labels is None:
        raise MdlError(
            f"{data.name} has no labelled test set, which is needed here: `mdlcode.data.view.split` makes one"
        )
    return data.test_inputs, data.test_labels


def _outside(epochs: Sequence[float], last: float) -> float:
    return next(epoch for epoch in sorted(epochs) if epoch < 0 or epoch > last)
