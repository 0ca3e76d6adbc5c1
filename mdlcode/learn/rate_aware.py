"""Rate-aware training: the bits of the weights are part of what is minimised."""

import math
from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import optim

from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn.gridded import GriddedNet
from mdlcode.learn.net import NetPredictor
from mdlcode.learn.optimizer import rate as learning_rate
from mdlcode.learn.squeeze import Squeezer
from mdlcode.typing import IntArray

_STEPS_PER_ESTIMATE = 20
_WARMUP = 0.05
_MEMORY = (0.9, 0.99)  # of Adam's averages: the second is short, as the weights' bits change with their counts


@dataclass(frozen=True, config=STRICT)
class RateAware(Squeezer):
    """Minimises label bits + rate x bits of weights on a grid, sparsity and number of levels included.

    Each tensor's step is trained with its weights, from `coarseness` times the weights' mean size. What a
    weight costs is estimated again and again from how often its size stands in its tensor (as in entropy-
    coded scalar quantisation; Chou, Lookabaugh & Gray 1989): the rarer a size gets, the dearer it is. The
    rate rises from 0 over the share `ramp` of the steps; Adam steps of size `lr` (in units of the grid)
    and `step_lr` (relative) decay to 0, so that the weights come to rest.
    """

    kind: Literal["rate-aware"] = Field(default="rate-aware", kw_only=True)
    coarseness: float = Field(default=4.0, gt=0)
    lr: float = Field(default=0.02, gt=0)
    step_lr: float = Field(default=2e-3, gt=0)
    ramp: float = Field(default=0.3, gt=0, le=1)

    def squeeze(self, learned: NetPredictor, shared: Shared, labels: IntArray) -> None:
        """Leaves every tensor of the net on a grid of its own."""
        weights, steps = GriddedNet(learned.net.train(), self.coarseness), self.squeezing_steps(len(labels))
        groups = [{"params": [weights.latents], "lr": self.lr}, {"params": [weights.log_steps], "lr": self.step_lr}]
        optimizer = optim.Adam(groups, betas=_MEMORY, fused=True)
        decay = optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate(step, steps, _WARMUP))
        nats_per_label = self.rate * math.log(2) / len(labels)
        for step, (raw, targets) in enumerate(self.minibatches(shared, labels, steps)):
            if step % _STEPS_PER_ESTIMATE == 0:
                weights.estimate()
            F.cross_entropy(learned.logits(raw), targets).backward()  # type: ignore[no-untyped-call]
            weights.backward(nats_per_label * min(1.0, step / (self.ramp * steps)))
            optimizer.step()
            decay.step()
            weights.write()
