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
    """The net of one training after each of these epochs, 0 for before it, and after its last, in their order.

    Each is taken at the nearest whole step. Raises MdlError for epochs before the training or after its end.

    >>> from mdlcode.data import View, load
    >>> from mdlcode.learn import Steps
    >>> learner = NetLearner("linear", Steps(epochs=4, min_steps=1, batch_size=50))
    >>> list(after_epochs(learner, load("digits", View(limit=100)), [0, 1]))
    [0.0, 1.0, 4.0]
    """
    steps, last = learner.steps(len(data)), last_epoch(learner, data)
    if outside := [epoch for epoch in epochs if not 0 <= epoch <= last]:
        raise MdlError(f"the training has epochs 0 to {last:g}: {outside[0]:g} is none")
    stops = {float(epoch): round(epoch / last * steps) for epoch in sorted({*epochs, last})}
    shares = tuple(stop / steps for stop in {*stops.values()} - {0, steps})
    path = learner.path(data.shared, data.labels, shares)
    reached = dict(zip(sorted({*stops.values()} - {0} | {steps}), path, strict=True)) | {
        0: learner.initial(data.shared)
    }
    return {epoch: reached[stop] for epoch, stop in stops.items()}


def last_epoch(learner: NetLearner, data: Data) -> float:
    """How many epochs a training has: its steps times the size of a batch, over the labels."""
    return learner.steps(len(data)) * learner.training.size(len(data)) / len(data)


def whole_epochs(learner: NetLearner, data: Data) -> list[float]:
    """0, 1, 2, ... up to the end of a training.

    >>> from mdlcode.data import View, load
    >>> from mdlcode.learn import Steps
    >>> whole_epochs(NetLearner("linear", Steps(epochs=2, min_steps=1)), load("digits", View(limit=100)))
    [0.0, 1.0, 2.0]
    """
    return [float(epoch) for epoch in range(int(last_epoch(learner, data)) + 1)]


def epochs_to(share: float, accuracies: Sequence[float]) -> int | None:
    """The first epoch from which on the accuracies, of epoch 0, 1, ..., are at least `share`; None for never.

    >>> epochs_to(1.0, [0.1, 1.0, 0.9, 1.0, 1.0])
    3
    """
    missed = [epoch for epoch, reached in enumerate(accuracies) if reached < share]
    after = missed[-1] + 1 if missed else 0
    return after if after < len(accuracies) else None


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
