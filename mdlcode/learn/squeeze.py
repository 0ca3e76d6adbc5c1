"""Learners whose net is worth sending: trained first, then squeezed at a price for its bits."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor

from mdlcode import parallel
from mdlcode.config import STRICT, replaced
from mdlcode.data.base import Shared
from mdlcode.learn.augment import Augment, NoAugment
from mdlcode.learn.determinism import reproducible
from mdlcode.learn.folding import fold_batch_norm
from mdlcode.learn.net import NetPredictor, NetTrainer, new_net
from mdlcode.learn.network import NetLearner, batches, check_finite
from mdlcode.typing import IntArray


@dataclass(frozen=True, config=STRICT)
class Squeezer(NetTrainer):
    """Trains a net by `start`, folds its batch norms, and squeezes it in `epochs` more passes over the labels.

    `rate` is what a bit of the weights counts, in bits of the labels: at 1 the two-part codelength itself is
    minimised, as far as its estimate is right. `augment` and `views` are those of squeezing and predicting.
    """

    start: NetLearner = NetLearner()
    rate: float = Field(default=1.0, gt=0)
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
        """How many steps one squeezing takes on so many labels."""
        return max(self.min_steps, round(self.epochs * num_labels / min(self.batch_size, num_labels)))

    def steps(self, num_labels: int) -> int:
        """Steps of the training and of one squeezing."""
        return self.sweep_steps(num_labels, rates=1)

    def sweep_steps(self, num_labels: int, rates: int) -> int:
        """Steps of the training and of as many squeezings."""
        return self.start.steps(num_labels) + rates * self.squeezing_steps(num_labels)

    def initial(self, shared: Shared) -> NetPredictor:
        """The net before training, its batch norms folded."""
        net, bf16 = new_net(self.start.arch, shared, self.start.seed, self.start.precision)
        return NetPredictor(fold_batch_norm(net), shared, bf16, self.augment, self.views)

    def fit(self, shared: Shared, labels: IntArray) -> NetPredictor:
        """The trained and squeezed net. Raises TrainingError where it ran to NaN or infinity."""
        return squeezed(self, self.trained(shared, labels), shared, labels)

    def fit_each(self, shared: Shared, labels: IntArray, rates: Sequence[float]) -> list[NetPredictor]:
        """One net for each rate, all from one training; side by side where there are workers."""
        trained = self.trained(shared, labels)
        each = [replaced(self, "rate", lambda _, to=rate: to) for rate in rates]
        pending = [parallel.submit(squeezed, learner, trained, shared, labels) for learner in each]
        return [one.result() for one in pending]

    def trained(self, shared: Shared, labels: IntArray) -> dict[str, Tensor]:
        """Weights of the trained net, its batch norms folded, by name."""
        return fold_batch_norm(self.start.fit(shared, labels).net).state_dict()

    def minibatches(self, shared: Shared, labels: IntArray) -> Iterator[tuple[Tensor, Tensor]]:
        """Raw inputs (m, ...), augmented, and targets (m,) of each step of a squeezing."""
        device, steps = shared.inputs.device, self.squeezing_steps(len(labels))
        generator, targets = Generator().manual_seed(self.start.seed + 1), torch.from_numpy(labels).to(device)
        order = batches(len(labels), min(self.batch_size, len(labels)), steps, generator).to(device)
        for batch in order:
            yield self.augment.apply(shared.inputs[batch].float(), generator), targets[batch]


def squeezed(learner: Squeezer, trained: dict[str, Tensor], shared: Shared, labels: IntArray) -> NetPredictor:
    """The squeezed net of a trained one; a pure function of its arguments."""
    learned, result = learner.initial(shared), learner.initial(shared)
    learned.net.load_state_dict(trained)
    with reproducible(learner.start.seed, shared.inputs.device):
        learner.squeeze(learned, shared, labels)
    result.net.load_state_dict(learned.net.state_dict())
    check_finite(result.net, len(labels))
    return result
