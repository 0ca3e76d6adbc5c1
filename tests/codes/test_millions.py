"""Long data sets: predictions are made, sent and received piece by piece, and never all held."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mdlcode.codes import Code, Frequencies, Geometric, Prequential, Switch, Temperature, Uniform
from mdlcode.codes.base import require_rows
from mdlcode.coding.channel import Ledger, Receiver, Sender
from mdlcode.data import Bins, Data, Shared, base, from_arrays, from_text
from mdlcode.errors import MdlError
from mdlcode.learn import EstimatorLearner, FrequencyLearner, LinearLearner, NetLearner, Steps, UniformLearner
from mdlcode.learn.base import Predictor
from mdlcode.learn.turns import say_all
from mdlcode.limits import allow
from mdlcode.typing import FloatArray

RANDOM = np.random.default_rng(0)
NET = NetLearner(arch="mlp-1x8", training=Steps(min_steps=4, max_steps=4))


def some(kind: str) -> Data:
    inputs = RANDOM.normal(size=(90, 3)).astype(np.float32)
    if kind == "numbers":
        return from_arrays(inputs, inputs[:, 0].clip(-2, 2), bins=Bins(-2, 2, 0.01))
    if kind == "tags":
        return from_arrays(RANDOM.integers(5, size=(30, 4)), RANDOM.integers(3, size=(30, 4)), num_classes=3)
    if kind == "text":
        return from_text("the cat sat on the mat, the dog lay on the log. " * 3, length=8)
    return from_arrays(inputs, (inputs[:, 0] > 0) + 2 * (inputs[:, 1] > 0), num_classes=4)


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every data set is long, and goes in pieces of about seven inputs."""
    monkeypatch.setattr(base, "HELD_BYTES", 0)
    monkeypatch.setattr(base, "PIECE_BYTES", 8 * 4 * 7)


def switching(*learners: object) -> Prequential:
    return Prequential(learners, schedule=Geometric(first=20), calibration=Temperature(), mixture=Switch())  # type: ignore[arg-type]


CODES: list[tuple[str, Code]] = [
    ("classes", Prequential((FrequencyLearner(),))),
    ("classes", switching(EstimatorLearner("sklearn.linear_model:LogisticRegression"), UniformLearner())),
    ("classes", switching(NET, FrequencyLearner())),
    ("numbers", switching(LinearLearner(), FrequencyLearner())),
    ("tags", switching(FrequencyLearner(), UniformLearner())),
    ("text", Prequential((FrequencyLearner(),), schedule=Geometric(first=20))),
]


@pytest.mark.parametrize(("kind", "code"), CODES)
def test_what_goes_in_pieces_is_received(kind: str, code: Code, monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is what goes at once, but for the order of a text and the last bits of products of matrices."""
    data = some(kind)
    at_once = replace(code).codelength(data).total_bits  # a code of its own, whose run is not remembered
    monkeypatch.setattr(base, "HELD_BYTES", 0)
    monkeypatch.setattr(base, "PIECE_BYTES", 8 * 4 * 7)
    assert data.shared.is_long
    assert len(list(data.shared.pieces(0, len(data.shared)))) > 3
    message, transmission = code.transmitted(data)
    assert transmission.codelength.total_bits == pytest.approx(at_once, rel=1e-6)
    assert np.array_equal(code.decode(data.shared, message), data.labels)


def test_pieces_cut_no_batch_of_a_net_in_two() -> None:
    shared = Shared(torch.zeros(10**6, 1), 1000)
    pieces = list(shared.pieces(4, 100_003))
    assert pieces[0] == (4, 8004)
    assert [stop for _, stop in pieces[:-1]] == [start for start, _ in pieces[1:]]
    assert pieces[-1][1] == 100_003
    assert list(Shared(torch.zeros(100, 1), 1000).pieces(4, 100)) == [(4, 100)]
    assert list(shared.pieces(7, 7)) == [(7, 7)]
    wide = Shared(torch.zeros(1, 2**20, dtype=torch.uint8).expand(1000, 2**20), 2)
    assert wide.is_long  # by its inputs
    assert next(iter(wide.pieces(0, 1000))) == (0, 8)


class Hashed(Predictor):
    """Half of the probability on a class that the input names."""

    def __init__(self, num_classes: int) -> None:
        self._num_classes = num_classes

    def predict(self, inputs: torch.Tensor) -> FloatArray:
        rows = np.full((len(inputs), self._num_classes), 0.5 / self._num_classes)
        rows[np.arange(len(inputs)), inputs[:, 0].numpy().astype(np.int64)] += 0.5
        return rows


@pytest.mark.usefixtures("long")
def test_pieces_of_exact_rows_are_the_rows() -> None:
    labels = RANDOM.integers(50, size=200)
    shared = Shared(torch.from_numpy(labels.astype(np.float32))[:, None], 50)
    sender, ledger = Sender(), Ledger()
    say_all(sender, shared, labels, Hashed(50))
    ledger.send(labels, Hashed(50).predict(shared.inputs))
    whole, pieces = ledger.codelength(50), sender.codelength(50)
    assert np.array_equal(whole.bits_by_label, pieces.bits_by_label)
    assert whole.correct_by_label.all()
    assert np.array_equal(whole.correct_by_label, pieces.correct_by_label)
    assert np.array_equal(say_all(Receiver(sender.words()), shared, None, Hashed(50)), labels)


@pytest.mark.parametrize("code", [Uniform(), Frequencies()])
def test_a_hundred_thousand_classes(code: Code) -> None:
    labels = RANDOM.integers(100_000, size=40)
    data = Data("many", Shared(torch.zeros(40, 1), 100_000), labels)
    message, transmission = code.transmitted(data)
    assert transmission.codelength.total_bits == pytest.approx(40 * math.log2(100_000), rel=0.01)
    assert np.array_equal(code.decode(data.shared, message), labels)


def test_memory_is_asked_for_by_the_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDLCODE_MAX_MEMORY", "")
    allow(max_memory=0.5)
    require_rows(Shared(torch.zeros(1, 1).expand(10**6, 1), 1000))  # 8 GB of predictions
    with pytest.raises(MdlError, match=r"a code of 10,000,000 labels of 10 classes takes 1\.1 GiB of memory"):
        require_rows(Shared(torch.zeros(1, 1).expand(10**7, 1), 10))
