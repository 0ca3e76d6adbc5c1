"""A net given from outside, behind a standardisation of its inputs that is given too."""

import torch
from torch import Tensor, nn

from mdlcode.errors import MdlError
from mdlcode.learn.base import Predictor
from mdlcode.typing import FloatArray

_BATCH = 500


class FixedNet(Predictor):
    """A net in evaluation mode and float32, on (inputs - mean) / deviation.

    >>> net = FixedNet(nn.Linear(2, 2, bias=False), torch.zeros(1, 2), torch.ones(1, 2))
    >>> net.predict(torch.zeros(1, 2)).tolist()
    [[0.5, 0.5]]
    """

    def __init__(self, net: nn.Module, mean: Tensor, deviation: Tensor) -> None:
        self.net = net
        self._mean, self._deviation = mean, deviation

    @torch.no_grad()
    def predict(self, inputs: Tensor) -> FloatArray:
        """softmax(logits) (m, K)."""
        self.net.eval()
        mean, deviation = self._mean.to(inputs.device), self._deviation.to(inputs.device)
        logits = [self.net((raw.float() - mean) / deviation) for raw in torch.split(inputs, _BATCH)]
        probs: FloatArray = torch.cat(logits).double().softmax(1).cpu().numpy()
        return probs


def channel_values(text: str, channels: int, what: str) -> list[float]:
    """One number for each channel, from text with commas; a single one stands for all.

    Raises MdlError for what is no number, and for another count than of channels.

    >>> channel_values("0.5", 3, "--mean")
    [0.5, 0.5, 0.5]
    """
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise MdlError(f"{what} '{text}' must be numbers with commas between them, one for each channel") from None
    if len(values) not in (1, channels):
        raise MdlError(f"{what} has {len(values)} numbers, the inputs have {channels} channels: give 1 or {channels}")
    return values * channels if len(values) == 1 else values
