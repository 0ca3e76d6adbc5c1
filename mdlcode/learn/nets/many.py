"""Many dense nets of one architecture trained at once: each product of matrices one for all."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor, nn
from torch.func import stack_module_state

from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError
from mdlcode.learn.base import Predictor
from mdlcode.learn.nets.checkpoints import Checkpoint
from mdlcode.learn.nets.determinism import reproducible
from mdlcode.learn.nets.kept import learned_key
from mdlcode.learn.nets.predictor import PREDICT_BATCH, NetPredictor, new_net
from mdlcode.learn.nets.steps import descend
from mdlcode.learn.nets.training import GradientLearner
from mdlcode.learn.subspace.learner import SubspaceLearner
from mdlcode.learn.subspace.net import SubspaceNet
from mdlcode.nets.arch import Arch
from mdlcode.nets.held import call_with
from mdlcode.typing import FloatArray, IntArray

_DENSE = (nn.Sequential, nn.Flatten, nn.Linear, nn.ReLU, nn.GELU, nn.Tanh, nn.Identity)


def stacked_logits(net: nn.Module, weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """Logits (nets, m, K) of inputs (m, ...) under weights by name, (nets, ...) each; of tokens (nets, m T, K)."""
    logits: Tensor = torch.vmap(lambda each: call_with(net, each, x).flatten(0, -2))(weights)
    return logits


def train_stacked(
    learner: GradientLearner,
    logits: Callable[[Tensor], Tensor],
    parameters: Iterable[Tensor],
    shared: Shared,
    labels: IntArray,
    price: Callable[[], Tensor | float] = lambda: 0.0,
) -> None:
    """Minimises the price and the sum of the nets' mean cross-entropies, all nets on the batches of `learner`.

    `logits` gives those of all nets (nets, m, K) for raw inputs (m, ...). No net's gradient knows of the others.
    """
    moving = list(parameters)
    optimizer, generator = learner.optimizer.build(moving), Generator().manual_seed(learner.seed)
    key = learned_key("stacked training", learner, shared, labels, [list(each.shape) for each in moving])
    checkpoint = Checkpoint(key, [], optimizer, [generator], moving)
    with reproducible(learner.seed, shared.inputs.device):
        for raw, targets in learner.training.minibatches(optimizer, shared, labels, generator, checkpoint):
            stacked = logits(raw)
            every = targets.repeat(len(stacked), 1)  # (nets, m)
            losses = F.cross_entropy(stacked.flatten(0, 1), every.flatten(), reduction="none").view_as(every)
            descend(optimizer, losses.mean(1).sum() + price())
    checkpoint.drop()


def can_stack(arch: Arch, shared: Shared) -> bool:
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

    def logits(raw: Tensor) -> Tensor:
        moved = [net.weights() for net in moving]
        weights = {name: torch.stack([each[name] for each in moved]) for name in moved[0]}
        scales = torch.stack([net.log_scale for net in moving]).exp()
        return stacked_logits(moving[0].net, weights, learned[0].standardised(raw)) * scales[:, None, None]

    def price() -> Tensor | float:
        return sum(learner.price(net, len(labels)) for net in moving)

    parameters = [value for net in moving for value in net.parameters()]
    train_stacked(learner, logits, parameters, shared, labels, price)
    for each, net in zip(learners, learned, strict=True):
        each.finish(net, shared, len(labels))
    return learned


class StackedPredictor(Predictor):
    """The mean of the probabilities of nets of one architecture, `weights` by name, (nets, ...) each."""

    def __init__(self, net: nn.Module, weights: dict[str, Tensor], shared: Shared) -> None:
        self._net, self._weights = net, weights
        self._mean, self._std = shared.moments

    def logits(self, raw: Tensor) -> Tensor:
        """Logits (nets, m, K) of raw inputs (m, ...)."""
        return stacked_logits(self._net, self._weights, (raw - self._mean) / self._std)

    @torch.no_grad()
    def predict(self, inputs: Tensor) -> FloatArray:
        """Mean probabilities (m, K) in float64."""
        parts = torch.split(inputs, PREDICT_BATCH[inputs.device.type])
        logits = [self.logits(part.float()) for part in parts]
        # On the CPU, once all is under way on the device: many GPUs have few units for double precision.
        probs: FloatArray = torch.cat([each.cpu().double().softmax(2).mean(0) for each in logits]).numpy()
        return probs


@dataclass(frozen=True, config=STRICT)
class StackedLearner(GradientLearner):
    """The mean of `size` dense nets from seeds seed, seed + 1, ..., trained on the same batches in the same steps.

    Like an `EnsembleLearner` of such nets, for less time a net: see `benchmarks/stacked.py`. Convolutions, which are
    slower stacked than one by one, are refused.
    """

    kind: Literal["stacked"] = Field(default="stacked", kw_only=True)
    arch: Arch = "mlp"
    size: int = Field(default=8, ge=2)

    def fit(self, shared: Shared, labels: IntArray) -> StackedPredictor:
        """The mean of all members. Raises MdlError for a net with other layers than dense ones."""
        _require_dense(self.arch, shared)
        nets = [new_net(self.arch, shared, self.seed + index, "fp32")[0] for index in range(self.size)]
        weights, _ = stack_module_state(nets)
        learned = StackedPredictor(nets[0], weights, shared)
        train_stacked(self, learned.logits, weights.values(), shared, labels)
        return learned


def _require_dense(arch: Arch, shared: Shared) -> None:
    if shared.bins is not None:
        raise MdlError("nets are stacked for classes, and these targets are real numbers: take an EnsembleLearner")
    if not can_stack(arch, shared):
        raise MdlError(f"net '{arch}' has layers other than dense ones: only dense nets are trained stacked")
