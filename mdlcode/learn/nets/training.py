"""Learners that train one net by gradient descent."""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor, nn

from mdlcode import finished, progress
from mdlcode.config import STRICT, Seed
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError, TrainingError
from mdlcode.learn.base import Learner, Predictor, parse_learner
from mdlcode.learn.nets.average import RunningAverage
from mdlcode.learn.nets.checkpoints import Checkpoint
from mdlcode.learn.nets.determinism import reproducible
from mdlcode.learn.nets.kept import learned_key, remade, tensors_of
from mdlcode.learn.nets.optimizer import AdamW, Optimizer
from mdlcode.learn.nets.predictor import NetPredictor, NetTrainer, Prediction, new_net
from mdlcode.learn.nets.regularisation import Regularisation
from mdlcode.learn.nets.steps import Steps, descend
from mdlcode.nets.arch import Arch
from mdlcode.nets.held import held_tensors, is_trained
from mdlcode.ranks import sharing, together
from mdlcode.typing import IntArray


@dataclass(frozen=True, config=STRICT)
class GradientLearner(Learner):
    """What every training of a net by gradient descent has: the net, its steps, their optimizer, and a seed."""

    arch: Arch = "auto"
    training: Steps = Steps()
    optimizer: Optimizer = AdamW()
    seed: Seed = 0

    def architecture(self) -> Arch:
        """`arch`."""
        return self.arch

    def steps(self, num_labels: int) -> int:
        """The steps of `training`."""
        return self.training.count(num_labels)


@dataclass(frozen=True, config=STRICT)
class NetLearner(GradientLearner, NetTrainer):
    """Trains a net by mini-batches held on the device; a function of seed, inputs and labels.

    `compiled` trains the net through torch.compile, once for all blocks: for a GPU, as on a CPU it is slower.
    """

    kind: Literal["net"] = Field(default="net", kw_only=True)
    regularisation: Regularisation = Regularisation()
    prediction: Prediction = Prediction()
    compiled: bool = False

    def fit(self, shared: Shared, labels: IntArray) -> NetPredictor:
        """The trained net. Raises TrainingError where it ran to NaN or infinity."""
        [trained] = self.path(shared, labels)
        check_finite(trained.net, len(labels))
        return trained

    def fit_path(self, shared: Shared, labels: IntArray) -> list[Predictor]:
        """The trained net alone. One that ran to NaN predicts NaN: among other experts it is dropped."""
        return [*self.path(shared, labels)]

    def initial(self, shared: Shared) -> NetPredictor:
        """The net before training, the same for everybody: what a decoder fills with weights."""
        if self.compiled and shared.sequences is not None:
            raise MdlError("nets for labels of tokens can't be trained compiled: set `compiled: false`")
        how = self.prediction
        net, bf16 = new_net(self.arch, shared, self.seed, how.precision, how.family)
        return NetPredictor(net, shared, bf16, how.views, self.arch if self.compiled else None, how.family)

    def path(self, shared: Shared, labels: IntArray, checkpoints: tuple[float, ...] = ()) -> list[NetPredictor]:
        """The net after these shares of its training, and at its end; there may be NaN in any of them."""
        stops = self.stops(len(labels), checkpoints)
        keys = [learned_key("net", self, shared, labels, stop) for stop in stops]
        path = [finished.find(key) for key in keys]
        if None in path:
            path = together(self._trained, shared, labels, stops)
            for key, each in zip(keys, path, strict=True):
                finished.keep(key, each)
        else:
            progress.advance(stops[-1])
        return [remade(self, shared, each) for each in path]

    def stops(self, num_labels: int, checkpoints: tuple[float, ...]) -> list[int]:
        """After how many steps these shares of a training are done, and all of it."""
        steps = self.steps(num_labels)
        return sorted({round(share * steps) for share in checkpoints} - {0} | {steps})

    def _trained(self, shared: Shared, labels: IntArray, stops: Sequence[int]) -> list[dict[str, Tensor]]:
        """The tensors of the net after so many steps, the last number that of all."""
        if self.compiled and sharing():
            raise MdlError("compiled nets train in one process: set `compiled: false`, or start it without torchrun")
        learned, ema_decay = self.initial(shared), self.prediction.ema_decay
        average = RunningAverage(learned.net, ema_decay) if ema_decay else None
        optimizer, generator = self.optimizer.build(learned.net.train().parameters()), Generator()
        objective = self.regularisation.objective(learned, shared, generator.manual_seed(self.seed))
        checkpoint = Checkpoint(
            learned_key("training", self, shared, labels, *stops),
            [learned.net],
            optimizer,
            [generator],
            objective.moving if average is None else [*objective.moving, *average.moving],
        )
        with reproducible(self.seed, shared.inputs.device):
            for raw, targets in self.training.minibatches(optimizer, shared, labels, generator, checkpoint):
                descend(optimizer, objective(raw, targets))
                if average is not None:
                    average.update(learned.net)
                if checkpoint.step + 1 in stops:
                    checkpoint.past.append(tensors_of(learned.net if average is None else average.net))
        checkpoint.drop()
        return checkpoint.past


@dataclass(frozen=True, config=STRICT)
class CheckpointedLearner(Learner):
    """A net with its stopping times as experts: `checkpoints` names shares of its training after which it is kept.

    A prequential code switches between these (Blier & Ollivier 2018, figure 3): few labels want a short training.
    """

    kind: Literal["checkpointed"] = Field(default="checkpointed", kw_only=True)
    member: Annotated[NetLearner, BeforeValidator(parse_learner)] = NetLearner()
    checkpoints: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(default=(0.25, 0.5), min_length=1)

    def fit(self, shared: Shared, labels: IntArray) -> NetPredictor:
        """The net at the end of its training."""
        return self.member.fit(shared, labels)

    def fit_path(self, shared: Shared, labels: IntArray) -> list[Predictor]:
        """The net at each checkpoint and at the end, as `NetLearner.fit_path` gives it."""
        return [*self.member.path(shared, labels, self.checkpoints)]

    def steps(self, num_labels: int) -> int:
        """The steps of the net's one training."""
        return self.member.steps(num_labels)


def check_finite(net: nn.Module, num_labels: int) -> None:
    """Raises TrainingError for a net whose training ran to NaN or infinity.

    One look at the end instead of one at each step: a NaN never leaves the weights again.
    """
    held = held_tensors(net).values()
    if any(bool((~torch.isfinite(each) if is_trained(each) else torch.isnan(each)).any()) for each in held):
        raise TrainingError(f"training on {num_labels} labels ran to NaN or infinity: lower the learning rate")
