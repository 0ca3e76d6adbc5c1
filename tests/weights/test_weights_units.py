"""Dead units and canonical order: what is left out or moved does not change what a net predicts."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from weights_helpers import conv_net, dense_net, inputs, same_weights, sparse, transmitted

from mdlcode.errors import MdlError
from mdlcode.nets import NETS, build
from mdlcode.weights import AsTrained, Quantised, drop_dead_units
from mdlcode.weights.hidden import hidden_layers
from mdlcode.weights.units import live_units

sparse_nets = {
    "density": st.floats(0.01, 0.3),
    "seed": st.integers(0, 9999),
    "images": st.booleans(),
}


def net_and_inputs(density: float, seed: int, images: bool) -> tuple[nn.Sequential, torch.Tensor]:
    x = inputs() if images else inputs().flatten(1)[:, :32]
    return sparse((conv_net if images else dense_net)(), density, 4, seed), x


@given(**sparse_nets)
@settings(max_examples=40, deadline=None)
def test_dropping_dead_units_keeps_every_logit(density: float, seed: int, images: bool) -> None:
    net, x = net_and_inputs(density, seed, images)
    before = net(x)
    dropped = drop_dead_units(net)
    assert torch.equal(net(x), before)
    assert drop_dead_units(net) == dropped  # the same units are dead again


@given(**sparse_nets)
@settings(max_examples=30, deadline=None)
def test_live_units_alone_decode_to_the_same_logits(density: float, seed: int, images: bool) -> None:
    net, x = net_and_inputs(density, seed, images)
    with torch.no_grad():  # float16 values, so that decoding changes nothing by itself
        for value in net.state_dict().values():
            value.copy_(value.half() if value.is_floating_point() else value)
    before, bob = net(x), copy.deepcopy(net)
    transmitted(Quantised(AsTrained(), units="live"), net, bob)
    assert torch.equal(bob(x), before)
    transmitted(Quantised(AsTrained(), units="sorted"), net, bob)
    assert torch.allclose(bob(x), before, rtol=1e-4, atol=1e-4)


def test_units_die_from_both_ends_until_none_is_left_to_die() -> None:
    net = nn.Sequential(nn.Linear(1, 3, bias=False), nn.ReLU(), nn.Linear(3, 3, bias=False), nn.ReLU(), nn.Linear(3, 1))
    first, second, last = (net[index].weight.data for index in (0, 2, 4))
    first.copy_(torch.tensor([[1.0], [0.0], [1.0]]))  # unit 1 is not fed
    second.copy_(torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]))  # so neither is unit 1 of the second
    last.copy_(torch.tensor([[1.0, 1.0, 0.0]]))  # unit 2 is not read, so unit 2 of the first is not either
    arrays = {name: value.numpy() for name, value in net.state_dict().items()}
    assert [units.tolist() for units in live_units(arrays, hidden_layers(net))] == [[0], [0]]


def test_a_unit_that_only_a_bias_feeds_lives() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    net[0].weight.data.zero_()
    net[0].bias.data.copy_(torch.tensor([1.0, 0.0]))
    assert drop_dead_units(net) == 1


def test_a_normed_unit_without_weights_lives_and_one_that_is_not_read_is_silenced() -> None:
    net = nn.Sequential(nn.Linear(2, 3, bias=False), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 1)).eval()
    net[0].weight.data[0] = 0.0
    net[3].weight.data[:, 1] = 0.0
    assert drop_dead_units(net) == 1
    assert net[1].running_var.tolist() == [1.0, 0.0, 1.0]


def test_a_layer_without_live_units_is_an_error() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    net[2].weight.data.zero_()
    with pytest.raises(MdlError, match=r"'0\.weight' is pruned to nothing"):
        drop_dead_units(net)


@pytest.mark.parametrize(
    ("net", "count"),
    [
        (build("lenet5", (1, 28, 28), 10), 3),
        (build("mlp", (1, 8, 8), 10), 2),
        (build("convnet", (1, 8, 8), 10), 6),
        (build("resnet18", (3, 8, 8), 10), 0),
        (nn.Sequential(nn.Linear(2, 4), nn.Sigmoid(), nn.Linear(4, 1)), 0),
        (nn.Sequential(nn.Conv2d(4, 4, 1, groups=2), nn.ReLU(), nn.Conv2d(4, 4, 1)), 0),
        (nn.Sequential(nn.Sequential(nn.Linear(2, 4), nn.ReLU()), nn.Sequential(nn.Linear(4, 1))), 1),
    ],
    ids=["lenet5", "mlp", "convnet", "resnet18", "sigmoid", "groups", "nested"],
)
def test_which_hidden_layers_are_known(net: nn.Module, count: int) -> None:
    names = dict(net.named_parameters())
    layers = hidden_layers(net)
    assert len(layers) == count
    for layer in layers:
        assert names[layer.weight].shape[0] == layer.units
        assert names[layer.outgoing].shape[1] == layer.units * layer.repeat


@pytest.mark.parametrize(
    "name", [name for name in NETS if name not in ("resnet34", "resnet50", "vgga", "vggb", "shallow")]
)
def test_dropping_changes_no_untrained_net(name: str) -> None:
    net = build(name, (3, 32, 32), 10)
    before = copy.deepcopy(net)
    assert drop_dead_units(net) == 0
    assert same_weights(before, net)
