"""A learner that trains few coordinates in place of all weights."""

import math
from functools import partial
from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn.nets.checkpoints import Checkpoint
from mdlcode.learn.nets.determinism import reproducible
from mdlcode.learn.nets.kept import learned_key, net_once
from mdlcode.learn.nets.optimizer import AdamW, Optimizer
from mdlcode.learn.nets.predictor import NetPredictor, NetTrainer, new_net
from mdlcode.learn.nets.steps import descend
from mdlcode.learn.nets.training import GradientLearner, check_finite
from mdlcode.learn.subspace.net import Coordinates, Span, Stepped, SubspaceNet, trained
from mdlcode.projections import AnyProjection, CountSketch
from mdlcode.projections.layers import Layers, grouped
from mdlcode.typing import IntArray

_SETTLING_INPUTS = 5000
_SETTLING_BATCH = 500


@dataclass(frozen=True, config=STRICT)
class SubspaceLearner(GradientLearner, NetTrainer):
    """Trains theta = theta0(seed) + P(seed) v in the `dimension` coordinates v (Li et al. 2018).

    Where fewer parameters move, there is a coordinate for each. `projection` draws P, `layers` says which parameters
    move together, `coordinates` whether v is real or of whole steps. Batch norm's statistics are taken from the inputs
    after the training. So the net is v, the seed, these statistics, and what else a training changes, such as the
    statistics of other norms.
    """

    kind: Literal["subspace"] = Field(default="subspace", kw_only=True)
    optimizer: Optimizer = AdamW(lr=5e-2, weight_decay=0.0)
    projection: AnyProjection = CountSketch()
    dimension: int = Field(default=500, ge=1)
    layers: Layers = "layerwise"
    coordinates: Coordinates = Stepped()

    def initial(self, shared: Shared) -> NetPredictor:
        """The net at theta0, the same for everybody."""
        net, bf16 = new_net(self.arch, shared, self.seed, "auto")
        dimension = min(self.dimension, self._sizes(net)[1])
        span = Span(projection=self.projection, dimension=dimension, layers=self.layers, seed=self.seed)
        moving = SubspaceNet(net, span, self.coordinates)
        return NetPredictor(moving.to(shared.inputs.device), shared, bf16)

    def dimensions(self, shared: Shared) -> tuple[int, int]:
        """The least dimension, one for each group of parameters, and the largest: D, all that move."""
        return self._sizes(new_net(self.arch, shared, self.seed, "auto")[0])

    def _sizes(self, net: nn.Module) -> tuple[int, int]:
        parameters = trained(net)
        groups = grouped(parameters, self.layers)
        return len(groups), sum(parameters[name].numel() for names in groups for name in names)

    def fit(self, shared: Shared, labels: IntArray) -> NetPredictor:
        """The trained net. Raises TrainingError where it ran to NaN or infinity."""
        key = learned_key("net", self, shared, labels)
        return net_once(key, self, shared, partial(self._trained, shared, labels), self.steps(len(labels)))

    def _trained(self, shared: Shared, labels: IntArray) -> NetPredictor:
        learned = self.initial(shared)
        moving = learned.net.train()
        assert isinstance(moving, SubspaceNet)
        optimizer, generator = self.optimizer.build(moving.parameters()), Generator().manual_seed(self.seed)
        own = [moving.coordinates, moving.log_steps, moving.log_scale]
        key = learned_key("training", self, shared, labels)
        checkpoint = Checkpoint(
            key, [moving.net], optimizer, [generator], own
        )  # without projectors, which may be large
        with reproducible(self.seed, shared.inputs.device):
            for raw, targets in self.training.minibatches(optimizer, shared, labels, generator, checkpoint):
                descend(optimizer, learned.loss(raw, targets) + self.price(moving, len(labels)))
        self.finish(learned, shared, len(labels))
        checkpoint.drop()
        return learned

    def price(self, net: nn.Module, num_labels: int) -> Tensor | float:
        """What the bits of the coordinates add to the loss, in nats a label: nothing for real ones."""
        if not isinstance(self.coordinates, Stepped):
            return 0.0
        assert isinstance(net, SubspaceNet)
        return self.coordinates.bit_price * math.log(2) / num_labels * net.estimated_bits()

    def finish(self, learned: NetPredictor, shared: Shared, num_labels: int) -> None:
        """Settles a trained net. Raises TrainingError where it ran to NaN or infinity."""
        check_finite(learned.net, num_labels)
        settle(learned, shared)


@torch.no_grad()
def settle(learned: NetPredictor, shared: Shared) -> None:
    """Gives batch norm the statistics of the first 5,000 inputs under the weights as they are."""
    layers = [layer for layer in learned.net.modules() if isinstance(layer, _BatchNorm)]
    learned.net.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the plain mean over all batches
        layer.train()
    for batch in torch.split(shared.inputs[:_SETTLING_INPUTS], _SETTLING_BATCH) if layers else ():
        learned.logits(batch.float())
    learned.net.eval()
