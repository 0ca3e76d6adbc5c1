"""How fast the training went: the losses along it, and the noise of its gradients."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, grad

from mdlcode.measures.base import Measure, Value
from mdlcode.measures.trained import Trained

_EXAMPLES_AT_ONCE = 50


@dataclass(frozen=True)
class SumOfLosses(Measure):
    """-sum_t L_t over the mini-batch losses of the whole training (Ru et al. 2021), as Kuhn et al. print it.

    Larger means faster, so that more of it should mean a smaller gap. It grows with the number of steps: trainings
    of different length can't be compared.
    """

    sign: ClassVar[int] = -1
    needs: ClassVar[tuple[str, ...]] = ("history",)

    def of(self, trained: Trained) -> Value:
        """The negative sum in nats."""
        assert trained.history is not None
        return Value(-float(trained.history.losses.sum()))


@dataclass(frozen=True)
class FirstEpoch(Measure):
    """The mean loss of the first epoch's steps."""

    sign: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("history",)

    def of(self, trained: Trained) -> Value:
        """The mean in nats."""
        assert trained.history is not None
        return Value(float(trained.history.losses[: trained.history.steps_per_epoch].mean()))


@dataclass(frozen=True)
class StepsToLoss(Measure):
    """After how many steps an epoch's mean loss is first at most `loss_nats` (Jiang et al. 2020)."""

    loss_nats: float = 0.1
    sign: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("history",)

    def of(self, trained: Trained) -> Value:
        """The number of steps; none where the loss was not reached."""
        assert trained.history is not None
        losses, epoch = trained.history.losses, trained.history.steps_per_epoch
        means = np.convolve(losses, np.full(min(epoch, len(losses)), 1 / min(epoch, len(losses))), mode="valid")
        if not (means <= self.loss_nats).any():
            return Value(math.nan, reason=f"no epoch's loss was at most {self.loss_nats:g}")
        return Value(float((means <= self.loss_nats).argmax() + min(epoch, len(losses))))


@dataclass(frozen=True)
class GradientNoise(Measure):
    """The variance of single examples' gradients at the end: E ||g_i - g||^2, on the first 500 examples at most."""

    examples: int = 500
    sign: ClassVar[int] = 1

    def of(self, trained: Trained) -> Value:
        """The trace of the gradients' covariance."""

        def loss(weights: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
            return F.cross_entropy(functional_call(trained.net, weights, (x[None],)), y[None])

        weights = trained.weights
        inputs, targets = trained.inputs[: self.examples], trained.targets[: self.examples]
        squares, sums = 0.0, {name: torch.zeros_like(value) for name, value in weights.items()}
        batches = zip(torch.split(inputs, _EXAMPLES_AT_ONCE), torch.split(targets, _EXAMPLES_AT_ONCE), strict=True)
        for x, y in batches:
            gradients = torch.vmap(grad(loss), in_dims=(None, 0, 0))(weights, x, y)
            squares += sum(float(each.double().square().sum()) for each in gradients.values())
            sums = {name: sums[name] + gradients[name].sum(0) for name in sums}
        n = len(inputs)
        mean_square = sum(float((each.double() / n).square().sum()) for each in sums.values())
        return Value(max(0.0, squares / n - mean_square) * n / max(1, n - 1))
