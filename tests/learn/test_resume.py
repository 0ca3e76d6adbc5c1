"""A training that was ended in the middle goes on from where it was kept, and ends with the same bits."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mdlcode import finished
from mdlcode.codes import Draws, Online, Streams, Temperature
from mdlcode.codes.calibration import Identity
from mdlcode.data import Data
from mdlcode.learn import CheckpointedLearner, Learner, NetLearner, Steps, SubspaceLearner
from mdlcode.learn.nets import checkpoints
from mdlcode.learn.nets.augment import Affine
from mdlcode.learn.nets.muon import Muon
from mdlcode.learn.nets.optimizer import Sgd
from mdlcode.learn.nets.predictor import Prediction
from mdlcode.learn.nets.regularisation import Regularisation
from mdlcode.learn.nets.steps import descend
from mdlcode.learn.nets.unlabelled import FixMatch

STEPS = Steps(min_steps=9, max_steps=9, batch_size=8)
NET = NetLearner(arch="mlp-1x8", training=STEPS)
TRAININGS: dict[str, Learner] = {
    "adamw": CheckpointedLearner(
        replace(NET, prediction=Prediction(ema_decay=0.7), regularisation=Regularisation(Affine(), 0.1)), (0.3, 0.6)
    ),
    "sgd": replace(NET, optimizer=Sgd(), regularisation=Regularisation(unlabelled=FixMatch(4, 0.1))),
    "muon": replace(NET, arch="convnet", optimizer=Muon()),
    "dropout": replace(NET, arch="nets_of_mine:dropping"),
    "subspace": SubspaceLearner(arch="mlp-1x8", training=STEPS, dimension=20),
}


Begin = Callable[..., list[int]]


class Ended(Exception):  # noqa: N818
    """As if the process were killed."""


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """Begins a new count of steps, each of which is kept; the work is ended after so many, if any number is named."""
    taken: list[int] = []
    most: list[int | None] = [None]

    def begin(number: int | None = None) -> list[int]:
        taken.clear()
        most[0] = number
        return taken

    def counted(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
        if len(taken) == most[0]:
            raise Ended
        taken.append(1)
        descend(optimizer, loss)

    monkeypatch.setattr(checkpoints, "EVERY_SECONDS", 0.0)
    for module in ("learn.nets.training", "learn.subspace.learner", "codes.online"):
        monkeypatch.setattr(f"mdlcode.{module}.descend", counted)
    with finished.using(tmp_path):
        yield begin


def rows(learner: Learner, data: Data) -> list[Any]:
    path = learner.fit_path(data.shared, data.labels[:60])
    return [each.predict(data.shared.inputs[:20]) for each in path]


@pytest.mark.parametrize("name", TRAININGS)
def test_every_training_goes_on_to_the_same_bits(name: str, steps: Begin, digits: Data) -> None:
    learner = TRAININGS[name]
    with finished.using(None):
        whole = rows(learner, digits)
    for number in (4, 3):
        steps(number)
        with pytest.raises(Ended):
            rows(learner, digits)
    taken = steps()
    assert np.array_equal(whole, rows(learner, digits))
    assert len(taken) == 9 - 4 - 3
    store = finished.in_use()
    assert store is not None
    assert len(store.entries()) == len(whole)  # the checkpoint is gone, and the nets are there


@pytest.mark.parametrize("replay", [Streams(), Draws(count=8, size=20)], ids=["streams", "draws"])
def test_the_online_code_goes_on_and_is_there_for_another_calibration(
    replay: Streams | Draws, steps: Begin, digits: Data
) -> None:
    code = Online(arch="mlp-1x8", batch_size=30, replay=replay)
    with finished.using(None):
        whole = code.measure(digits)
    steps(20)
    with pytest.raises(Ended):
        code.measure(digits)
    taken = steps()
    again = code.measure(digits)
    assert len(taken) == 63 - 18  # of seven batches and eight replayed ones each, two were learned whole
    assert np.array_equal(whole.codelength.bits_by_label, again.codelength.bits_by_label)
    taken = steps()
    plain = replace(code, calibration=Identity()).measure(digits)
    assert taken == []
    assert plain.codelength.total_bits != again.codelength.total_bits
    assert again.received.predictor is not None
    assert plain.received.predictor is not None
    new = digits.shared.inputs[:5]
    assert np.array_equal(again.received.predictor.predict(new), plain.received.predictor.predict(new))
    assert isinstance(code.calibration, Temperature)
    assert np.array_equal(code.decode(digits.shared, code.encode(digits)), digits.labels)
    assert len(taken) == 63  # Bob's
