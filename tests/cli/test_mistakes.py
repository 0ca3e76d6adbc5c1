"""Ordinary mistakes, in Python, in configs and on the command line: one line each, which says what to do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset
from typer.testing import CliRunner

import mdlcode
from mdlcode.cli.app import app
from mdlcode.codes import BestOf, Prequential, TwoPart, Uniform
from mdlcode.codes.schedule import Geometric
from mdlcode.coding.message import held_to
from mdlcode.data import Data, View, from_arrays, load
from mdlcode.errors import MdlError
from mdlcode.experiments.tasks import Experiment, Source, checked
from mdlcode.learn import AdamW, EnsembleLearner, NetLearner, Steps, UniformLearner

Y = [0, 1] * 10
X = np.ones((20, 3))

# Under names without types, as mistakes are no matter of type checkers here.
net: Any = NetLearner
steps: Any = Steps
adamw: Any = AdamW
prequential: Any = Prequential
two_part: Any = TwoPart
ensemble: Any = EnsembleLearner
best_of: Any = BestOf
geometric: Any = Geometric
view: Any = View
arrays: Any = from_arrays
loaded: Any = load
compared: Any = mdlcode.compare
proved: Any = mdlcode.prove
uniform: Any = Uniform()

SETTINGS: list[tuple[Callable[[], Any], str]] = [
    (lambda: net(seed="one"), "NetLearner: `seed` is 'one': a whole number is needed"),
    (lambda: net(sead=1), "NetLearner: unknown key 'sead', did you mean 'seed'?"),
    (lambda: net(training=3), "NetLearner: `training` is 3: a mapping or a Steps is needed"),
    (lambda: net(optimizer={"lr": 1}), "NetLearner: `optimizer` is a mapping: a 'kind' is needed"),
    (lambda: net(optimizer={"kind": "adam"}), "its kind is 'adam', not one of 'adamw', 'sgd', 'muon'"),
    (lambda: net(compiled="maybe"), "NetLearner: `compiled` is 'maybe': true or false is needed"),
    (lambda: steps(batch_size=0), "Steps: `batch_size` is 0: at least 1 is needed"),
    (lambda: adamw(lr=float("nan")), "AdamW: `lr` is nan: a finite number is needed"),
    (lambda: prequential("net"), "Prequential: `learners` is 'net': a list is needed"),
    (lambda: prequential(("net",)), "Prequential: `learners.0` is 'net': an object of class Learner is needed"),
    (lambda: prequential(schedule={"kind": "listed"}), "Prequential: `schedule.listed.steps` is missing"),
    (
        lambda: two_part(UniformLearner()),
        "`learner` is a UniformLearner: an object of class NetTrainer is",
    ),
    (lambda: ensemble(), "EnsembleLearner: `member` is missing"),
    (lambda: best_of((Uniform(),)), "BestOf: `codes` is a list: at least 2 are needed"),
    (lambda: geometric("few"), "Geometric: `first` is 'few': a whole number is needed"),
    (lambda: geometric(8, 2.0, 3), "Geometric: too many values: name them"),
    (lambda: view(limit=0), "View: `limit` is 0: at least 1 is needed"),
    (
        lambda: view(standardise="per-chanel"),
        "View: `standardise` is 'per-chanel': 'auto', 'per-feature',",
    ),
]


@pytest.mark.parametrize("number", range(len(SETTINGS)))
def test_wrong_settings_in_python(number: int) -> None:
    make, line = SETTINGS[number]
    with pytest.raises(MdlError) as caught:
        make()
    assert str(caught.value).startswith(line) or line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"codes": {"kind": "uniform"}}, "c.yaml: `codes` is a mapping: a list is needed"),
        ({"limit": 0}, "c.yaml: `limit` is 0: at least 1 is needed"),
        ({"lmit": 3}, "c.yaml: unknown key 'lmit', did you mean 'limit'?"),
        ({"codes": [{"kind": "prequential", "learners": "net"}]}, "code 'prequential': `learners` is 'net': a list"),
        ({"codes": [{"kind": "two-part", "learner": {"kind": "net", "arch": 3}}]}, "`arch` is 3: the name of a net"),
        ({"codes": [{"kind": "two-part", "learner": {"kind": "net", "seed": "x"}}]}, "learner 'net': `seed` is 'x'"),
        ({"seed": [1]}, "c.yaml: `seed` is a list: a whole number is needed"),
    ],
    ids=str,
)
def test_wrong_settings_in_a_config(config: dict[str, Any], line: str) -> None:
    with pytest.raises(MdlError) as caught:
        checked(Experiment, config, "c.yaml")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


DATA: list[tuple[Callable[[], Any], str]] = [
    (lambda: arrays(np.ones(20), Y), r"inputs of shape \(20,\) are no vectors: .* `x.reshape\(-1, 1\)`"),
    (lambda: arrays(np.float64(3), Y), "are no vectors"),
    (lambda: arrays(X, 3), "labels must be a non-empty list"),
    (lambda: arrays(np.array([[1, "a"]] * 20, dtype=object), Y), "no array of numbers"),
    (lambda: arrays([[1, None]] * 20, Y), "NaN or infinite"),
    (lambda: arrays(X, [0, float("nan")] * 10), "missing"),
    (lambda: arrays(X, [0, None] * 10), "missing"),
    (lambda: arrays(X, np.linspace(0, 1, 20)), "state the `precision` and `range` of measured values"),
    (lambda: arrays(X, Y[:10]), "20 inputs but 10 labels"),
    (
        lambda: arrays(X, Y, np.ones((4, 2)), [0, 1, 0, 1]),
        r"test inputs have shape \(2,\), training",
    ),
    (lambda: arrays(TensorDataset(torch.ones(4, 2)), Y), "give the data set to from_dataset"),
    (lambda: arrays(DataLoader(TensorDataset(torch.ones(4, 2))), Y), "give the data set to from_dataset"),
    (lambda: arrays(X, Y, standardise="per feature"), "`standardise` is 'per feature': one of auto"),
    (lambda: arrays(X, Y, order_seed=-1), "`order_seed` is -1: at least 0"),
    (lambda: arrays(X, Y, classes=3), "`classes` is 3: a list"),
    (lambda: arrays(X, Y, classes="01"), "`classes` is '01': a list"),
    (lambda: arrays(X, Y, num_classes=2.5), "`num_classes` is 2.5: a whole number"),
    (lambda: loaded("nosuch.csv"), "no data set named 'nosuch.csv', and no such file or folder"),
    (lambda: loaded(None), "`name` is None"),
    (lambda: loaded("digits", 100), r"`view` is 100: a View is needed, such as View\(limit=100\)"),
    (lambda: compared("digits", "uniform"), "`data` is 'digits': make data with load"),
    (lambda: proved("uniform", from_arrays(X, Y)), "`code` is 'uniform': a code is needed"),
    (lambda: uniform.codelength(X), "`data` is a ndarray: make data with load"),
]


@pytest.mark.parametrize("number", range(len(DATA)))
def test_wrong_data(number: int) -> None:
    make, line = DATA[number]
    with pytest.raises(MdlError, match=line) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_wrong_codes_and_what_bob_holds(digits: Data) -> None:
    for codes, line in (("unifrom", "did you mean 'uniform'"), ([3], "a code is 3: a code or the name of one")):
        with pytest.raises(MdlError, match=line):
            compared(digits, codes)
    with pytest.raises(MdlError, match=r"`shared` is a Data: .* such as data\.shared"):
        uniform.decode(digits, uniform.encode(digits))


def test_lists_and_objects_that_are_numbers_are_taken_and_copied() -> None:
    assert from_arrays([[1.0, 2.0]] * 20, Y).shared.shape == (2,)
    assert from_arrays(np.array([[1, 2.5]] * 20, dtype=object), Y).shared.inputs.dtype == torch.float32
    inputs, tensor, labels = np.ones((20, 3), dtype=np.float32), torch.ones(20, 3), np.array(Y)
    both = from_arrays(inputs, labels, tensor, Y, order_seed=None)
    inputs[:], tensor[:], labels[:] = 7, 7, 1
    assert both.test_inputs is not None
    assert (float(both.shared.inputs.max()), float(both.test_inputs.max()), both.labels.tolist()) == (1, 1, Y)


def test_an_unknown_option_is_told_the_nearest() -> None:
    ran = CliRunner().invoke(app, ["compare", "digits", "--limt", "3"])
    assert ran.exit_code == 2
    assert "--limit" in ran.output


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ({"reading": {"resize": "a"}}, "`reading.resize.0` is 'a'"),
        ({"reading": {"target": 3}}, "`reading.target` is 3: a text"),
        ({"reading": {"device": "cuda"}}, "unknown key 'reading.device'"),
        ({"reading": 3}, "`reading` is 3: a mapping or a Reading"),
        ({"view": {"limit": -1}}, "`view.limit` is -1"),
        ({"view": 3}, "`view` is 3"),
        ({"classes": 3}, "`classes` is 3: a list"),
        ({"more": 1}, "unknown key 'more'"),
    ],
    ids=str,
)
def test_what_a_message_says_of_its_data_is_checked(header: dict[str, Any], line: str) -> None:
    with pytest.raises(MdlError, match=line):
        held_to(Source, header, "message")


def test_a_code_that_fails_ends_alone_with_status_1(tmp_path: Path) -> None:
    bad = "{kind: prequential, learners: [{kind: estimator, estimator: 'sklearn.naive_bayes:MultinomialNB'}]}"
    (tmp_path / "c.yaml").write_text(f"limit: 40\nthreads: 1\ncodes: [uniform, {bad}, frequencies]\n")
    arguments = ["compare", "digits", "--config", str(tmp_path / "c.yaml")]
    ran = CliRunner().invoke(app, [*arguments, "-o", str(tmp_path / "out")])
    assert ran.exit_code == 1
    stored = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [each["code"] for each in stored] == ["uniform", "frequencies"]
    alone = CliRunner().invoke(app, [*arguments, "--codes", "prequential"])
    assert alone.exit_code == 2  # nothing came of it


def test_labels_are_decoded_by_name_and_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    place = np.arange(40)
    kinds = np.array(["cat", "dog"])[place % 2]
    pandas.DataFrame({"size": place % 7, "kind": kinds}).to_csv("t.csv", index=False)
    pandas.DataFrame({"size": place % 7}).to_csv("bob.csv", index=False)
    encode = ["encode", "t.csv", "--target", "kind", "--code", "frequencies", "--limit", "10", "--threads", "1"]
    app([*encode, "-o", "m"], standalone_mode=False)
    app(["decode", "bob.csv", "m", "-o", "labels.csv", "--threads", "1"], standalone_mode=False)
    read = pandas.read_csv("labels.csv")
    assert read["example"].tolist() == sorted(View().order(40)[:10].tolist())
    assert read["label"].tolist() == kinds[read["example"]].tolist()
    app(["decode", "bob.csv", "m", "-o", "labels.npy", "--threads", "1"], standalone_mode=False)
    assert np.load("labels.npy").tolist() == (View().order(40)[:10] % 2).tolist()
