"""Weights in half precision."""

from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import nn

from mdlcode.coding.channel import Channel
from mdlcode.coding.integers import send_float16
from mdlcode.config import STRICT
from mdlcode.nets.held import is_trained
from mdlcode.weights.base import WeightCode, coded_tensors
from mdlcode.weights.exact import BUFFERS, send_rounded


@dataclass(frozen=True, config=STRICT)
class Float16(WeightCode):
    """16 bits for each parameter and each real buffer, rounded to float16; both sides predict with those.

    >>> from mdlcode.coding.channel import Ledger
    >>> ledger, net = Ledger(), nn.Linear(3, 2)
    >>> Float16().transmit(ledger, net)
    >>> ledger.codelength(num_classes=2).bits_by_part
    {'weights': 128.0}
    """

    kind: Literal["float16"] = Field(default="float16", kw_only=True)

    def transmit(self, channel: Channel, net: nn.Module) -> None:
        """Parameters go as part "weights", buffers as "buffers". Raises MdlError for weights over 65,504."""
        parameters = {name for name, _ in net.named_parameters()}
        for name, tensor in coded_tensors(net).items():
            if not is_trained(tensor):
                send_rounded(channel, tensor, "weights" if name in parameters else BUFFERS)
                continue
            values = tensor.detach().double().cpu().numpy().reshape(-1) if channel.sending else None
            decoded = send_float16(channel, values, tensor.numel(), "weights")
            tensor.data.copy_(torch.from_numpy(decoded).reshape(tensor.shape))
