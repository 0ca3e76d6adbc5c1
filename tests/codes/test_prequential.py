import math
import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch

from mdlcode import parallel
from mdlcode.bayes.expected import label_bits
from mdlcode.codes import Geometric, Listed, Prequential, Switch, Temperature, Uniform
from mdlcode.codes.schedule import NAMED
from mdlcode.data import Data, Shared, View, from_arrays, load
from mdlcode.errors import MdlError, TrainingError
from mdlcode.learn import EstimatorLearner, FrequencyLearner, Learner, NetLearner, Predictor, Steps, UniformLearner
from mdlcode.learn.constant import ConstantPredictor
from mdlcode.proof.bob import Bob
from mdlcode.proof.checks import check_code
from mdlcode.typing import FloatArray, IntArray

NET = NetLearner(training=Steps(min_steps=12, max_steps=12))


def test_prequential_is_the_plain_loop_of_its_definition(digits: Data) -> None:
    """The oracle: definition 3 of Blier & Ollivier, written out, each probability as the coder rounds it."""
    stops = [8, 16, 32, 64, 120]
    bits = label_bits(np.full((8, 10), 0.1), digits.labels[:8])
    for start, stop in pairwise(stops):
        probs = NET.fit(digits.shared, digits.labels[:start]).predict(digits.shared.inputs[start:stop])
        bits += label_bits(probs, digits.labels[start:stop])
    assert Prequential((NET,)).codelength(digits).total_bits == pytest.approx(bits, abs=1e-9)


def test_schedules() -> None:
    assert NAMED["paper-mnist"].stops(60_000) == [8 * 2**k for k in range(13)] + [60_000]
    assert NAMED["paper-cifar10"].stops(50_000) == [10 * 2**k for k in range(13)] + [50_000]
    assert Geometric(first=3, ratio=1.1).stops(8) == [3, 4, 5, 6, 7, 8]
    assert Geometric(first=8).stops(5) == [5]
    assert Listed((2, 5)).stops(5) == [2, 5]
    assert Prequential(schedule="paper-mnist").schedule == Geometric(first=8)  # type: ignore[arg-type]
    with pytest.raises(MdlError, match="must rise"):
        Listed((5, 5))
    with pytest.raises(MdlError, match="past the 4 labels"):
        Listed((5,)).stops(4)


@pytest.mark.parametrize(
    ("labels", "schedule"),
    [
        ([0, 1, 2, 0, 1, 2, 3, 3], Geometric(first=2)),  # class 3 comes late
        ([0, 1, 0, 1, 1], Listed((1, 2, 3, 4))),  # blocks of one label
        ([0, 0, 0, 0, 9], Geometric(first=1)),  # more classes than labels, one class only in the past
        ([0, 1], Geometric(first=8)),  # fewer labels than the first block
    ],
)
def test_small_and_odd_label_sets_decode(labels: list[int], schedule: Geometric | Listed) -> None:
    inputs = np.random.default_rng(0).random((len(labels), 3))
    data = from_arrays(inputs, labels, num_classes=max(labels) + 1, order_seed=None)
    learners = (
        NetLearner(arch="mlp", training=Steps(min_steps=5, max_steps=5)),
        EstimatorLearner(),
        FrequencyLearner(),
    )
    code = Prequential(learners, schedule=schedule, calibration=Temperature())
    assert np.array_equal(code.decode(data.shared, code.encode(data)), data.labels)


class Fails(Learner):
    """Gives NaN for one row of the second block."""

    def fit(self, shared: Shared, labels: IntArray) -> Predictor:
        class Failing(Predictor):
            def predict(self, inputs: torch.Tensor) -> FloatArray:
                rows = np.full((len(inputs), shared.num_classes), 1 / shared.num_classes)
                if len(labels) == 16:
                    rows[3] = np.nan
                return rows

        return Failing()


def test_expert_that_gives_nan_is_dropped_by_both_sides(digits: Data) -> None:
    code = Prequential((Fails(), FrequencyLearner()))
    with pytest.warns(UserWarning, match="expert 0 gave NaN"):
        sent, transmission = code.transmitted(digits)
    with pytest.warns(UserWarning, match="expert 0 gave NaN"):
        assert np.array_equal(code.decode(digits.shared, sent), digits.labels)
    weights, length = transmission.received.traces["expert_weights"], transmission.codelength
    assert weights[18, 0] > 0.3
    assert (weights[19:, 0] == 0).all()
    assert length.total_bits < 1.2 * length.uniform_bits


