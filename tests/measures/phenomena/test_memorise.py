"""Noise is learned later than structure, at other prices, and nearer to boundaries."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from mdlcode.codes import Uniform
from mdlcode.data import Data, View, load
from mdlcode.data.base import Shared
from mdlcode.data.view import split
from mdlcode.errors import MdlError
from mdlcode.learn import AdamW, NetLearner, NetPredictor, Steps
from mdlcode.measures.phenomena.memorise import critical, first_epoch, memory, noisy, spread

LEARNER = NetLearner("mlp-1x64", Steps(epochs=40, min_steps=1, batch_size=20), AdamW(lr=1e-2, weight_decay=0.0))


@pytest.fixture(scope="module")
def data() -> Data:
    return split(load("digits", View(limit=250)), 200)


def test_the_parts_of_a_memory_fit_together(data: Data) -> None:
    given = noisy(data, 0.4, seed=1)
    found = memory(LEARNER, given, data.labels, critical_epochs=(1, 10, 1000))
    wrong = given.labels != data.labels
    assert found.wrong_share == wrong.mean()
    both = np.array([found.clean_accuracies, found.wrong_accuracies])
    whole = (1 - found.wrong_share) * both[0] + found.wrong_share * both[1]
    assert np.allclose(whole, found.train_accuracies)
    assert found.clean_accuracies[5] > found.wrong_accuracies[5] + 0.3  # structure first
    assert max(found.truth_accuracies) > 0.5 > found.truth_accuracies[-1]  # the truth behind wrong labels, for a while
    assert found.clean_bits is not None
    assert found.wrong_bits is not None
    assert found.clean_bits < math.log2(10) < found.wrong_bits
    bits = (1 - found.wrong_share) * found.clean_bits + found.wrong_share * found.wrong_bits
    assert len(data) * (math.log2(10) - bits) == pytest.approx(found.saved_bits, abs=1e-6)
    assert found.critical_epochs == [1.0, 10.0, 40.0]
    assert 0 < found.first_share < found.clean_accuracies[1]


def test_nothing_wrong_has_no_bits_of_wrong_labels(data: Data) -> None:
    short = NetLearner("linear", Steps(epochs=1, min_steps=1))
    found = memory(short, noisy(data, 0.0), data.labels, code=Uniform())
    assert (found.wrong_share, found.wrong_accuracies, found.wrong_bits) == (0.0, [], None)
    assert found.clean_bits == pytest.approx(math.log2(10), rel=1e-6)


def test_critical_inputs_of_a_line_are_those_within_the_radius() -> None:
    net = nn.Linear(2, 2)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.0, 1.0], [-1.0, -1.0]]))
        net.bias.zero_()
    inputs = torch.tensor([[0.1, 0.1], [0.3, -0.3], [0.3, 0.2], [-0.2, -0.25], [-0.19, -0.2]])
    learned = NetPredictor(net, Shared(inputs, 2, standardise="none"), bf16=False)
    # The boundary x + y = 0 is reached within the square of side 2 r where |x + y| < 2 r.
    assert critical(learned, inputs, radius=0.2).tolist() == [True, True, False, False, True]
    assert not critical(learned, inputs, radius=0.0).any()


def test_first_epochs_tell_real_labels_from_noise(data: Data) -> None:
    of_real, of_fake = (first_epoch(LEARNER, noisy(data, share), trainings=12) for share in (0.0, 1.0))
    assert of_real.mean() > of_fake.mean() + 0.3
    assert np.isin(np.round(12 * of_real, 6), range(13)).all()
    equal = np.random.Generator(np.random.PCG64(0)).binomial(20, 0.5, size=2000) / 20
    assert spread(equal, 20) < 0.04
    assert spread(np.repeat([0.2, 0.8], 1000), 20) == pytest.approx(0.29, abs=0.01)


def test_mistakes_are_one_clear_line(data: Data) -> None:
    with pytest.raises(MdlError, match=r"a share 1\.5 of the labels can't be redrawn"):
        noisy(data, 1.5)
    with pytest.raises(MdlError, match="a share nan of the labels"):
        noisy(data, math.nan)
    with pytest.raises(MdlError, match="3 true labels for 200 labels"):
        memory(LEARNER, data, data.labels[:3])
    with pytest.raises(MdlError, match="1 training says nothing"):
        first_epoch(LEARNER, data, 1)
    learned = LEARNER.initial(data.shared)
    with pytest.raises(MdlError, match="a radius of -1"):
        critical(learned, data.shared.inputs, -1)
    with pytest.raises(MdlError, match="these are whole numbers"):
        critical(learned, data.shared.inputs.long(), 0.1)
