"""What no weight code sends: one clear line says which tensor it is."""

from contextlib import suppress

import pytest
import torch
from torch import nn
from weights_helpers import conv_net, dense_net, sparse

from mdlcode.coding.channel import Ledger, Receiver, Sender
from mdlcode.errors import MdlError
from mdlcode.weights import AsTrained, Float16, Float32, Quantised, WeightCode

EVERY = pytest.mark.parametrize("code", [Float32(), Float16(), Quantised()], ids=str)


def shared() -> nn.Module:
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    net[2].weight = net[0].weight
    return net


def with_buffer(value: torch.Tensor, persistent: bool = True) -> nn.Module:
    net = nn.Linear(2, 2)
    net.register_buffer("extra", value, persistent=persistent)
    return net


def with_parameter(value: torch.Tensor) -> nn.Module:
    net = nn.Linear(2, 2)
    net.extra = nn.Parameter(value)
    return net


def filled(value: float) -> nn.Module:
    net = nn.Linear(2, 2)
    net.weight.data[0, 1] = value
    return net


@EVERY
@pytest.mark.parametrize(
    ("net", "line"),
    [
        (shared(), r"'2\.weight' and '0\.weight' share one tensor"),
        (with_parameter(torch.zeros(2, dtype=torch.complex64)), "'extra' of the net is torch.complex64"),
        (nn.Linear(2, 2).double(), "float64"),
        (with_buffer(torch.arange(3)), "'extra' of the net is torch.int64"),
        (with_buffer(torch.zeros(0)), "'extra' of the net is empty"),
        (with_buffer(torch.zeros(3), persistent=False), "'extra' is not persistent"),
        (filled(float("nan")), "'weight' of the net is not finite"),
        (filled(float("inf")), "'weight' of the net is not finite"),
    ],
    ids=["shared", "complex", "double", "integers", "empty", "not persistent", "nan", "inf"],
)
def test_refused(code: WeightCode, net: nn.Module, line: str) -> None:
    with pytest.raises(MdlError, match=line) as error:
        code.transmit(Ledger(), net)
    assert "\n" not in str(error.value)


def test_a_layer_pruned_to_nothing_is_named() -> None:
    net = sparse(dense_net(), 0.1, 3, seed=0)
    net[1].weight.data.zero_()
    for units in ("all", "live", "sorted"):
        with pytest.raises(MdlError, match=r"'1\.weight' is pruned to nothing"):
            Quantised(AsTrained(), units=units).transmit(Ledger(), net)


def test_a_net_of_many_values_is_not_as_trained_to_few() -> None:
    with pytest.raises(MdlError, match="quantise it"):
        Quantised(AsTrained()).transmit(Ledger(), nn.Linear(40, 40))


def test_a_weight_beyond_float16_is_refused() -> None:
    for code in (Float16(), Quantised()):
        with pytest.raises(MdlError, match="beyond float16"):
            code.transmit(Ledger(), filled(1e6))


@pytest.mark.parametrize("seed", range(8))
def test_a_message_for_another_net_ends(seed: int) -> None:
    """Words alone name no net, so anything may come of them, but never a loop without end."""
    sender = Sender()
    Quantised(AsTrained(), units="live").transmit(sender, sparse(dense_net(), 0.1, 3, seed))
    net = conv_net()
    shapes = {name: value.shape for name, value in net.state_dict().items()}
    with suppress(MdlError, ValueError, IndexError, AssertionError):  # what a message's decoder catches
        Quantised(AsTrained(), units="live").transmit(Receiver(sender.words()), net)
    assert {name: value.shape for name, value in net.state_dict().items()} == shapes
