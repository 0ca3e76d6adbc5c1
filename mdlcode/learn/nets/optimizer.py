"""Optimisers by kind."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, optim

from mdlcode.config import STRICT, Settings
from mdlcode.learn.nets.muon import Muon


@dataclass(frozen=True, config=STRICT)
class AdamW(Settings):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    kind: Literal["adamw"] = Field(default="adamw", kw_only=True)
    lr: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)

    def build(self, parameters: Iterable[Tensor]) -> optim.Optimizer:
        """The optimiser of those parameters that take a gradient."""
        return optim.AdamW(_trained(parameters), lr=self.lr, weight_decay=self.weight_decay, fused=True)


@dataclass(frozen=True, config=STRICT)
class Sgd(Settings):
    """Stochastic gradient descent with Nesterov momentum."""

    kind: Literal["sgd"] = Field(default="sgd", kw_only=True)
    lr: float = Field(default=0.1, gt=0)
    momentum: float = Field(default=0.9, gt=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0)

    def build(self, parameters: Iterable[Tensor]) -> optim.Optimizer:
        """The optimiser of those parameters that take a gradient."""
        decay = self.weight_decay
        return optim.SGD(_trained(parameters), self.lr, self.momentum, weight_decay=decay, nesterov=True, fused=True)


Optimizer = Annotated[AdamW | Sgd | Muon, Field(discriminator="kind")]


def _trained(parameters: Iterable[Tensor]) -> list[Tensor]:
    return [parameter for parameter in parameters if parameter.requires_grad]
