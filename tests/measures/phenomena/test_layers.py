"""A layer set back is the layer of that epoch, and the bits of layers are those that the net is sent with."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from mdlcode.codes import TwoPart
from mdlcode.data import Data, View, load
from mdlcode.data.view import split
from mdlcode.errors import MdlError
from mdlcode.learn import AdamW, NetLearner, RateAware, Steps
from mdlcode.measures.phenomena.layers import layer_bits, layer_robustness, layers_of
from mdlcode.measures.phenomena.training import accuracy, held_out
from mdlcode.weights import AsTrained, Quantised


@pytest.fixture(scope="module")
def data() -> Data:
    return split(load("digits", View(limit=400)), 300)


def normed(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, num_classes))


LEARNER = NetLearner(normed, Steps(epochs=6, min_steps=1, batch_size=25), AdamW(lr=5e-3))


def test_a_layer_is_set_back_alone_with_its_buffers(data: Data) -> None:
    found = layer_robustness(LEARNER, data, epochs=(0, 6), draws=2)
    assert [layer.num_parameters for layer in found.layers] == [64 * 24 + 24, 48, 250]
    assert all(layer.reset_accuracies[1] == found.test_accuracy for layer in found.layers)  # set to what it is
    inputs, labels = held_out(data)
    last, first = deepcopy(LEARNER.fit(data.shared, data.labels)), LEARNER.initial(data.shared)
    own = dict(last.net.state_dict())
    [norm] = [name for name, held in layers_of(last).items() if any("running_var" in each for each in held)]
    last.net.load_state_dict(own | {name: value for name, value in first.net.state_dict().items() if norm in name})
    [of_norm] = [layer for layer in found.layers if layer.name == norm]
    assert of_norm.reset_accuracies[0] == accuracy(last, inputs, labels)
    assert max(np.mean(layer.redrawn_accuracies) for layer in found.layers if layer.name != norm) < 0.4
    assert len(found.layers[0].redrawn_accuracies) == 2


def test_bits_of_layers_add_up_to_the_code(data: Data) -> None:
    squeezer = RateAware(training=Steps(min_steps=100, max_steps=100), bit_price=0.1)
    plain = NetLearner("mlp-1x16", Steps(epochs=6, min_steps=1, batch_size=25), AdamW(lr=5e-3))
    found = layer_bits(plain, data, squeezer)
    code = TwoPart(replace(squeezer, start=plain), Quantised(AsTrained(), units="sorted"))
    assert found.total_bits == pytest.approx(code.codelength(data).total_bits, rel=1e-9)
    assert found.by_layer["1"] > found.by_layer["3"] > 0


def test_mistakes_are_one_clear_line(data: Data) -> None:
    with pytest.raises(MdlError, match="has no labelled test set"):
        layer_robustness(LEARNER, load("digits", View(limit=50)))
    with pytest.raises(MdlError, match="epochs 0 to 6: 7 is none"):
        layer_robustness(LEARNER, data, epochs=(7,))
    learned = LEARNER.initial(data.shared)
    learned.net = nn.Sequential(nn.Flatten())
    with pytest.raises(MdlError, match="no layer that is trained"):
        layers_of(learned)
