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
        (with_parameter(torch.zeros(2, dtype=torch.complex64)), "'extra' of the net is torch.complex64"),
        (nn.Linear(2, 2).double(), "float64"),
        (filled(float("nan")), "'weight' of the net is not finite"),
        (filled(float("inf")), "'weight' of the net is not finite"),
    ],
    ids=["complex", "double", "nan", "inf"],
)
def test_refused(code: WeightCode, net: nn.Module, line: str) -> None:
    with pytest.raises(MdlError, match=line) as error:
        code.transmit(Ledger(), net)
    assert "\n" not in str(error.value)


BUFFERS = {
    "integers": torch.tensor([3, -70_000, 2**62]),
    "one truth value": torch.tensor(True),
    "infinite": torch.tensor([-torch.inf, 0.0]),
    "beyond float16": torch.tensor([1e6, 1.0]),
    "complex": torch.tensor([1 + 2j]),
    "bfloat16": torch.tensor([1.5], dtype=torch.bfloat16),
    "double": torch.tensor([[0.5, 1e300]], dtype=torch.float64),
    "empty": torch.zeros(0),
}


@EVERY
@pytest.mark.parametrize("persistent", [True, False])
@pytest.mark.parametrize("name", BUFFERS)
def test_any_buffer_is_sent(code: WeightCode, name: str, persistent: bool) -> None:
    sender, value = Sender(), BUFFERS[name]
    code.transmit(sender, with_buffer(value, persistent))
    bob = with_buffer(torch.zeros_like(value), persistent)
    code.transmit(Receiver(sender.words()), bob)
    assert torch.equal(bob.extra, value)


@EVERY
def test_a_shared_tensor_is_sent_once_and_stays_shared(code: WeightCode) -> None:
    ledger, apart, sender, bob = Ledger(), Ledger(), Sender(), shared()
    code.transmit(ledger, shared())
    code.transmit(apart, nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3)))
    assert ledger.codelength(2).total_bits < apart.codelength(2).total_bits - 8
    alice = shared()
    code.transmit(sender, alice)
    code.transmit(Receiver(sender.words()), bob)
    assert bob[0].weight is bob[2].weight
    assert torch.equal(bob[2].weight, alice[2].weight)


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
