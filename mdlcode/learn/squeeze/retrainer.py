"""Learners whose net is worth sending: trained first, then squeezed at a price for its bits."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor, optim

from mdlcode import finished, parallel
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn.nets.augment import Augment, NoAugment
from mdlcode.learn.nets.checkpoints import Checkpoint
from mdlcode.learn.nets.determinism import reproducible
from mdlcode.learn.nets.kept import learned_key, net_once
from mdlcode.learn.nets.predictor import NetPredictor, NetTrainer
from mdlcode.learn.nets.steps import Steps
from mdlcode.learn.nets.training import NetLearner, check_finite
from mdlcode.learn.squeeze.folding import fold_batch_norm
from mdlcode.nets.arch import Arch
from mdlcode.nets.held import fill, held_tensors
from mdlcode.typing import IntArray


@dataclass(frozen=True, config=STRICT)
class Retrainer(NetTrainer):
    """Trains a net by `start`, folds its batch norms, and goes on with it so that its weights are cheap to send.

    `training` and `augment` are of this second training; the net predicts as that of `start` does.
    """

    start: NetLearner = NetLearner()
    training: Steps = Steps(epochs=20.0, min_steps=1000, warmup=0.05)
    augment: Augment = NoAugment()

    @abstractmethod
    def squeeze(self, learned: NetPredictor, shared: Shared, labels: IntArray) -> None:
        """Makes the weights of a trained net cheap to send, in place."""

    def architecture(self) -> Arch:
        """That of `start`."""
        return self.start.arch

    def steps(self, num_labels: int) -> int:
        """Steps of both trainings."""
        return self.start.steps(num_labels) + self.training.count(num_labels)

    def initial(self, shared: Shared) -> NetPredictor:
        """The net before training, its batch norms folded."""
        learned = self.start.initial(shared)
        return NetPredictor(fold_batch_norm(learned.net), shared, learned.bf16, learned.views, family=learned.family)

    def fit(self, shared: Shared, labels: IntArray) -> NetPredictor:
        """The trained and squeezed net. Raises TrainingError where it ran to NaN or infinity."""
        return squeezed(self, self.trained(shared, labels), shared, labels)

    def trained(self, shared: Shared, labels: IntArray) -> dict[str, Tensor]:
        """Weights of the trained net, its batch norms folded, by name."""
        return held_tensors(fold_batch_norm(self.start.fit(shared, labels).net))

    def checkpoint(
        self,
        learned: NetPredictor,
        optimizer: optim.Optimizer,
        moving: Sequence[Tensor],
        shared: Shared,
        labels: IntArray,
        draws: Sequence[Generator] = (),
    ) -> Checkpoint:
        """Of a training after the first, before its first step: the net, what moves with it, and its generators.

        It is known by all that it begins from.
        """
        read = finished.digest(*held_tensors(learned.net).values(), *moving)
        key = learned_key("squeezing", self, shared, labels, read)
        generators = [Generator().manual_seed(self.start.seed + 1), *draws]  # the first one of the batches
        return Checkpoint(key, [learned.net], optimizer, generators, moving)

    def minibatches(
        self, training: Steps, checkpoint: Checkpoint, shared: Shared, labels: IntArray
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Raw inputs (m, ...), augmented, and targets (m,) of each step from the checkpoint on."""
        optimizer, generator = checkpoint.optimizer, checkpoint.generators[0]
        for raw, targets in training.minibatches(optimizer, shared, labels, generator, checkpoint):
            yield self.augment.apply(raw, generator), targets


@dataclass(frozen=True, config=STRICT)
class Squeezer(Retrainer):
    """A retrainer at a price: `bit_price` is what a bit of the weights counts, in bits of the labels.

    At a price of 1 the two-part codelength itself is minimised, as far as the estimate of the weights' bits is right.
    """

    bit_price: float = Field(default=1.0, gt=0)

    def sweep_steps(self, num_labels: int, prices: int) -> int:
        """Steps of the first training and of as many second ones."""
        return self.start.steps(num_labels) + prices * self.training.count(num_labels)

    def fit_each(self, shared: Shared, labels: IntArray, bit_prices: Sequence[float]) -> list[NetPredictor]:
        """One net for each price, all from one first training; side by side where there are workers."""
        trained = self.trained(shared, labels)
        each = [replace(self, bit_price=price) for price in bit_prices]
        pending = [parallel.submit(squeezed, learner, trained, shared, labels) for learner in each]
        return [one.result() for one in pending]


def squeezed(learner: Retrainer, trained: dict[str, Tensor], shared: Shared, labels: IntArray) -> NetPredictor:
    """The squeezed net of a trained one; a pure function of its arguments."""
    key = learned_key("squeezed net", learner, shared, labels, finished.digest(*trained.values()))
    steps = learner.steps(len(labels)) - learner.start.steps(len(labels))
    return net_once(key, learner, shared, partial(_squeezed, learner, trained, shared, labels), steps)


def _squeezed(learner: Retrainer, trained: dict[str, Tensor], shared: Shared, labels: IntArray) -> NetPredictor:
    learned, result = learner.initial(shared), learner.initial(shared)
    fill(learned.net, trained)
    with reproducible(learner.start.seed, shared.inputs.device):
        learner.squeeze(learned, shared, labels)
    fill(result.net, held_tensors(learned.net))
    check_finite(result.net, len(labels))
    return result
