"""Muon: momentum steps turned to orthogonal matrices (Jordan et al. 2024), for nets with batch norm."""

from collections.abc import Iterable
from typing import Any, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, optim

from mdlcode.config import STRICT, Settings

# Coefficients of the quintic iteration whose fixed points are singular values near 1, and its steps.
_QUINTIC = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 3
_OTHERS_LR = 0.05


def orthogonalised(gradient: Tensor) -> Tensor:
    """Matrices (..., rows, columns) with about the same singular vectors and singular values near 1.

    Newton-Schulz iteration x <- a x + b (x x^T) x + c (x x^T)^2 x from x = gradient / its norm.

    >>> values = torch.linalg.svdvals(orthogonalised(torch.randn(4, 9)))
    >>> bool((values > 0.3).all() and (values < 1.5).all())
    True
    """
    a, b, c = _QUINTIC
    tall = gradient.shape[-2] > gradient.shape[-1]
    x: Tensor = gradient.mT if tall else gradient
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(_ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


class _MuonOptimizer(optim.Optimizer):
    """Muon steps for the weights of convolutions, those of one shape all at once, and AdamW for all else."""

    def __init__(self, parameters: list[Tensor], config: "Muon") -> None:
        self._filters: dict[tuple[int, ...], list[Tensor]] = {}
        for each in parameters:
            if each.ndim == 4:
                self._filters.setdefault(tuple(each.shape), []).append(each)
        self._momentum = config.momentum
        self._others = optim.AdamW(
            [each for each in parameters if each.ndim != 4],
            lr=config.lr * _OTHERS_LR,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self._others_share = _OTHERS_LR
        super().__init__(parameters, {"lr": config.lr})

    def state_dict(self) -> dict[str, Any]:
        """That of both."""
        return {**super().state_dict(), "others": self._others.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Sets the state of both."""
        own = dict(state_dict)
        self._others.load_state_dict(own.pop("others"))
        super().load_state_dict(own)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step of both."""
        rate: float = self.param_groups[0]["lr"]
        for group in self._others.param_groups:
            group["lr"] = rate * self._others_share
        self._others.step()
        for alike in self._filters.values():
            if weights := [each for each in alike if each.grad is not None]:
                self._move(weights, rate)

    def _move(self, weights: list[Tensor], rate: float) -> None:
        """One step of filter banks of one shape."""
        gradients = [each.grad for each in weights if each.grad is not None]
        averages = [self.state[each].setdefault("momentum", torch.zeros_like(each)) for each in weights]
        torch._foreach_mul_(averages, self._momentum)
        torch._foreach_add_(averages, gradients)
        steps = torch.stack(torch._foreach_add(gradients, averages, alpha=self._momentum))  # Nesterov
        # Batch norm undoes the scale of a filter bank: it is kept at one norm, so `lr` is relative.
        scales = len(weights[0]) ** 0.5 / torch.stack(torch._foreach_norm(weights))
        torch._foreach_mul_(weights, [*scales])
        torch._foreach_add_(weights, [*orthogonalised(steps.flatten(2)).reshape(steps.shape)], alpha=-rate)


@dataclass(frozen=True, config=STRICT)
class Muon(Settings):
    """Orthogonalised momentum for convolutions that batch norm follows; `lr` is relative to their size.

    All other parameters take AdamW steps at 1/20 of the rate. After Jordan's airbench94_muon.
    """

    kind: Literal["muon"] = Field(default="muon", kw_only=True)
    lr: float = Field(default=0.06, gt=0)
    momentum: float = Field(default=0.6, ge=0, lt=1)
    weight_decay: float = Field(default=0.1, ge=0)

    def build(self, parameters: Iterable[Tensor]) -> optim.Optimizer:
        """The optimiser of those parameters that take a gradient."""
        return _MuonOptimizer([each for each in parameters if each.requires_grad], self)
