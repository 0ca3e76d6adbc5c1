"""Many small dense nets trained at once: their weights stacked, each product of matrices one for all."""

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from mdlcode import progress
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError
from mdlcode.learn.base import Learner, Predictor, parse_learner
from mdlcode.learn.nets.determinism import reproducible
from mdlcode.learn.nets.optimizer import lr_share
from mdlcode.learn.nets.predictor import new_net
from mdlcode.learn.nets.training import NetLearner, batches
from mdlcode.typing import FloatArray, IntArray

_PREDICT_BATCH = 500
STACKABLE = (nn.Sequential, nn.Flatten, nn.Linear, nn.ReLU, nn.GELU, nn.Tanh, nn.Identity)


class StackedPredictor(Predictor):
    """The mean of the stacked nets' probabilities."""

    def __init__(self, net: nn.Module, weights: dict[str, Tensor], shared: Shared) -> None:
        self._net, self._weights = net, weights
        self._mean, self._deviation = shared.moments

    def logits(self, raw: Tensor) -> Tensor:
        """Logits (members, m, K) of raw inputs (m, ...)."""
        x = (raw - self._mean) / self._deviation
        stacked = torch.vmap(lambda weights: functional_call(self._net, weights, (x,)))
        logits: Tensor = stacked(self._weights)
        return logits

    @torch.no_grad()
    def predict(self, inputs: Tensor) -> FloatArray:
        """Mean probabilities (m, K) in float64."""
        parts = [self.logits(part.float()).double().softmax(2).mean(0) for part in torch.split(inputs, _PREDICT_BATCH)]
        probs: FloatArray = torch.cat(parts).cpu().numpy()
        return probs


@dataclass(frozen=True, config=STRICT)
class StackedLearner(Learner):
    """`size` dense nets from seeds seed, seed + 1, ..., trained on the same batches in the same steps.

    Like an `EnsembleLearner` of the member, for less time a net: see `benchmarks/stacked.py`. The member
    must be a net of linear layers and activations, as convolutions are slower stacked than one by one;
    its augmentation, checkpoints, views and running average are not used and must be off.
    """

    kind: Literal["stacked"] = Field(default="stacked", kw_only=True)
    member: Annotated[NetLearner, BeforeValidator(parse_learner)] = NetLearner(arch="mlp")
    size: int = Field(default=8, ge=2)

    def __post_init__(self) -> None:
        plain = NetLearner(
            arch=self.member.arch,
            optimizer=self.member.optimizer,
            batch_size=self.member.batch_size,
            epochs=self.member.epochs,
            min_steps=self.member.min_steps,
            max_steps=self.member.max_steps,
            warmup=self.member.warmup,
            label_smoothing=self.member.label_smoothing,
            seed=self.member.seed,
        )
        if plain != self.member:
            raise MdlError("stacked nets train without augmentation, checkpoints, views or averages: turn them off")

    def steps(self, num_labels: int) -> int:
        """The steps of one member: all take them together."""
        return self.member.steps(num_labels)

    def fit(self, shared: Shared, labels: IntArray) -> StackedPredictor:
        """The mean of all members. Raises MdlError for a net with other layers than dense ones."""
        member, device = self.member, shared.inputs.device
        nets = [new_net(member.arch, shared, member.seed + i, "fp32")[0] for i in range(self.size)]
        _check_dense(nets[0], member.arch)
        weights, _ = stack_module_state(nets)
        learned = StackedPredictor(nets[0], weights, shared)
        targets = torch.from_numpy(labels).to(device)
        steps, size = self.steps(len(labels)), min(member.batch_size, len(labels))
        generator = torch.Generator().manual_seed(member.seed)
        optimizer = member.optimizer.build(weights.values())
        with reproducible(member.seed, device):
            for step, batch in enumerate(batches(len(labels), size, steps, generator).to(device)):
                for group in optimizer.param_groups:
                    group["lr"] = member.optimizer.lr * lr_share(step, steps, member.warmup)
                logits = learned.logits(shared.inputs[batch].float())  # (members, m, K)
                every = targets[batch].expand(self.size, -1)
                smoothing = member.label_smoothing
                loss = F.cross_entropy(logits.flatten(0, 1), every.flatten(), label_smoothing=smoothing)
                optimizer.zero_grad()
                (self.size * loss).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        progress.advance(steps)
        return learned


def _check_dense(net: nn.Module, arch: str) -> None:
    for layer in net.modules():
        if not isinstance(layer, STACKABLE):
            raise MdlError(f"net '{arch}' has a {type(layer).__name__}: only dense nets are trained stacked")
