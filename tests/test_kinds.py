"""A user's own codes, learners, weight codes, priors, nets and estimators, named as `module:name` everywhere."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from conftest import Run
from mdlcode.cli.app import app
from mdlcode.codes import Prequential, decode
from mdlcode.codes.base import parse_code
from mdlcode.config import from_config, kinds, to_config
from mdlcode.data import View, load
from mdlcode.errors import MdlError
from mdlcode.experiments.tasks import Experiment, checked, read_config
from mdlcode.learn import Learner, UniformLearner, parse_learner
from mdlcode.projections import Projection
from mdlcode.trust import names

MODULE = '''
"""Everything that a user may write at home, in a module of the current folder."""

import numpy as np
import torch
from pydantic.dataclasses import dataclass
from sklearn.naive_bayes import GaussianNB

from mdlcode import AnyLearner, Code, Learner, Received
from mdlcode.bayes import Gaussian
from mdlcode.config import STRICT
from mdlcode.learn import FrequencyLearner
from mdlcode.weights import Float32, WeightCode


@dataclass(frozen=True, config=STRICT)
class Laplace(Code):
    """Each label under the frequencies of those before it, plus `start` each; then what a learner learned of all."""

    start: float = 1.0
    learner: AnyLearner = FrequencyLearner()

    def transmit(self, channel, shared, labels):
        counts = np.full(shared.num_classes, self.start)
        known = np.zeros(len(shared), dtype=np.int64)
        for place in range(len(shared)):
            label = None if labels is None else labels[place : place + 1]
            known[place] = channel.send(label, (counts / counts.sum())[None])[0]
            counts[known[place]] += 1
        return Received(known, self.learner.fit(shared, known))


@dataclass(frozen=True, config=STRICT)
class Few(Learner):
    """The frequencies of the last few labels."""

    last: int = 30

    def fit(self, shared, labels):
        return FrequencyLearner().fit(shared, labels[-self.last :])


@dataclass(frozen=True, config=STRICT)
class Whole(WeightCode):
    """As float32."""

    def transmit(self, channel, net):
        Float32().transmit(channel, net)


@dataclass(frozen=True, config=STRICT)
class Wide(Gaussian):
    """A wider Gaussian."""

    scale: float = 1.0


class Bayes(GaussianNB):
    """As scikit-learn's."""