def test_training_that_diverges_ends_with_a_clear_line(digits: Data) -> None:
    with pytest.raises(TrainingError, match="lower the learning rate"), warnings.catch_warnings():
        Prequential((NetLearner(arch="mlp", optimizer={"kind": "sgd", "lr": 1e30}),)).codelength(digits)  # type: ignore[arg-type]


def test_diverging_expert_is_dropped_where_others_go_on(digits: Data) -> None:
    diverging = NetLearner(arch="mlp", training=Steps(min_steps=20), optimizer={"kind": "sgd", "lr": 1e30})  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match="expert 0 gave NaN"):
        length = Prequential((diverging, FrequencyLearner())).codelength(digits)
    assert length.total_bits < 1.2 * length.uniform_bits


def test_blocks_side_by_side_give_the_same_bits_as_one_by_one(digits: Data) -> None:
    code = Prequential((NET, EstimatorLearner()), calibration=Temperature())
    alone = code.measure(digits).codelength
    with parallel.processes(workers=2, after_cpu_seconds=0) as pool, parallel.using(pool):
        together = code.measure(digits).codelength
    assert np.array_equal(alone.bits_by_label, together.bits_by_label)


class Overconfident(Learner):
    """Right on 80 % of the labels, with probability 0.999."""

    def fit(self, shared: Shared, labels: IntArray) -> Predictor:
        class Sure(Predictor):
            def predict(self, inputs: torch.Tensor) -> FloatArray:
                rows = np.full((len(inputs), 2), 0.001)
                rows[np.arange(len(inputs)), inputs[:, 0].long().numpy()] = 0.999
                return rows

        return Sure()


def test_calibration_repairs_an_overconfident_expert() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(2, size=2000)
    guesses = np.where(generator.random(2000) < 0.8, labels, 1 - labels)
    data = from_arrays(guesses[:, None].astype(np.float32), labels)
    plain = Prequential((Overconfident(),)).codelength(data).total_bits
    calibrated = Prequential((Overconfident(),), calibration=Temperature()).codelength(data).total_bits
    entropy = 2000 * (-0.8 * math.log2(0.8) - 0.2 * math.log2(0.2))
    assert plain > 2 * entropy
    assert calibrated < 1.05 * entropy


def test_calibration_costs_little_where_nothing_is_to_be_gained() -> None:
    data = load("digits", View(label_noise=1.0))
    code = Prequential((UniformLearner(),), calibration=Temperature())
    assert code.codelength(data).total_bits == pytest.approx(Uniform().codelength(data).total_bits, abs=0.5)


def test_switch_is_never_far_above_its_best_expert(digits: Data) -> None:
    learners = (NET, EstimatorLearner(), UniformLearner())
    alone = [Prequential((each,)).codelength(digits).total_bits for each in learners]
    together = Prequential(learners, mixture=Switch()).codelength(digits).total_bits
    assert together <= min(alone) + Switch().regret_bits(3, len(digits) - 8, [])


def test_predictor_at_the_end_predicts_new_inputs() -> None:
    data = load("digits", View(limit=1000))
    received = Prequential((EstimatorLearner(), FrequencyLearner()), calibration=Temperature()).measure(data).received
    assert received.predictor is not None
    new = load("digits", View(order_seed=0))
    probs = received.predictor.predict(new.shared.inputs[1000:])
    assert probs.sum(axis=1) == pytest.approx(1.0)
    assert (probs.argmax(axis=1) == new.labels[1000:]).mean() > 0.9


def test_users_own_learner_is_held_to_the_laws_too(digits: Data, bob: Bob) -> None:
    check_code(Prequential((Mine(),)), digits, bob=bob)


class Mine(Learner):
    """A user's own learner without a config, such as the README shows."""

    def fit(self, shared: Shared, labels: IntArray) -> Predictor:
        return ConstantPredictor(np.full(shared.num_classes, 1 / shared.num_classes))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mine)

    def __hash__(self) -> int:
        return 0
