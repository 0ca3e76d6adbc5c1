"""Learners whose net is worth sending: trained first, then squeezed at a price for its bits."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor

from mdlcode import parallel, progress
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn.nets.augment import Augment, NoAugment
from mdlcode.learn.nets.determinism import reproducible
from mdlcode.learn.nets.predictor import NetPredictor, NetTrainer, new_net
from mdlcode.learn.nets.training import NetLearner, batches, check_finite
from mdlcode.learn.squeeze.folding import fold_batch_norm
from mdlcode.typing import IntArray

_STEPS_PER_REPORT = 10


@dataclass(frozen=True, config=STRICT)
class Retrainer(NetTrainer):
    """Trains a net by `start`, folds its batch norms, and goes on with it so that its weights are cheap to send.

    It takes `epochs` more passes over the labels, but at least `min_steps` steps. `augment` and `views` are
    those of this second training and of the predictions.
    """

    start: NetLearner = NetLearner()
    epochs: float = Field(default=20.0, gt=0)
    min_steps: int = Field(default=1000, ge=1)
    batch_size: int = Field(default=128, ge=1)
    augment: Augment = NoAugment()
    views: int = Field(default=1, ge=1)

    @abstractmethod
    def squeeze(self, learned: NetPredictor, shared: Shared, labels: IntArray) -> None:
        """Makes the weights of a trained net cheap to send, in place."""

    def architecture(self) -> str:
        """That of `start`."""
        return self.start.arch

    def squeezing_steps(self, num_labels: int) -> int:
        """How many steps the second training takes on so many labels."""
        return max(self.min_steps, round(self.epochs * num_labels / min(self.batch_size, num_labels)))

    def steps(self, num_labels: int) -> int:
        """Steps of both trainings."""
        return self.start.steps(num_labels) + self.squeezing_steps(num_labels)

    def initial(self, shared: Shared) -> NetPredictor:
        """The net before training, its batch norms folded."""
        net, bf16 = new_net(self.start.arch, shared, self.start.seed, self.start.precision)
        return NetPredictor(fold_batch_norm(net), shared, bf16, self.augment, self.views)

    def fit(self, shared: Shared, labels: IntArray) -> NetPredictor:
        """The trained and squeezed net. Raises TrainingError where it ran to NaN or infinity."""
        return squeezed(self, self.trained(shared, labels), shared, labels)

    def trained(self, shared: Shared, labels: IntArray) -> dict[str, Tensor]:
        """Weights of the trained net, its batch norms folded, by name."""
        return fold_batch_norm(self.start.fit(shared, labels).net).state_dict()

    def minibatches(self, shared: Shared, labels: IntArray, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Raw inputs (m, ...), augmented, and targets (m,) of so many steps."""
        device = shared.inputs.device
        generator, targets = Generator().manual_seed(self.start.seed + 1), torch.from_numpy(labels).to(device)
        order = batches(len(labels), min(self.batch_size, len(labels)), steps, generator).to(device)
        for step, batch in enumerate(order, start=1):
            yield self.augment.apply(shared.inputs[batch].float(), generator), targets[batch]
            if step % _STEPS_PER_REPORT == 0:
                progress.advance(_STEPS_PER_REPORT)
        progress.advance(steps % _STEPS_PER_REPORT)


@dataclass(frozen=True, config=STRICT)
class Squeezer(Retrainer):
    """A retrainer at a price: `bit_price` is what a bit of the weights counts, in bits of the labels.

    At a price of 1 the two-part codelength itself is minimised, as far as the estimate of the weights' bits is right.
    """

    bit_price: float = Field(default=1.0, gt=0)

    def sweep_steps(self, num_labels: int, prices: int) -> int:
        """Steps of the first training and of as many second ones."""
        return self.start.steps(num_labels) + prices * self.squeezing_steps(num_labels)

    def fit_each(self, shared: Shared, labels: IntArray, bit_prices: Sequence[float]) -> list[NetPredictor]:
        """One net for each price, all from one first training; side by side where there are workers."""
        trained = self.trained(shared, labels)
        each = [replace(self, bit_price=price) for price in bit_prices]
        pending = [parallel.submit(squeezed, learner, trained, shared, labels) for learner in each]
        return [one.result() for one in pending]


def squeezed(learner: Retrainer, trained: dict[str, Tensor], shared: Shared, labels: IntArray) -> NetPredictor:
    """The squeezed net of a trained one; a pure function of its arguments."""
    learned, result = learner.initial(shared), learner.initial(shared)
    learned.net.load_state_dict(trained)
    with reproducible(learner.start.seed, shared.inputs.device):
        learner.squeeze(learned, shared, labels)
    result.net.load_state_dict(learned.net.state_dict())
    check_finite(result.net, len(labels))
    return result
