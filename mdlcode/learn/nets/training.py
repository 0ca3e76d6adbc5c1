"""The training loop of the library: a learner that trains a net."""

from collections.abc import Callable, Iterator
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor, nn

from mdlcode import progress
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError, TrainingError
from mdlcode.learn.base import Predictor
from mdlcode.learn.nets.augment import Augment, NoAugment
from mdlcode.learn.nets.determinism import reproducible
from mdlcode.learn.nets.optimizer import AdamW, Optimizer, lr_share
from mdlcode.learn.nets.predictor import NetPredictor, NetTrainer, Precision, new_net, running_average
from mdlcode.learn.nets.unlabelled import Consistency, FixMatch, NoUnlabelled, Unlabelled
from mdlcode.typing import IntArray

_STEPS_PER_REPORT = 10

Objective = Callable[[NetPredictor, Tensor, Tensor, Generator], Tensor]


@dataclass(frozen=True, config=STRICT)
class NetLearner(NetTrainer):
    """Trains a net by mini-batches held on the device; a function of seed, inputs and labels.

    It takes `epochs` passes over the labels, but at least `min_steps` and at most `max_steps` steps of
    batches of `batch_size` (or of all labels, where there are fewer). The learning rate warms up over
    the share `warmup` of the steps and decays linearly to zero. `ema_decay` > 0 predicts with an
    exponential average of the weights, `views` > 1 with the mean over augmented views. `precision` "auto"
    is bfloat16 autocast for convolutional nets where the device has it. `checkpoints` names shares of the
    training after which the net is kept as an expert of its own (`fit_path`). The share `warm_start` of the
    steps is taken on the first half of the labels alone, as if the net of the block before were continued.
    `compiled` trains the net through torch.compile, once for all blocks: for a GPU, as on a CPU it is slower.
    """

    kind: Literal["net"] = Field(default="net", kw_only=True)
    arch: str = "auto"
    optimizer: Optimizer = AdamW()
    batch_size: int = Field(default=128, ge=1)
    epochs: float = Field(default=10.0, gt=0)
    min_steps: int = Field(default=150, ge=1)
    max_steps: int = Field(default=100_000, ge=1)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    augment: Augment = NoAugment()
    views: int = Field(default=1, ge=1)
    unlabelled: Annotated[Unlabelled, Field(discriminator="kind")] = NoUnlabelled()
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    ema_decay: float = Field(default=0.0, ge=0, lt=1)
    precision: Precision = "auto"
    checkpoints: tuple[float, ...] = ()
    warm_start: float = Field(default=0.0, ge=0, lt=1)
    compiled: bool = False
    seed: int = Field(default=0, ge=0)

    def __post_init__(self) -> None:
        if self.views > 1 and isinstance(self.augment, NoAugment):
            raise MdlError("views are augmented inputs: name an augmentation, or leave views at 1")

    def architecture(self) -> str:
        """`arch`."""
        return self.arch

    def steps(self, num_labels: int) -> int:
        """How many steps a training on so many labels takes."""
        wanted = round(self.epochs * num_labels / min(self.batch_size, num_labels))
        return min(max(wanted, self.min_steps), self.max_steps)

    def fit(self, shared: Shared, labels: IntArray) -> NetPredictor:
        """The trained net. Raises TrainingError where it ran to NaN or infinity."""
        trained = self._train(shared, labels)[-1]
        check_finite(trained.net, len(labels))
        return trained

    def initial(self, shared: Shared) -> NetPredictor:
        """The net before training, the same for everybody: what a decoder fills with weights."""
        net, bf16 = new_net(self.arch, shared, self.seed, self.precision)
        return NetPredictor(net, shared, bf16, self.augment, self.views, self.arch if self.compiled else None)

    def fit_path(self, shared: Shared, labels: IntArray) -> list[Predictor]:
        """The net after each share of the training that `checkpoints` names, and at its end.

        One that ran to NaN predicts NaN: among other experts it is dropped.
        """
        return [*self._train(shared, labels)]

    def _train(self, shared: Shared, labels: IntArray) -> list[NetPredictor]:
        learned, steps = self.initial(shared), self.steps(len(labels))
        average = running_average(learned.net, self.ema_decay) if self.ema_decay else None
        stops = {round(share * steps) for share in self.checkpoints} - {0, steps}
        path = []
        with reproducible(self.seed, shared.inputs.device):
            for step in self._steps(learned, shared, labels):
                if average is not None:
                    average.update_parameters(learned.net)
                if step in stops | {steps}:
                    path.append(self._kept(learned.net if average is None else average.module, shared))
        return path

    def _steps(self, learned: NetPredictor, shared: Shared, labels: IntArray) -> Iterator[int]:
        """Takes the steps of a training, each one followed by its number, from 1."""
        net, device, steps = learned.net.train(), shared.inputs.device, self.steps(len(labels))
        targets = torch.from_numpy(labels).to(device)
        generator = Generator().manual_seed(self.seed)
        size, early = min(self.batch_size, len(labels)), round(self.warm_start * steps)
        half = batches(-(-len(labels) // 2), size, early, generator)  # the net of the block before, continued
        order = torch.cat([half, batches(len(labels), size, steps - early, generator)]).to(device)
        optimizer, objective = self.optimizer.build(net.parameters()), self._objective(shared, len(labels))
        for step, batch in enumerate(order):
            for group in optimizer.param_groups:
                group["lr"] = self.optimizer.lr * lr_share(step, steps, self.warmup)
            raw = self.augment.apply(shared.inputs[batch].float(), generator)
            loss = objective(learned, raw, targets[batch], generator)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if (step + 1) % _STEPS_PER_REPORT == 0:
                progress.advance(_STEPS_PER_REPORT)
            yield step + 1
        progress.advance(steps % _STEPS_PER_REPORT)

    def _objective(self, shared: Shared, num_labels: int) -> Objective:
        if isinstance(self.unlabelled, FixMatch):
            return Consistency(self.unlabelled, shared.inputs, shared.num_classes, self.augment).loss
        return self._cross_entropy

    def _cross_entropy(self, learned: NetPredictor, raw: Tensor, targets: Tensor, _: Generator) -> Tensor:
        return F.cross_entropy(learned.logits(raw), targets, label_smoothing=self.label_smoothing)

    def _kept(self, net: nn.Module, shared: Shared) -> NetPredictor:
        kept = self.initial(shared)
        kept.net.load_state_dict(net.state_dict())
        return kept


def check_finite(net: nn.Module, num_labels: int) -> None:
    """Raises TrainingError for a net whose training ran to NaN or infinity.

    One look at the end instead of one at each step: a NaN never leaves the weights again.
    """
    if not all(bool(torch.isfinite(value).all()) for value in net.state_dict().values()):
        raise TrainingError(f"training on {num_labels} labels ran to NaN or infinity: lower the learning rate")


def batches(count: int, size: int, steps: int, generator: Generator) -> Tensor:
    """Indices (steps, size): one permutation after the other, so that all labels are seen equally often."""
    passes = -(-steps * size // count)
    permutations = [torch.randperm(count, generator=generator) for _ in range(passes)]
    order = torch.cat([torch.empty(0, dtype=torch.int64), *permutations])
    return order[: steps * size].reshape(steps, size)
