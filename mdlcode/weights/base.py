"""The interface of weight codes, and which tensors of a net they must cover."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from mdlcode.channel import Channel
from mdlcode.errors import MdlError

# Counts batches alone: both sides know it, and no prediction reads it.
_COUNTER = "num_batches_tracked"


class WeightCode(ABC):
    """Sends the weights of a net, so that both sides hold the same net afterwards."""

    @abstractmethod
    def transmit(self, channel: Channel, net: nn.Module) -> None:
        """On both sides `net` ends with the decoded values of all parameters and buffers."""


def coded_tensors(net: nn.Module) -> dict[str, Tensor]:
    """Every parameter and buffer that predictions may depend on, by name.

    Raises MdlError for a tensor that is not float32: no code here would say what it holds.
    """
    named = {name: value for name, value in net.state_dict().items() if not name.endswith(_COUNTER)}
    for name, value in named.items():
        if value.dtype != torch.float32:
            raise MdlError(f"'{name}' of the net is {value.dtype}: only float32 parameters and buffers have a code")
    return named
