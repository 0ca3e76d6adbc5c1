"""The interface of weight codes, and which tensors of a net they must cover."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from typing import Annotated, Any

import torch
from pydantic import BeforeValidator
from torch import Tensor, nn

from mdlcode.coding.channel import Channel, Ledger
from mdlcode.config import Configurable, parsed
from mdlcode.errors import MdlError
from mdlcode.nets.undeclared import require_declared

# Counts batches alone: both sides know it, and no prediction reads it.
_COUNTER = "num_batches_tracked"
ALL = "(all)"


class WeightCode(Configurable, ABC):
    """Sends the weights of a net, so that both sides hold the same net afterwards."""

    @abstractmethod
    def transmit(self, channel: Channel, net: nn.Module) -> None:
        """On both sides `net` ends with the decoded values of all parameters and buffers."""

    def sizes(self, net: nn.Module) -> dict[str, Mapping[str, float]]:
        """Bits by tensor, and by part within each, one row for all where a code does not tell them apart.

        The net stays as it is.
        """
        ledger = Ledger()
        self.transmit(ledger, deepcopy(net))
        return {ALL: ledger.codelength(2).bits_by_part}


def parse_weights(value: Any) -> Any:
    """A weight code from a config of one's own; an instance of `WeightCode` as it is. What it names is imported."""
    return parsed(value, WeightCode, "weight code")


AnyWeightCode = Annotated[WeightCode, BeforeValidator(parse_weights)]


def coded_tensors(net: nn.Module) -> dict[str, Tensor]:
    """Every parameter and buffer that predictions may depend on, by name.

    Raises MdlError where a code would not say what the net holds: a tensor that is not float32, is
    empty, is not finite, stands under two names, or is a buffer that `state_dict` leaves out; and where the net
    holds tables elsewhere (`require_declared`).
    """
    named = {name: value for name, value in net.state_dict().items() if not name.endswith(_COUNTER)}
    require_declared(net)
    holders: dict[int, str] = {}
    for name, value in named.items():
        if value.dtype != torch.float32:
            raise MdlError(f"'{name}' of the net is {value.dtype}: only float32 parameters and buffers have a code")
        if value.numel() == 0:
            raise MdlError(f"'{name}' of the net is empty, its shape is {tuple(value.shape)}: leave it out")
        if not bool(torch.isfinite(value).all()):
            raise MdlError(f"'{name}' of the net is not finite: train again with a lower learning rate")
        if value.data_ptr() in holders:
            raise MdlError(f"'{name}' and '{holders[value.data_ptr()]}' share one tensor: no code here sends it once")
        holders[value.data_ptr()] = name
    for name, _ in net.named_buffers():
        if name not in named and not name.endswith(_COUNTER):
            raise MdlError(f"buffer '{name}' is not persistent, so it would not be sent: register it as persistent")
    return named
