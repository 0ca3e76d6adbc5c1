"""Random perturbations: how much noise the weights bear before the training loss, or accuracy, suffers."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor

from mdlcode.measures.base import Measure, Value
from mdlcode.measures.trained import Trained

_DRAWS = 10
_EPSILON = 1e-3
_LEAST, _MOST = 2.0**-16, 2.0**6
_STEPS = 14  # halvings of the bracket on the log scale, after it was found
Criterion = Literal["cross-entropy", "accuracy"]
_BETA, _ACCURACY = 0.1, 0.1


@dataclass(frozen=True)
class Perturbation(Measure):
    """1 / sigma^2 for the largest sigma that the weights bear, on average over ten draws of the noise.

    Magnitude-aware, u_i ~ N(0, sigma^2 w_i^2 + 0.001^2), or plain, u_i ~ N(0, sigma^2), on all parameters (Jiang et al.
    2020, equations 55 and 41). Borne is a mean loss of at most 1.1 times the net's (Kuhn et al. 2021), or a mean
    accuracy at most 0.1 below its own (Jiang et al. 2020). The draws are the same ones for every sigma, so that the
    search, by bisection on the log scale, has one answer.
    """

    magnitude_aware: bool = True
    criterion: Criterion = "cross-entropy"
    sign: ClassVar[int] = 1

    def of(self, trained: Trained) -> Value:
        """1 / sigma^2; a reason says where an end of the search was hit."""
        noise = _noise(trained)
        low, high = _LEAST, _MOST
        if not self._borne(trained, noise, low):
            return Value(1 / low**2, reason=f"not even sigma = {low:g} is borne")
        if self._borne(trained, noise, high):
            return Value(1 / high**2, reason=f"still sigma = {high:g} is borne")
        for _ in range(_STEPS):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if self._borne(trained, noise, middle) else (low, middle)
        return Value(1 / low**2)

    def _borne(self, trained: Trained, noise: dict[str, Tensor], sigma: float) -> bool:
        stack = {name: weight + self._scale(weight, sigma) * noise[name] for name, weight in trained.weights.items()}
        if self.criterion == "accuracy":
            return float(trained.accuracies(stack).mean()) >= trained.accuracy - _ACCURACY
        limit = (1 + _BETA) * trained.loss
        return trained.mean_loss(stack, limit) <= limit

    def _scale(self, weight: Tensor, sigma: float) -> Tensor:
        if not self.magnitude_aware:
            return torch.full_like(weight, sigma)
        return (sigma**2 * weight.square() + _EPSILON**2).sqrt()


def _noise(trained: Trained) -> dict[str, Tensor]:
    """Standard normal draws (10, ...) for each parameter, the same on every device."""
    generator = Generator().manual_seed(0)
    return {
        name: torch.randn(_DRAWS, *weight.shape, generator=generator).to(weight.device)
        for name, weight in trained.weights.items()
    }
