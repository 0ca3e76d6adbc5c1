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
from mdlcode.nets.held import held_tensors, is_trained
from mdlcode.nets.undeclared import require_declared

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
    """Every parameter and buffer that predictions may depend on, by name; a tensor of two names once.

    Raises MdlError for a trained parameter that is not float32 (`mdlcode.nets.build` makes them so) or not finite, and
    where the net holds tables elsewhere (`require_declared`).
    """
    require_declared(net)
    named = held_tensors(net)
    for name, value in named.items():
        if not is_trained(value):
            continue
        if value.dtype != torch.float32:
            raise MdlError(f"'{name}' of the net is {value.dtype}: only float32 parameters have a code")
        if not bool(torch.isfinite(value).all()):
            raise MdlError(f"'{name}' of the net is not finite: train again with a lower learning rate")
    return named
