"""Norms of the weights, and the number of them."""

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.func import functional_call

from mdlcode.errors import MdlError
from mdlcode.learn.squeeze.folding import fold_batch_norm
from mdlcode.measures.base import Measure, Value
from mdlcode.measures.output import margin
from mdlcode.measures.prunability import masked, pruned, tolerated
from mdlcode.measures.trained import Trained, Weights

Kind = Literal[
    "sum-of-frobenius",
    "product-of-frobenius",
    "sum-of-spectral",
    "product-of-spectral",
    "path",
    "distance",
    "parameters",
]
_MAY_MARGIN = {"sum-of-frobenius", "product-of-frobenius", "sum-of-spectral", "product-of-spectral", "path"}


@dataclass(frozen=True)
class Norm(Measure):
    """The logarithm of a norm of a net with d weight tensors W_i (Jiang et al. 2020, appendix C).

    `product-of-frobenius` is prod ||W_i||_F^2, `sum-of-frobenius` d (prod ||W_i||_F^2)^(1/d), the same with the largest
    singular value for `spectral` (a kernel counts as the matrix outputs x rest); `path` is the sum of the outputs of
    the net with squared weights on an input of ones; `distance` ||w - w_0||_2; `parameters` the number of weights that
    are not 0. With `over_margin` the norm is divided by the squared 10th percentile of the output margin; with
    `on_pruned` the net is first pruned to its prunability. The papers' factor 1/n is left out: it
    orders by training size alone.
    """

    kind: Kind
    over_margin: bool = False
    on_pruned: bool = False
    sign: ClassVar[int] = 1

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The weights before training for a distance."""
        return ("init",) if self.kind == "distance" else ()

    def __post_init__(self) -> None:
        if self.over_margin and self.kind not in _MAY_MARGIN:
            raise MdlError(f"'{self.kind}' is not taken over a margin")

    def of(self, trained: Trained) -> Value:
        """The natural logarithm of the norm."""
        weights: Weights = trained.weights
        if self.on_pruned:
            weights = masked(trained, pruned(trained, tolerated(trained)).smallest_feasible)
        value = self._log(trained, weights)
        if self.over_margin:
            least = margin(trained)
            if least <= 0:
                return Value(math.nan, reason="the margin is not positive: over 10 % of the training labels are missed")
            value -= 2 * math.log(least)
        if not math.isfinite(value):
            return Value(math.nan, reason="the norm is 0 or overflows")
        return Value(value)

    def _log(self, trained: Trained, weights: Weights) -> float:
        kernels = [weights[name].double() for name in trained.kernels]
        if self.kind == "parameters":
            return math.log(max(1, sum(int(each.count_nonzero()) for each in weights.values())))
        if self.kind == "distance":
            assert trained.init is not None
            device = trained.inputs.device
            moved = [(weights[name] - start.to(device)).double().square().sum() for name, start in trained.init.items()]
            return 0.5 * math.log(max(float(torch.stack(moved).sum()), 1e-300))
        if self.kind == "path":
            return _log_path(trained, weights)
        squares = [_squared(each, "spectral" in self.kind) for each in kernels]
        logs = sum(math.log(max(each, 1e-300)) for each in squares)
        d = len(squares)
        return logs if self.kind.startswith("product") else math.log(d) + logs / d


def _squared(weight: Tensor, spectral: bool) -> float:
    return float(torch.linalg.matrix_norm(weight.flatten(1), 2) ** 2 if spectral else weight.square().sum())


def _log_path(trained: Trained, weights: Weights) -> float:
    """ln of the sum of squared-weight paths from inputs to outputs: the squared net on an input of ones.

    Batch norms are folded into the weights first, so that it does not matter whether they were.
    """
    net = deepcopy(trained.net)
    net.load_state_dict(dict(weights), strict=False)
    net = fold_batch_norm(net).double()
    squared = {name: value.square() for name, value in net.named_parameters()}
    with torch.no_grad():
        outputs = functional_call(net, squared, (torch.ones_like(trained.inputs[:1], dtype=torch.float64),))
    return math.log(max(float(outputs.sum()), 1e-300))
