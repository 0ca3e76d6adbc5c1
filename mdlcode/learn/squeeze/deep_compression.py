"""The pipeline of Han et al. 2016 and Zhou et al. 2019: train, prune with retraining, quantise with retraining."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass
from torch import nn, optim

from mdlcode.config import STRICT, Settings
from mdlcode.data.base import Shared
from mdlcode.learn.nets.checkpoints import Checkpoint
from mdlcode.learn.nets.predictor import NetPredictor
from mdlcode.learn.nets.steps import Steps
from mdlcode.learn.squeeze.pruning import CodebookNet, MaskedNet, Method
from mdlcode.learn.squeeze.retrainer import Retrainer
from mdlcode.typing import IntArray

_RAMP = 0.7  # of the pruning's steps: then the masks stay and their weights settle

Share = Annotated[float, Field(ge=0, le=1)]


def _pairs(value: Any) -> Any:
    return tuple(value.items()) if isinstance(value, Mapping) else value


@dataclass(frozen=True, config=STRICT)
class Pruning(Settings):
    """Weights are pruned by `method` until the share `density` is left, vectors not.

    `densities` names the share of single parameters that stays. Masks are looked at every `refresh_steps` steps.
    """

    density: Share = 0.05
    densities: Annotated[tuple[tuple[str, Share], ...] | Mapping[str, Share], BeforeValidator(_pairs)] = ()
    method: Method = "surgery"
    refresh_steps: int = Field(default=10, ge=1)

    def shares(self, net: nn.Module) -> dict[str, float]:
        """The share of each parameter that stays, by name; those without one are not pruned."""
        usual = {name: self.density for name, each in net.named_parameters() if each.ndim > 1 and each.requires_grad}
        return {**usual, **dict(self.densities)}


@dataclass(frozen=True, config=STRICT)
class DeepCompression(Retrainer):
    """Prunes the net over the steps of `training`, then trains a codebook of `levels` values for each tensor.

    `codebook` are the steps of this last training. Both take Adam steps, of constant size `lr` by default.
    """

    kind: Literal["deep-compression"] = Field(default="deep-compression", kw_only=True)
    training: Steps = Steps(epochs=20.0, min_steps=1000, warmup=None)
    pruning: Pruning = Pruning()
    levels: int = Field(default=16, ge=3, le=256)
    codebook: Steps = Steps(epochs=2.0, min_steps=1, warmup=None)
    lr: float = Field(default=1e-3, gt=0)

    def steps(self, num_labels: int) -> int:
        """Steps of all three trainings."""
        return super().steps(num_labels) + self.codebook.count(num_labels)

    def squeeze(self, learned: NetPredictor, shared: Shared, labels: IntArray) -> None:
        """Leaves every tensor of the net sparse and of few values."""
        learned.net.train()
        pruning = self._prune(learned, shared, labels)
        pruning.save(pruning.step)  # where a codebook begins
        self._quantise(learned, shared, labels).drop()
        pruning.drop()

    def _prune(self, learned: NetPredictor, shared: Shared, labels: IntArray) -> Checkpoint:
        ramp = max(1, round(_RAMP * self.training.count(len(labels))))
        masked = MaskedNet(learned.net, self.pruning.shares(learned.net), self.pruning.method, ramp)
        optimizer = optim.Adam(masked.weights.values(), lr=self.lr)
        checkpoint = self.checkpoint(learned, optimizer, masked.moving, shared, labels)
        for raw, targets in self.minibatches(self.training, checkpoint, shared, labels):
            learned.loss(raw, targets).backward()
            masked.backward()
            optimizer.step()
            step = checkpoint.step + 1
            if step == ramp or (step < ramp and step % self.pruning.refresh_steps == 0):
                masked.cut(step)
            masked.write()
        return checkpoint

    def _quantise(self, learned: NetPredictor, shared: Shared, labels: IntArray) -> Checkpoint:
        coded = CodebookNet(learned.net, self.levels)
        optimizer = optim.Adam(coded.centres, lr=self.lr)
        checkpoint = self.checkpoint(learned, optimizer, coded.centres, shared, labels)
        for raw, targets in self.minibatches(self.codebook, checkpoint, shared, labels):
            learned.loss(raw, targets).backward()
            coded.backward()
            optimizer.step()
            coded.write()
        return checkpoint
