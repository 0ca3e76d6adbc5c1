"""Many dense nets of one architecture trained at once: each product of matrices one for all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass as plain_dataclass
from dataclasses import replace
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor, nn
from torch.func import functional_call, stack_module_state

from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError
from mdlcode.learn.base import Predictor
from mdlcode.learn.nets.determinism import reproducible
from mdlcode.learn.nets.predictor import NetPredictor, new_net
from mdlcode.learn.nets.steps import descend
from mdlcode.learn.nets.training import GradientLearner
from mdlcode.learn.subspace.learner import SubspaceLearner
from mdlcode.learn.subspace.net import SubspaceNet
from mdlcode.typing import FloatArray, IntArray

_PREDICT_BATCH = 500
_DENSE = (nn.Sequential, nn.Flatten, nn.Linear, nn.ReLU, nn.GELU, nn.Tanh, nn.Identity)


@plain_dataclass(frozen=True)
class Stack:
    """Nets of one architecture as one function; `weights` gives their tensors by name, (nets, ...) each."""

    net: nn.Module
    weights: Callable[[], dict[str, Tensor]]
    shared: Shared

    def logits(self, raw: Tensor) -> Tensor:
        """Logits (nets, m, K) of raw inputs (m, ...)."""
        mean, std = self.shared.moments
        x = (raw - mean) / std
        logits: Tensor = torch.vmap(lambda each: functional_call(self.net, each, (x,)))(self.weights())
        return logits

    def train(
        self,
        learner: GradientLearner,
        parameters: Iterable[Tensor],
        labels: IntArray,
        price: Callable[[], Tensor | float] = lambda: 0.0,
    ) -> None:
        """Minimises the sum of the nets' mean cross-entropies and the price, on the same batches for all nets."""
        optimizer, generator = learner.optimizer.build(parameters), Generator().manual_seed(learner.seed)
        with reproducible(learner.seed, self.shared.inputs.device):
            for raw, targets in learner.training.minibatches(optimizer, self.shared, labels, generator):
                logits = self.logits(raw)
                every = targets.repeat(len(logits), 1)  # (nets, m)
                each = F.cross_entropy(logits.flatten(0, 1), every.flatten(), reduction="none").view_as(every)
                descend(optimizer, each.mean(1).sum() + price())  # one net's gradient knows nothing of the others


def can_stack(arch: str, shared: Shared) -> bool:
    """Whether a net is of linear layers and activations alone: convolutions are slower stacked than one by one."""
    return all(isinstance(layer, _DENSE) for layer in new_net(arch, shared, 0, "fp32")[0].modules())


def fit_seeds(learner: SubspaceLearner, seeds: int, shared: Shared, labels: IntArray) -> list[NetPredictor]:
    """The nets that `learner` makes of seed, seed + 1, ...: each in its own subspace, on the first one's batches.

    Raises MdlError for a net with other layers than dense ones.
    """
    _require_dense(learner.arch, shared)
    learners = [replace(learner, seed=learner.seed + index) for index in range(seeds)]
    learned = [each.initial(shared) for each in learners]
    moving = [each.net for each in learned if isinstance(each.net, SubspaceNet)]

    def weights() -> dict[str, Tensor]:
        moved = [net.weights() for net in moving]
        return {name: torch.stack([each[name] for each in moved]) for name in moved[0]}

    def price() -> Tensor | float:
        return sum(learner.price(net, len(labels)) for net in moving)

    parameters = [value for net in moving for value in net.parameters()]
    Stack(moving[0].net, weights, shared).train(learner, parameters, labels, price)
    for each, net in zip(learners, learned, strict=True):
        each.finish(net, shared, len(labels))
    return learned


class StackedPredictor(Predictor):
    """The mean of the stacked nets' probabilities."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    @torch.no_grad()
    def predict(self, inputs: Tensor) -> FloatArray:
        """Mean probabilities (m, K) in float64."""
        parts = torch.split(inputs, _PREDICT_BATCH)
        means = [self.stack.logits(part.float()).double().softmax(2).mean(0) for part in parts]
        probs: FloatArray = torch.cat(means).cpu().numpy()
        return probs


@dataclass(frozen=True, config=STRICT)
class StackedLearner(GradientLearner):
    """The mean of `size` dense nets from seeds seed, seed + 1, ..., trained on the same batches in the same steps.

    Like an `EnsembleLearner` of such nets, for less time a net: see `benchmarks/stacked.py`. Convolutions, which are
    slower stacked than one by one, are refused.
    """

    kind: Literal["stacked"] = Field(default="stacked", kw_only=True)
    arch: str = "mlp"
    size: int = Field(default=8, ge=2)

    def fit(self, shared: Shared, labels: IntArray) -> StackedPredictor:
        """The mean of all members. Raises MdlError for a net with other layers than dense ones."""
        _require_dense(self.arch, shared)
        nets = [new_net(self.arch, shared, self.seed + index, "fp32")[0] for index in range(self.size)]
        weights, _ = stack_module_state(nets)
        stack = Stack(nets[0], lambda: weights, shared)
        stack.train(self, weights.values(), labels)
        return StackedPredictor(stack)


def _require_dense(arch: str, shared: Shared) -> None:
    if not can_stack(arch, shared):
        raise MdlError(f"net '{arch}' has layers other than dense ones: only dense nets are trained stacked")
