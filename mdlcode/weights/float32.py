"""Weights as they are."""

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import nn

from mdlcode.coding.channel import Channel
from mdlcode.config import STRICT
from mdlcode.weights.base import WeightCode, coded_tensors
from mdlcode.weights.exact import BUFFERS, send_exact


@dataclass(frozen=True, config=STRICT)
class Float32(WeightCode):
    """32 bits for each parameter and each buffer: two halves of 16 bits under a uniform distribution.

    Buffers of another type take its bits.
    """

    kind: Literal["float32"] = Field(default="float32", kw_only=True)

    def transmit(self, channel: Channel, net: nn.Module) -> None:
        """Parameters go as part "weights", buffers (batch-norm statistics) as part "buffers"."""
        parameters = {name for name, _ in net.named_parameters()}
        for name, tensor in coded_tensors(net).items():
            send_exact(channel, tensor, "weights" if name in parameters else BUFFERS)