def net(input_shape, num_classes):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, num_classes))
'''

CONFIG = """
data: digits
limit: 60
codes:
  - {kind: "mine:Laplace", start: 0.5, learner: {kind: "mine:Few", last: 20}}
  - {kind: prequential, name: few, learners: [{kind: "mine:Few", last: 20}], schedule: {kind: listed, steps: [30]}}
  - {kind: two-part, name: whole, weights: {kind: "mine:Whole"}, learner: {kind: net, arch: "mine:net",
     training: {min_steps: 5, max_steps: 5}}}
  - {kind: variational, name: wide, learner: {kind: bayes, start: {kind: fresh, arch: "mine:net"},
     prior: {kind: "mine:Wide"}, training: {min_steps: 9, max_steps: 9}}}
  - {kind: prequential, name: estimator, learners: [{kind: estimator, estimator: "mine:Bayes"}],
     schedule: {kind: listed, steps: [30]}}
"""
NAMES = {
    "mine:Laplace": {"mine:Few", "mine:Laplace"},
    "few": {"mine:Few"},
    "whole": {"mine:Whole", "mine:net"},
    "wide": {"mine:Wide", "mine:net"},
    "estimator": {"mine:Bayes"},
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the user's module, in which the command runs as the installed script does."""
    (tmp_path / "mine.py").write_text(MODULE)
    (tmp_path / "mine.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("mine", None)


def test_own_code_and_learner_in_fresh_processes(mdlcode: Run, fresh_mdlcode: Run, home: Path) -> None:
    """Who decodes and verifies has never imported the module before."""
    compared = mdlcode("compare", "digits", "--codes", "mine:Laplace,uniform", "--limit", 60, "--threads", 1)
    assert compared.returncode == 0, compared.stderr
    assert "mine:Laplace" in compared.stdout
    one = ("digits", "--config", "mine.yaml", "--code", "mine:Laplace", "--threads", 1)
    encoded = mdlcode("encode", *one, "-o", "message")
    assert encoded.returncode == 0, encoded.stderr
    decode = ("decode", "digits", "message", "-o", "labels.npy", "--threads", 1, "--trust", "mine:Laplace")
    refused = mdlcode(*decode)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: the message asks to import 'mine:Few'")
    assert not (home / "labels.npy").exists()
    decoded = fresh_mdlcode(*decode, "--trust", "mine:Few")
    assert decoded.returncode == 0, decoded.stderr
    assert np.array_equal(np.load("labels.npy"), load("digits", View(limit=60)).labels)
    verified = fresh_mdlcode("verify", *one)
    assert verified.returncode == 0, verified.stderr
    assert "proved" in verified.stdout


def test_workers_find_the_users_module(fresh_mdlcode: Run, home: Path) -> None:
    ran = fresh_mdlcode("compare", "digits", "--config", "mine.yaml", "--workers", 2, "--threads", 1, "-o", "out")
    assert ran.returncode == 0, ran.stderr
    assert all(name in ran.stdout for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_everything_of_ones_own_goes_through_config_and_message(name: str, home: Path) -> None:
    chosen = checked(Experiment, read_config(home / "mine.yaml"), "mine.yaml")
    data, code = chosen.load(), dict(chosen.named_codes())[name]
    assert parse_code(to_config(code)) == code
    assert names(to_config(code)) == NAMES[name]
    message = code.encode(data)
    for each in NAMES[name]:
        with pytest.raises(MdlError, match=f"the message asks to import '{each}'"):
            decode(data.shared, message, trusted=NAMES[name] - {each})
    assert np.array_equal(decode(data.shared, message, trusted=NAMES[name]), data.labels)


def test_a_net_file_with_a_weight_code_and_net_of_ones_own(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> None:
        app([*arguments, "--threads", "1"], standalone_mode=False)

    run("compress", "digits", "--config", "mine.yaml", "--code", "whole", "-o", "net.mdl")
    trusted = ("--trust", "mine:net", "--trust", "mine:Whole")
    for command in (("show", "net.mdl"), ("bound", "digits", "net.mdl", "--limit", "60")):
        with pytest.raises(MdlError, match="the net asks to import 'mine:Whole'"):
            run(*command, "--trust", "mine:net")
        run(*command, *trusted)
        assert "mine:net" in capsys.readouterr().out


def test_an_object_prints_as_its_own_module_names_it(home: Path) -> None:
    mine = import_module("mine")
    code = mine.Laplace(2.0, mine.Few(7))
    learner = {"kind": "mine:Few", "last": 7}
    assert to_config(code) == {"kind": "mine:Laplace", "start": 2.0, "learner": learner}
    assert from_config(to_config(Prequential((mine.Few(),))), Prequential, "code") == Prequential((mine.Few(),))


class Stateful(Learner):
    """A plain class, whose settings no config shows."""

    def __init__(self) -> None:
        self.settings = 3

    def fit(self, shared, labels):  # type: ignore[no-untyped-def]
        return UniformLearner().fit(shared, labels)


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"kind": "no_such_module:Thing"}, "can't be imported: No module named 'no_such_module'"),
        ({"kind": "math:gcd"}, "'math:gcd' is no learner: a subclass of mdlcode's Learner is needed"),
        ({"kind": "mdlcode.codes:Uniform"}, "is no learner"),
        ({"kind": "mdlcode.learn:Learner"}, "Can't instantiate abstract class"),
        ({"kind": "__main__:Mine"}, "put it into a module"),
        ({"kind": ":Mine"}, "its form must be package.module:name"),
        ({"kind": ".mine:Mine"}, "its form must be package.module:name"),
        ({"kind": "mine:"}, "its form must be package.module:name"),
        ({"kind": "nett"}, "did you mean 'net'"),
        ({"kind": ["net"]}, "no learner of kind"),
        ({"kind": "net", 3: 4}, "keywords must be strings"),
        ({}, "no learner of kind 'None'"),
        ({"kind": "test_kinds:Stateful", "settings": 4}, "unexpected keyword argument 'settings'"),
    ],
)
def test_bad_kinds_are_one_line(config: dict[str, object], line: str) -> None:
    with pytest.raises(MdlError) as error:
        parse_learner(config)
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def test_what_no_config_can_show_does_not_print() -> None:
    with pytest.raises(MdlError, match="'Stateful' can't be printed as a config: make it a frozen dataclass"):
        to_config(Prequential((Stateful(),)))


def test_kinds_are_those_of_the_library() -> None:
    assert Stateful not in kinds(Learner).values()
    assert set(kinds(Projection)) == {"count-sketch", "kronecker", "srht", "fastfood", "sparse", "dense"}
