"""The items `smoothness`, `paths`, `xor` and `descent` of `reproduce denis` at tiny sizes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mdlcode.codes import Geometric
from mdlcode.learn import Steps
from mdlcode.papers import Job, items
from mdlcode.papers.denis.descent import DESCENT
from mdlcode.papers.denis.paths import PATHS
from mdlcode.papers.denis.smoothness import SMOOTHNESS
from mdlcode.papers.denis.xor import XOR, Size
from mdlcode.report.reproduction import Reproduction

CODE = Geometric(first=10, ratio=4)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(Reproduction(tmp_path / "denis", "denis", "smoke"), "smoke", ("digits",), torch.device("cpu"))


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    few = Steps(1, 3, 3, 20, None)
    own = {"labels": 40, "seeds": 2, "code": CODE}
    small = replace(SMOOTHNESS["smoke"], **own, widths=(2, "pool", 2), training=few, every=2)  # type: ignore[arg-type]
    monkeypatch.setitem(SMOOTHNESS, "smoke", small)
    steps = {"steps": 5, "descent_labels": 40, "descent_widths": (5, 10), "descent_steps": 5}
    monkeypatch.setitem(PATHS, "smoke", replace(PATHS["smoke"], **own, **steps, widths=(2, 4)))  # type: ignore[arg-type]
    monkeypatch.setitem(XOR, "smoke", Size(20, 5, 2))
    sizes = {"net_labels": 20, "test_labels": 50, "features": (0.5, 1.0, 2.0), "widths": (1, 2, 3), "epochs": 3.0}
    grown = {"forests": ((0.1, 1), (1.0, 2))}
    monkeypatch.setitem(DESCENT, "smoke", replace(DESCENT["smoke"], **own, **sizes, **grown))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "said", "value"),
    [
        ("smoothness", "citations are swapped", "bits_per_label"),
        ("paths", "citations are swapped", "through halves"),
        ("xor", "not a 2-layer MLP", "bits_per_label"),
        ("descent", "peak", "bits_per_label"),
    ],
)
def test_an_item_is_made_once_and_says_what_it_found(job: Job, name: str, said: str, value: str) -> None:
    items("denis")[name](job)
    runs = job.store.folder / "runs"
    stored = {path: path.stat().st_mtime_ns for path in runs.rglob("*.json")}
    items("denis")[name](job)
    assert stored == {path: path.stat().st_mtime_ns for path in runs.rglob("*.json")}
    assert (job.store.folder / f"{name}.png").stat().st_size > 10_000
    caption: str = json.loads((job.store.folder / f"{name}.json").read_text())["caption"]
    assert said in caption
    assert "eproduced: " in caption
    assert "Smoke scale: " in caption
    assert "nan" not in caption
    values = [json.loads(path.read_text())["values"] for path in stored]
    assert all(each["seconds"] >= 0 for each in values)
    assert {each["seed"] for each in values} == {0, 1}
    assert any(value in each for each in values)
