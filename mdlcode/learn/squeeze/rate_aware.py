"""Rate-aware training: the bits of the weights are part of what is minimised."""

import math
from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import optim

from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn.nets.predictor import NetPredictor
from mdlcode.learn.squeeze.gridded import GriddedNet
from mdlcode.learn.squeeze.retrainer import Squeezer
from mdlcode.typing import IntArray

_STEPS_PER_ESTIMATE = 20
_RISE, _FALL = 0.3, 0.8  # shares of the steps after which the price has risen, and has fallen to its value


@dataclass(frozen=True, config=STRICT)
class RateAware(Squeezer):
    """Minimises label bits + price x bits of weights on a grid, sparsity and number of levels included.

    Each tensor's step is trained with its weights, from `coarseness` times the weights' mean size. What a
    weight costs is estimated again and again from how often its size stands in its tensor (as in entropy-
    constrained quantisation; Chou, Lookabaugh & Gray 1989): the rarer a size gets, the dearer it is. Adam
    steps of size `lr` (in steps of the grid) and `step_lr` (relative) decay to 0, so that weights come to rest.
    The price rises from 0 to `overshoot` times its value, and then falls to its value: gradient noise makes
    many weights nonzero early in the training, and a low price would take long to bring them back to 0.
    """

    kind: Literal["rate-aware"] = Field(default="rate-aware", kw_only=True)
    coarseness: float = Field(default=4.0, gt=0)
    overshoot: float = Field(default=6.0, ge=1)
    lr: float = Field(default=0.1, gt=0)
    step_lr: float = Field(default=0.01, gt=0)

    def squeeze(self, learned: NetPredictor, shared: Shared, labels: IntArray) -> None:
        """Leaves every tensor of the net on a grid of its own."""
        weights, steps = GriddedNet(learned.net.train(), self.coarseness), self.training.count(len(labels))
        groups = [{"params": [weights.latents], "lr": self.lr}, {"params": [weights.log_steps], "lr": self.step_lr}]
        optimizer = optim.Adam(groups, fused=True)
        nats_per_label = self.bit_price * math.log(2) / len(labels)
        checkpoint = self.checkpoint(learned, optimizer, weights.moving, shared, labels)
        for raw, targets in self.minibatches(self.training, checkpoint, shared, labels):
            if checkpoint.step % _STEPS_PER_ESTIMATE == 0:
                weights.estimate()
            learned.loss(raw, targets).backward()
            weights.backward(nats_per_label * pressure(checkpoint.step / steps, self.overshoot))
            optimizer.step()
            weights.write()
        checkpoint.drop()


def pressure(done: float, overshoot: float) -> float:
    """What the price is multiplied by when the share `done` of the steps is taken.

    >>> [pressure(done, overshoot=3.0) for done in (0.0, 0.15, 0.4, 0.8, 1.0)]
    [0.0, 1.3125, 2.0, 1.0, 1.0]
    """
    return min(1.0, done / _RISE) * (1 + (overshoot - 1) * max(0.0, 1 - done / _FALL))
