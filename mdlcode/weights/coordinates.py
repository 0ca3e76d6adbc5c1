"""A net that moves in a random subspace: its coordinates are sent, and both sides draw the rest from the seed."""

from typing import Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import nn

from mdlcode.coding.channel import Channel
from mdlcode.coding.integers import send_float16
from mdlcode.config import STRICT
from mdlcode.errors import MdlError
from mdlcode.learn.subspace.net import SubspaceNet
from mdlcode.typing import FloatArray
from mdlcode.weights.base import WeightCode
from mdlcode.weights.masks import UNORDERED
from mdlcode.weights.others import send_others
from mdlcode.weights.quantisers import LARGEST, Alphabet, grid, send_alphabet, symbols_of
from mdlcode.weights.symbols import Adaptive


@dataclass(frozen=True, config=STRICT)
class Coordinates(WeightCode):
    """The scale of the logits; group by group a step and how many of them each coordinate is; batch norms' statistics.

    Li et al. 2018 count 32 bits a coordinate; here the whole numbers of steps take an adaptive code. Scale and steps
    are float16. A batch norm's variances are sent as 2^(k/16), and its means in thirty-seconds of the standard
    deviation. Other buffers, and frozen parameters, are sent where a training has changed them.
    """

    kind: Literal["coordinates"] = Field(default="coordinates", kw_only=True)

    @torch.no_grad()
    def transmit(self, channel: Channel, net: nn.Module) -> None:
        """Parts: "scale", "steps", "masks" and "values" (the whole numbers), "buffers" (the statistics).

        Raises MdlError for a net that moves in no subspace, or by real numbers.
        """
        if not isinstance(net, SubspaceNet) or not net.stepped:
            raise MdlError("weights 'coordinates' are for nets in a subspace, in whole steps: use code 'subspace'")
        scale = net.log_scale.double().cpu().numpy()[None] if channel.sending else None
        net.log_scale.copy_(torch.from_numpy(send_float16(channel, scale, 1, "scale"))[0])
        _send_values(channel, net)
        send_others(channel, net.net, net.start)


def _send_values(channel: Channel, net: SubspaceNet) -> None:
    sent, steps = [], []
    parts = net.by_group(net.values().double().cpu())
    for part, step in zip(parts, net.log_steps.double().exp().tolist(), strict=True):
        values = part.numpy() if channel.sending else None
        known = None if values is None else _grid(values, step)
        alphabet = send_alphabet(channel, known, "steps")
        symbols = None if values is None or known is None else symbols_of(values, known)
        decoded = Adaptive().transmit(channel, symbols, tuple(part.shape), alphabet, UNORDERED)
        sent.append(torch.from_numpy(alphabet.values[decoded]))
        steps.append(alphabet.values[1] if alphabet.size > 1 else 1.0)  # where all is zero, any step is right
    net.fix(torch.cat(sent), torch.tensor(steps))


def _grid(values: FloatArray, step: float) -> Alphabet:
    furthest = int(np.abs(values / step).round().max())
    if furthest > LARGEST:
        raise MdlError(f"a coordinate lies {furthest} steps from zero, over {LARGEST}: name a larger `step`")
    return grid(step, furthest)
