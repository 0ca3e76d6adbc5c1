"""Work that was ended in the middle goes on from where it was kept, and ends with the same bits."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mdlcode import finished
from mdlcode.bayes import BayesLearner, FreshNet, Refinement, SparsePrior
from mdlcode.bayes.guides import FlowGuide, LowRankGuide
from mdlcode.bayes.posterior import MeanField
from mdlcode.bayes.priors import NormalGamma
from mdlcode.codes import Draws, Online, Streams, Temperature
from mdlcode.codes.calibration import Identity
from mdlcode.data import Data
from mdlcode.learn import (
    CheckpointedLearner,
    DeepCompression,
    EnsembleLearner,
    Learner,
    NetLearner,
    Pruning,
    RateAware,
    Steps,
    SubspaceLearner,
    VariationalDropout,
)
from mdlcode.learn.grid import Run, Setting, Training, train
from mdlcode.learn.nets import checkpoints
from mdlcode.learn.nets.augment import Affine
from mdlcode.learn.nets.checkpoints import Resumable
from mdlcode.learn.nets.muon import Muon
from mdlcode.learn.nets.optimizer import Sgd
from mdlcode.learn.nets.predictor import Prediction
from mdlcode.learn.nets.regularisation import Regularisation
from mdlcode.learn.nets.steps import descend
from mdlcode.learn.nets.unlabelled import FixMatch
from mdlcode.learn.subspace.seeds import fit_seeds
from mdlcode.store import Store

STEPS = Steps(min_steps=9, max_steps=9, batch_size=8)
NET = NetLearner(arch="mlp-1x8", training=STEPS)
WARPED = Affine(shift_pixels=1.0)
RATE_AWARE = RateAware(NET, training=replace(STEPS, min_steps=25, max_steps=25), augment=WARPED)
TRAININGS: dict[str, Learner] = {
    "adamw": CheckpointedLearner(
        replace(NET, prediction=Prediction(ema_decay=0.7), regularisation=Regularisation(Affine(), 0.1)), (0.3, 0.6)
    ),
    "sgd": replace(NET, optimizer=Sgd(), regularisation=Regularisation(unlabelled=FixMatch(4, 0.1))),
    "muon": replace(NET, arch="convnet", optimizer=Muon()),
    "dropout": replace(NET, arch="nets_of_mine:dropping"),
    "subspace": SubspaceLearner(arch="mlp-1x8", training=STEPS, dimension=20),
    "stack": EnsembleLearner(CheckpointedLearner(replace(NET, prediction=Prediction(ema_decay=0.7))), size=2),
    "rate-aware": RATE_AWARE,
    "variational-dropout": VariationalDropout(replace(NET, arch="nets_of_mine:dropping"), training=STEPS),
    "deep-compression": DeepCompression(
        replace(NET, arch="nets_of_mine:dropping"),
        training=STEPS,
        pruning=Pruning(density=0.3, refresh_steps=2),
        levels=4,
        codebook=STEPS,
    ),
    "bayes": BayesLearner(FreshNet("convnet-small"), training=STEPS),
    "bayes-attention": BayesLearner(FreshNet("nets_of_mine:attending"), training=STEPS, estimator="flipout"),
    "bayes-sparse": BayesLearner(RATE_AWARE, prior=SparsePrior(), training=STEPS),
    "bayes-low-rank": BayesLearner(FreshNet("linear"), NormalGamma(), LowRankGuide(2), "one-draw", STEPS),
    "bayes-flow": BayesLearner(FreshNet("linear"), guide=FlowGuide(), estimator="one-draw", training=STEPS),
}
REFINED = BayesLearner(FreshNet("mlp-1x8"), training=STEPS)


def rows(learner: Learner, data: Data) -> list[Any]:
    path = learner.fit_path(data.shared, data.labels[:60])
    return [each.predict(data.shared.inputs[:20]) for each in path]


def refined(data: Data) -> list[Any]:
    """A posterior whose first layer is known, fitted anew."""
    shared, labels = data.shared, data.labels[:60]
    posterior = REFINED.fit(shared, labels).posterior
    assert isinstance(posterior, MeanField)
    known = np.where(np.arange(len(posterior.mean)) < posterior.layout.sizes[0], posterior.mean, np.nan)
    how = Refinement(training=STEPS, last_training=STEPS)
    again = REFINED.continued(posterior, shared, labels).refined(how, known).posterior
    return [again.mean, again.sd]


def seeds(data: Data) -> list[Any]:
    """Subspaces of several seeds side by side, as a search for the intrinsic dimension has them."""
    learner = SubspaceLearner(arch="mlp-1x8", training=STEPS, dimension=20)
    return [each.predict(data.shared.inputs[:20]) for each in fit_seeds(learner, 3, data.shared, data.labels[:60])]


def grid(data: Data) -> list[Any]:
    """Nets of a stack, which one leaves that diverges, and one that has learned enough."""
    settings = (
        Setting(width=16, lr=0.03, batch_size=20, optimizer="adam", seed=1),
        Setting(width=8, lr=1e-6, batch_size=20, optimizer="adam", dropout=0.2, augment="shift"),
        Setting(width=16, lr=1e30, batch_size=20, optimizer="adam", seed=2),
    )
    labels, shared = data.labels[:60], data.shared
    training = Training(epochs=8, stop_ce=1.0)
    runs = [Run(each, labels, shared.moments, training.count(20, 60)) for each in settings]
    found = train(runs, shared.inputs, 10, training)
    assert [each.converged for each in found] == [True, False, False]
    assert len(found[0].losses) < len(found[1].losses) == 24
    assert found[2].reason.startswith("diverged")
    return [[each.losses, each.reason, *(value.numpy() for value in each.state.values())] for each in found]


WORK: dict[str, Callable[[Data], list[Any]]] = {
    **{name: partial(rows, learner) for name, learner in TRAININGS.items()},
    "refinement": refined,
    "seeds": seeds,
    "grid": grid,
}
Begin = Callable[..., list[int]]


class Ended(Exception):  # noqa: N818
    """As if the process were killed."""


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Begin:
    """Begins a new list of the steps that are done, each of which is kept; the work is ended after so many."""
    taken: list[int] = []
    most: list[int | None] = [None]
    at = Resumable.at

    def begin(number: int | None = None) -> list[int]:
        taken.clear()
        most[0] = number
        return taken

    def counted(work: Resumable, step: int) -> None:
        at(work, step)
        taken.append(step)
        if len(taken) == most[0]:
            raise Ended

    monkeypatch.setattr(checkpoints, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr("mdlcode.bayes.fitting._CHECK_EVERY", 4)
    monkeypatch.setattr(Resumable, "at", counted)
    return begin


def alike(one: Any, other: Any) -> bool:
    """Whether two values are the same to the bit, seconds excepted."""
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all("seconds" in str(key) or alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, torch.Tensor | np.ndarray):
        return np.asarray(one).tobytes() == np.asarray(other).tobytes()
    return bool(one == other)


@pytest.mark.parametrize("name", WORK)
def test_all_work_goes_on_to_the_same_bits(
    name: str, kept: Begin, digits: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its results, and what was kept at its last step: weights, optimizers and generators."""
    work, dropped = WORK[name], set[str | None]()
    monkeypatch.setattr(Resumable, "drop", lambda each: dropped.add(each._key))
    with finished.using(None):
        alone = work(digits)
    with finished.using(tmp_path / "whole"):
        taken = kept()
        whole = work(digits)
        number = len(taken)
    with finished.using(tmp_path / "ended"):
        for _ in range(2):
            kept(number // 3)
            with pytest.raises(Ended):
                work(digits)
        taken = kept()
        again = work(digits)
        assert len(taken) == number - 2 * (number // 3)
    assert alike(alone, whole)
    assert alike(whole, again)
    stores = [Store(tmp_path / each) for each in ("whole", "ended")]
    names = [{each.path.name for each in store.entries()} for store in stores]
    assert dropped & names[0]
    assert names[0] & dropped == names[1] & dropped
    for each in names[0] & names[1]:
        assert alike(*(store.find(each) for store in stores))


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """Begins a new count of steps of the online code; the work is ended in the middle of one, after so many."""
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
    monkeypatch.setattr("mdlcode.codes.online.descend", counted)
    with finished.using(tmp_path):
        yield begin


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
