"""The pipeline of Han et al. 2016 and Zhou et al. 2019: train, prune with retraining, quantise with retraining."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch.nn.functional as F
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass
from torch import nn, optim

from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn.nets.predictor import NetPredictor
from mdlcode.learn.squeeze.pruning import CodebookNet, MaskedNet, Method
from mdlcode.learn.squeeze.retrainer import Retrainer
from mdlcode.typing import IntArray

_RAMP = 0.7  # of the pruning's steps: then the masks stay and their weights settle

Share = Annotated[float, Field(ge=0, le=1)]


def _pairs(value: Any) -> Any:
    return tuple(value.items()) if isinstance(value, Mapping) else value


@dataclass(frozen=True, config=STRICT)
class DeepCompression(Retrainer):
    """Prunes to `density` by `method` over `epochs`, then trains a codebook of `levels` values for each tensor.

    `densities` names the share of single parameters that stays; other weights (not vectors) keep `density`. The
    masks are looked at every `refresh_steps` steps. Both retrainings take Adam steps of constant size `lr`.
    """

    kind: Literal["deep-compression"] = Field(default="deep-compression", kw_only=True)
    density: Share = 0.05
    densities: Annotated[tuple[tuple[str, Share], ...], BeforeValidator(_pairs)] = ()
    method: Method = "surgery"
    refresh_steps: int = Field(default=10, ge=1)
    levels: int = Field(default=16, ge=3, le=256)
    codebook_epochs: float = Field(default=2.0, gt=0)
    lr: float = Field(default=1e-3, gt=0)

    def steps(self, num_labels: int) -> int:
        """Steps of all three trainings."""
        return super().steps(num_labels) + self._codebook_steps(num_labels)

    def squeeze(self, learned: NetPredictor, shared: Shared, labels: IntArray) -> None:
        """Leaves every tensor of the net sparse and of few values."""
        learned.net.train()
        self._prune(learned, shared, labels)
        self._quantise(learned, shared, labels)

    def _prune(self, learned: NetPredictor, shared: Shared, labels: IntArray) -> None:
        steps = self.squeezing_steps(len(labels))
        ramp = max(1, round(_RAMP * steps))
        masked = MaskedNet(learned.net, self._shares(learned.net), self.method, ramp)
        optimizer = optim.Adam(masked.weights.values(), lr=self.lr)
        for step, (raw, targets) in enumerate(self.minibatches(shared, labels, steps), start=1):
            F.cross_entropy(learned.logits(raw), targets).backward()  # type: ignore[no-untyped-call]
            masked.backward()
            optimizer.step()
            if step == ramp or (step < ramp and step % self.refresh_steps == 0):
                masked.cut(step)
            masked.write()

    def _quantise(self, learned: NetPredictor, shared: Shared, labels: IntArray) -> None:
        coded = CodebookNet(learned.net, self.levels)
        optimizer = optim.Adam(coded.centres, lr=self.lr)
        for raw, targets in self.minibatches(shared, labels, self._codebook_steps(len(labels))):
            F.cross_entropy(learned.logits(raw), targets).backward()  # type: ignore[no-untyped-call]
            coded.backward()
            optimizer.step()
            coded.write()

    def _codebook_steps(self, num_labels: int) -> int:
        return max(1, round(self.codebook_epochs * num_labels / min(self.batch_size, num_labels)))

    def _shares(self, net: nn.Module) -> dict[str, float]:
        usual = {name: self.density for name, each in net.named_parameters() if each.ndim > 1}
        return {**usual, **dict(self.densities)}
