"""A learner that trains few coordinates in place of all weights."""

import math
from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError
from mdlcode.learn.nets.optimizer import AdamW, Optimizer
from mdlcode.learn.nets.predictor import NetPredictor, new_net
from mdlcode.learn.nets.training import NetLearner, Objective
from mdlcode.learn.subspace.net import Coordinates, Stepped, SubspaceNet, trained
from mdlcode.projections import AnyProjection, CountSketch
from mdlcode.projections.layers import Layers, grouped

_SETTLING_INPUTS = 5000
_SETTLING_BATCH = 500


@dataclass(frozen=True, config=STRICT)
class SubspaceLearner(NetLearner):
    """Trains theta = theta0(seed) + P(seed) v in the `dimension` coordinates v (Li et al. 2018).

    `projection` draws P, `layers` says which parameters move together, `coordinates` whether v is real or
    of whole steps. Batch norm's statistics are taken from the inputs after the training, so that whoever has
    the inputs, v and the seed has the net; other buffers that a training changes are refused.
    """

    kind: Literal["subspace"] = Field(default="subspace", kw_only=True)  # type: ignore[assignment]
    optimizer: Optimizer = AdamW(lr=5e-2, weight_decay=0.0)
    projection: AnyProjection = CountSketch()
    dimension: int = Field(default=500, ge=1)
    layers: Layers = "layerwise"
    coordinates: Coordinates = Stepped()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.compiled:
            raise MdlError("a net in a subspace is not compiled: leave `compiled` off")

    def initial(self, shared: Shared) -> NetPredictor:
        """The net at theta0, the same for everybody."""
        net, bf16 = new_net(self.arch, shared, self.seed, self.precision)
        moving = SubspaceNet(net, self.projection, self.dimension, self.layers, self.coordinates, self.seed)
        return NetPredictor(moving.to(shared.inputs.device), shared, bf16, self.augment, self.views)

    def dimensions(self, shared: Shared) -> tuple[int, int]:
        """The least dimension, one for each group of parameters, and the largest: D, all that move."""
        parameters = trained(new_net(self.arch, shared, self.seed, self.precision)[0])
        groups = grouped(parameters, self.layers)
        return len(groups), sum(parameters[name].numel() for names in groups for name in names)

    def _objective(self, shared: Shared, num_labels: int) -> Objective:
        plain = super()._objective(shared, num_labels)
        if not isinstance(self.coordinates, Stepped):
            return plain
        nats_a_bit = self.coordinates.bit_price * math.log(2) / num_labels

        def loss(learned: NetPredictor, raw: Tensor, targets: Tensor, generator: Generator) -> Tensor:
            assert isinstance(learned.net, SubspaceNet)
            return plain(learned, raw, targets, generator) + nats_a_bit * learned.net.estimated_bits()

        return loss

    def _kept(self, net: nn.Module, shared: Shared) -> NetPredictor:
        kept = super()._kept(net, shared)
        check_buffers(kept.net, self.initial(shared).net)
        settle(kept, shared)
        return kept


def check_buffers(net: nn.Module, start: nn.Module) -> None:
    """Raises MdlError for a buffer, other than batch norm's, that a training has changed."""
    owners = {name: layer for name, layer in net.named_modules() if isinstance(layer, _BatchNorm)}
    before = dict(start.named_buffers())
    for name, value in net.named_buffers():
        if name.rpartition(".")[0] not in owners and not torch.equal(value, before[name]):
            raise MdlError(f"training changes buffer '{name}' of the net, which nobody sends: use batch norm, or none")


@torch.no_grad()
def settle(learned: NetPredictor, shared: Shared) -> None:
    """Gives batch norm the statistics of the first 5,000 inputs under the weights as they are.

    Both sides hold the inputs and do the same, so the statistics cost no bits.
    """
    layers = [layer for layer in learned.net.modules() if isinstance(layer, _BatchNorm)]
    learned.net.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the plain mean over all batches
        layer.train()
    for batch in torch.split(shared.inputs[:_SETTLING_INPUTS], _SETTLING_BATCH) if layers else ():
        learned.logits(batch.float())
    learned.net.eval()
