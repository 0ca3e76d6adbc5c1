"""The items of `reproduce denis` at tiny sizes: they go through, go on where they stopped, and say what was found."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mdlcode.learn import NetLearner, Steps
from mdlcode.papers import Job, items
from mdlcode.papers.denis.common import by_seed, verdict
from mdlcode.papers.denis.memorise import MEMORISE
from mdlcode.papers.denis.random import RANDOM
from mdlcode.report.reproduction import Reproduction

TINY = NetLearner("mlp-1x8", Steps(epochs=2, min_steps=4, batch_size=20))


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
