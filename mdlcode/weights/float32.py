"""Weights as they are."""

from typing import Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import nn

from mdlcode.coding.channel import Channel
from mdlcode.config import STRICT
from mdlcode.weights.base import WeightCode, coded_tensors

_HALF = 1 << 16


@dataclass(frozen=True, config=STRICT)
class Float32(WeightCode):
    """32 bits for each parameter and each buffer: two halves of 16 bits under a uniform distribution."""

    kind: Literal["float32"] = Field(default="float32", kw_only=True)

    def transmit(self, channel: Channel, net: nn.Module) -> None:
        """Parameters go as part "weights", buffers (batch-norm statistics) as part "buffers"."""
        parameters = {name for name, _ in net.named_parameters()}
        with torch.no_grad():
            for name, tensor in coded_tensors(net).items():
                values = tensor.cpu().contiguous().numpy() if channel.sending else None
                halves = None if values is None else values.reshape(-1).view("<u2").astype(np.int64)
                part = "weights" if name in parameters else "buffers"
                decoded = channel.send_uniform(halves, 2 * tensor.numel(), _HALF, part)
                floats = torch.from_numpy(decoded.astype("<u2").view("<f4"))
                tensor.copy_(floats.reshape(tensor.shape))
