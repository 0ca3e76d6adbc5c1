"""Steps of gradient descent on stacked weights, each net with its own learning rate."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

_MOMENTUM = 0.9
_BETAS, _EPSILON = (0.9, 0.999), 1e-8


class Descent(ABC):
    """What is remembered of past gradients, by name, (nets, ...) each."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._memory = [{name: torch.zeros_like(each) for name, each in weights.items()} for _ in range(self._kinds)]

    _kinds: int

    @torch.no_grad()
    def step(
        self, number: int, weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor], rates: Sequence[float]
    ) -> None:
        """Moves the weights down their gradients, at the rates (nets,); the first step is number 1."""
        rate = torch.tensor(rates)
        for name, weight in weights.items():
            memory = [each[name] for each in self._memory]
            direction = self._direction(number, memory, gradients[name])
            weight.addcmul_(direction, rate.to(weight.device).view(-1, *[1] * (weight.ndim - 1)), value=-1.0)

    @abstractmethod
    def _direction(self, number: int, memory: list[Tensor], gradient: Tensor) -> Tensor: ...

    @property
    def moving(self) -> list[Tensor]:
        """All that is remembered."""
        return [each for one in self._memory for each in one.values()]

    def keep(self, kept: Sequence[int]) -> None:
        """Goes on with some of the nets."""
        self._memory = [{name: each[list(kept)] for name, each in one.items()} for one in self._memory]


class Sgd(Descent):
    """Momentum of 0.9 (Polyak's)."""

    _kinds = 1

    def _direction(self, number: int, memory: list[Tensor], gradient: Tensor) -> Tensor:
        return memory[0].mul_(_MOMENTUM).add_(gradient)


class Adam(Descent):
    """Adam (Kingma & Ba 2015) with betas 0.9 and 0.999."""

    _kinds = 2

    def _direction(self, number: int, memory: list[Tensor], gradient: Tensor) -> Tensor:
        mean, square = memory
        mean.lerp_(gradient, 1 - _BETAS[0])
        square.lerp_(gradient.square(), 1 - _BETAS[1])
        return (mean / (1 - _BETAS[0] ** number)) / (square / (1 - _BETAS[1] ** number)).sqrt().add_(_EPSILON)


DESCENTS: dict[str, type[Descent]] = {"sgd": Sgd, "adam": Adam}
