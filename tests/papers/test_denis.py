"""The items of `reproduce denis` at tiny sizes: they go through, go on where they stopped, and say what was found."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mdlcode.config import to_config
from mdlcode.learn import NetLearner, RateAware, Steps
from mdlcode.papers import Job, items
from mdlcode.papers.denis.common import by_seed, verdict
from mdlcode.papers.denis.dimension import DIMENSION
from mdlcode.papers.denis.layers import LAYERS
from mdlcode.papers.denis.memorise import MEMORISE
from mdlcode.papers.denis.nets import conv_2, conv_4, conv_6, lenet_300_100
from mdlcode.papers.denis.random import RANDOM
from mdlcode.papers.denis.tickets import TICKETS
from mdlcode.report.reproduction import Reproduction

TINY = NetLearner("mlp-1x8", Steps(epochs=2, min_steps=4, batch_size=20))
SHORT = NetLearner("mlp-1x16", Steps(epochs=3, min_steps=1, batch_size=20))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(Reproduction(tmp_path / "denis", "denis", "smoke"), "smoke", ("digits",), torch.device("cpu"))


def made(job: Job, name: str) -> str:
    """The caption of an item, which is made twice: the second time from what is stored."""
    items("denis")[name](job)
    stored = {path: path.stat().st_mtime_ns for path in (job.store.folder / "runs").rglob("*.json")}
    items("denis")[name](job)
    assert stored == {path: path.stat().st_mtime_ns for path in (job.store.folder / "runs").rglob("*.json")}
    assert stored
    assert (job.store.folder / f"{name}.png").stat().st_size > 10_000
    caption: str = json.loads((job.store.folder / f"{name}.json").read_text())["caption"]
    assert "eproduced: " in caption
    assert "Smoke scale: " in caption
    return caption


def test_random(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RANDOM, "smoke", replace(RANDOM["smoke"], labels=40, learner=TINY, seeds=1))
    assert "random labels inf epochs" in made(job, "random")  # two epochs are too few


def test_memorise(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    size = replace(MEMORISE["smoke"], labels=40, learner=TINY, shares=(0.0, 0.5, 1.0), first_epochs=2, seeds=2)
    monkeypatch.setitem(MEMORISE, "smoke", size)
    assert "with 50 % redrawn" in made(job, "memorise")


def test_layers(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    squeezer = RateAware(training=Steps(epochs=1e-3, min_steps=60), bit_price=0.02)
    learner = NetLearner("mlp-1x16", Steps(epochs=20, min_steps=1, batch_size=20))
    size = replace(LAYERS["smoke"], labels=100, learner=learner, epochs=(0, 1), squeezer=squeezer, seeds=1)
    monkeypatch.setitem(LAYERS, "smoke", size)
    assert "layer 1 loses" in made(job, "layers")


def test_dimension(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = DIMENSION["smoke"]
    training = Steps(epochs=1e-3, min_steps=20, batch_size=20)
    search = replace(whole.search, learner=replace(whole.search.learner, training=training), seeds=2, precision=4.0)
    size = replace(whole, labels=60, small=("mlp-1x1", "mlp-1x2"), training=training, seeds=1, search=search)
    monkeypatch.setitem(DIMENSION, "smoke", size)
    assert "equal sizes: with 85 parameters" in made(job, "dimension")


def test_tickets(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    [whole] = TICKETS["smoke"]
    squeezer = RateAware(training=Steps(epochs=1e-3, min_steps=10))
    size = replace(whole, labels=60, learner=SHORT, rounds=5, every=5, checks=(0.5,), squeezer=squeezer, seeds=1)
    monkeypatch.setitem(TICKETS, "smoke", (size,))
    assert "code compressed" in made(job, "tickets")


@pytest.mark.parametrize("scale", ["smoke", "cpu", "full"])
def test_settings_of_all_scales_can_be_stored(scale: str) -> None:
    of_tickets = [each.learner for each in TICKETS[scale]]
    for learner in (RANDOM[scale].learner, MEMORISE[scale].learner, LAYERS[scale].learner, *of_tickets):
        assert json.loads(json.dumps(to_config(learner)))["arch"] == learner.arch
    for net in (lenet_300_100, conv_2, conv_4, conv_6):
        shape = (1, 8, 8) if net is not lenet_300_100 else (64,)
        assert net(shape, 3)(torch.zeros(2, *shape)).shape == (2, 3)
    search = DIMENSION[scale].search
    assert search.learner.arch == DIMENSION[scale].large == DIMENSION[scale].subspace.arch


def test_a_piece_for_each_seed_goes_on_where_it_stopped(job: Job) -> None:
    asked = []

    def compute(seed: int) -> dict[str, Any]:
        asked.append(seed)
        return {"twice": 2 * seed}

    first = by_seed(job, "twice", {}, 2, compute)
    assert [each["twice"] for each in by_seed(job, "twice", {}, 3, compute)] == [0, 2, 4]
    assert sorted(asked) == [0, 1, 2]
    assert all(each["seconds"] >= 0 for each in first)


def test_a_verdict_is_what_was_found() -> None:
    assert [verdict(found, "x").split(":")[0] for found in ([True], [True, False], [False, False])] == [
        "Reproduced",
        "Partly reproduced",
        "Not reproduced",
    ]
