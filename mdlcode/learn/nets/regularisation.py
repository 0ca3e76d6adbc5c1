"""What keeps a net from learning its labels by heart."""

from dataclasses import dataclass as dataclass_of_objects
from functools import partial

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor

from mdlcode import ranks
from mdlcode.config import STRICT, Settings
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError
from mdlcode.learn.nets.augment import Augment, NoAugment
from mdlcode.learn.nets.predictor import NetPredictor
from mdlcode.learn.nets.shares import share_of
from mdlcode.learn.nets.unlabelled import Consistency, FixMatch


@dataclass(frozen=True, config=STRICT)
class Regularisation(Settings):
    """Inputs changed at random, softer labels, and a loss on inputs without labels.

    The share `label_smoothing` of each label is spread over all classes (Szegedy et al. 2016).
    """

    augment: Augment = NoAugment()
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    unlabelled: FixMatch | None = None

    def objective(self, learned: NetPredictor, shared: Shared, generator: Generator) -> "Objective":
        """What the training of a net minimises.

        Raises MdlError for a loss on unlabelled sequences.
        """
        if self.unlabelled is not None and shared.sequences is not None:
            raise MdlError("FixMatch is for images of one label each, not for tokens: leave `unlabelled` out")
        if self.unlabelled is not None and ranks.sharing():
            raise MdlError("FixMatch trains in one process: leave `unlabelled` out, or start it without torchrun")
        consistency = None
        if self.unlabelled is not None and shared.bins is not None:
            raise MdlError("FixMatch is for classes, and these targets are real numbers: leave `unlabelled` out")
        if self.unlabelled is not None:
            consistency = Consistency(self.unlabelled, shared.inputs, shared.num_classes, self.augment)
        return Objective(self, learned, generator, consistency)


@dataclass_of_objects(frozen=True, eq=False)
class Objective:
    """The loss of a net on a batch of raw inputs (m, ...) and targets (m,): what its training minimises."""

    settings: Regularisation
    learned: NetPredictor
    generator: Generator
    consistency: Consistency | None

    @property
    def moving(self) -> list[Tensor]:
        """What changes along a training besides the net."""
        return [] if self.consistency is None else [self.consistency.mean]

    def __call__(self, raw: Tensor, targets: Tensor) -> Tensor:
        """The loss, a number."""
        smoothing = self.settings.label_smoothing
        changed = self.settings.augment.apply(raw, self.generator)
        if self.consistency is not None:
            return self.consistency.loss(self.learned, changed, targets, self.generator, smoothing)
        return share_of(partial(self.learned.loss, label_smoothing=smoothing), changed, targets)
