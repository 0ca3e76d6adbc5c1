"""Double descent: the peak is where it must be, and its codes use no label that Bob has not got."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mdlcode.codes import Geometric, Prequential, Temperature
from mdlcode.data import Data, load
from mdlcode.data.view import split
from mdlcode.errors import MdlError
from mdlcode.learn import FrequencyLearner, Steps
from mdlcode.measures.phenomena.descent import (
    FourierLearner,
    across,
    bayes_bits,
    bayes_rows,
    codelengths,
    each_alone,
    forest,
)
from mdlcode.measures.phenomena.square_nets import SquareNets

SCHEDULE = Geometric(first=10, ratio=4)


@pytest.fixture(scope="module")
def data() -> Data:
    return split(load("digits"), 80)


def test_least_squares_interpolate_past_n_and_have_the_least_norm(data: Data) -> None:
    wide = FourierLearner(200)
    fitted = wide.fit(data.shared, data.labels)
    features, targets = wide.features(data.shared), np.eye(10)[data.labels]
    assert np.abs(fitted.scores(data.shared.inputs) - targets).max() < 1e-6
    assert fitted.norm == pytest.approx(float(np.linalg.norm(np.linalg.pinv(features) @ targets)), rel=1e-6)


def test_the_peak_is_at_n_and_codelengths_fall(data: Data) -> None:
    sizes = (20, 80, 800)
    points = across(each_alone([FourierLearner(size) for size in sizes]), data, SCHEDULE)
    few, same, many = points
    assert same.test_square > 3 * few.test_square
    assert same.norm > 3 * many.norm
    assert many.test_error < few.test_error < same.test_error
    assert few.prequential_bits > many.prequential_bits
    closed = [bayes_bits(FourierLearner(size).features(data.shared), data.labels, 10) for size in sizes]
    assert closed[0] > closed[1] > closed[2] - 20  # Bayes' rule has no peak
    assert closed[2] < many.prequential_bits


def test_a_learners_code_is_its_prequential_code_which_decodes(data: Data) -> None:
    learner = FourierLearner(30)
    code = Prequential((learner,), SCHEDULE, Temperature())
    [length] = codelengths(each_alone([learner]), data, SCHEDULE)
    assert length.total_bits == pytest.approx(code.codelength(data).total_bits)
    assert np.array_equal(code.decode(data.shared, code.encode(data)), data.labels)


def test_bayes_rows_know_no_later_label_and_are_the_posterior_means() -> None:
    generator = np.random.default_rng(0)
    features, labels = generator.standard_normal((20, 5)), generator.integers(3, size=20)
    rows = bayes_rows(features, labels, 3)
    changed = labels.copy()
    changed[12:] = (changed[12:] + 1) % 3
    assert np.allclose(rows[:13], bayes_rows(features, changed, 3)[:13])
    assert not np.allclose(rows[13:], bayes_rows(features, changed, 3)[13:])
    assert np.allclose(rows.sum(1), 1)
    from mdlcode.measures.phenomena.descent import _innovations

    noise, targets = 0.1, np.eye(3)[labels] - 1 / 3
    own = _innovations(features @ features.T + noise * np.eye(20), targets)
    precision = np.eye(5) + features[:19].T @ features[:19] / noise
    mean = np.linalg.solve(precision, features[:19].T @ targets[:19] / noise)
    variance = noise + features[19] @ np.linalg.solve(precision, features[19])
    logits = features[19] @ mean / variance
    assert own[19] == pytest.approx(np.exp(logits) / np.exp(logits).sum(), rel=1e-6)
    with pytest.raises(MdlError, match="one row for each label"):
        bayes_rows(features[:5], labels, 3)


def test_square_nets_reuse_weights_up_to_the_threshold(data: Data) -> None:
    nets = SquareNets((2, 6, 30), Steps(epochs=60, min_steps=1, batch_size=80))
    assert nets.num_parameters(data.shared) == [160, 460, 2260]  # the threshold is 800
    narrow, wider, widest = nets(data.shared, data.labels)
    alone = SquareNets((6,), nets.training)(data.shared, data.labels)[0]
    lost = [
        float(np.square(net.scores(data.shared.inputs) - np.eye(10)[data.labels]).sum(1).mean())
        for net in (narrow, wider, widest, alone)
    ]
    assert lost[1] < lost[0]
    assert lost[1] < lost[3]  # from where the narrower net ended
    assert 0 < wider.two_part_bits(data) < widest.two_part_bits(data)
    assert np.allclose(widest.predict(data.shared.inputs).sum(1), 1)


def test_forests_and_any_learner_go_through(data: Data) -> None:
    few, many = across(each_alone([forest(5, 1), forest(80, 8)]), data, SCHEDULE)
    assert many.train_error == 0.0
    assert many.test_square < few.test_square
    assert np.isnan(few.norm)
    [plain] = across(each_alone([FrequencyLearner()]), data, SCHEDULE)
    assert plain.test_error > 0.8


def test_bad_input_is_one_line(data: Data) -> None:
    sizes = each_alone([FrequencyLearner()])
    with pytest.raises(MdlError, match="no test set"):
        across(sizes, replace(data, test_inputs=None, test_labels=None), SCHEDULE)
    with pytest.raises(MdlError, match="one block of the schedule"):
        codelengths(sizes, data, Geometric(first=80))
    with pytest.raises(MdlError, match="`num_features` is 0"):
        FourierLearner(0)
    real = load("diabetes")
    with pytest.raises(MdlError, match="one class each"):
        FourierLearner(5).fit(real.shared, real.labels)
    assert torch.is_tensor(data.shared.inputs)
