"""Sharpness: how far the worst change of the weights may go before the training accuracy suffers."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, grad_and_value

from mdlcode.measures.base import Measure, Value
from mdlcode.measures.trained import Trained

_ASCENT_STEPS = 20
_ALPHAS = 8  # radii that are tried at once
_ROUNDS = 3
_LEAST, _MOST = 2.0**-14, 1.0
_ACCURACY = 0.1


@dataclass(frozen=True)
class Sharpness(Measure):
    """1 / alpha^2 for the largest alpha at which no change |u_i| <= alpha (or alpha (|w_i| + 1)) takes 0.1 of accuracy.

    The worst change is sought by 20 steps of signed gradient ascent from 0 that stay in the box (Keskar et al. 2017;
    Jiang et al. 2020, equations 51 and 54), for eight alphas at once on the log scale, and twice eight more in the cell
    that holds the answer. Ascent finds a bad change, not the worst: the value is at most the true one.
    """

    magnitude_aware: bool = False
    sign: ClassVar[int] = 1

    def of(self, trained: Trained) -> Value:
        """1 / alpha^2; a reason says where an end of the search was hit."""
        low, high = math.log2(_LEAST), math.log2(_MOST)
        for index in range(_ROUNDS):
            alphas = torch.logspace(low, high, _ALPHAS, base=2.0)
            borne = self._borne(trained, alphas)
            if index == 0 and bool(borne[-1]):
                return Value(1 / _MOST**2, reason=f"still alpha = {_MOST:g} is borne")
            if index == 0 and not bool(borne[0]):
                return Value(1 / _LEAST**2, reason=f"not even alpha = {_LEAST:g} is borne")
            failing = int((~borne).int().argmax())
            low, high = (math.log2(float(alphas[at])) for at in (failing - 1, failing))
        return Value(4.0**-low)

    def _borne(self, trained: Trained, alphas: Tensor) -> Tensor:
        """Whether each box (S,) holds no change that costs the accuracy."""
        weights = trained.weights
        boxes = {name: self._box(weight, alphas) for name, weight in weights.items()}  # (S, ...)
        changes = {name: torch.zeros_like(box) for name, box in boxes.items()}
        worst = torch.full((len(alphas),), 1.0)
        for _ in range(_ASCENT_STEPS):
            gradients = torch.vmap(lambda change: _ascent(trained, change))(changes)
            for name, box in boxes.items():
                step = gradients[name].sign() * box * (2.5 / _ASCENT_STEPS)
                changes[name] = torch.minimum(torch.maximum(changes[name] + step, -box), box)
            moved = {name: weights[name] + change for name, change in changes.items()}
            worst = torch.minimum(worst, trained.accuracies(moved).float().cpu())
        return worst >= trained.accuracy - _ACCURACY

    def _box(self, weight: Tensor, alphas: Tensor) -> Tensor:
        radii = alphas.to(weight.device).view(-1, *[1] * weight.ndim)
        return radii * (weight.abs() + 1) if self.magnitude_aware else radii.expand(-1, *weight.shape)


def _ascent(trained: Trained, change: dict[str, Tensor]) -> dict[str, Tensor]:
    """The gradient of the training loss with respect to a change of the weights."""

    def loss(moved: dict[str, Tensor]) -> Tensor:
        weights = {name: trained.weights[name] + each for name, each in moved.items()}
        return F.cross_entropy(functional_call(trained.net, weights, (trained.inputs,)), trained.targets)

    gradients, _ = grad_and_value(loss)(change)
    return dict(gradients)
