"""What keeps a net from learning its labels by heart."""

from collections.abc import Callable

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor

from mdlcode.config import STRICT, Settings
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError
from mdlcode.learn.nets.augment import Augment, NoAugment
from mdlcode.learn.nets.predictor import NetPredictor
from mdlcode.learn.nets.unlabelled import Consistency, FixMatch

Objective = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, config=STRICT)
class Regularisation(Settings):
    """Inputs changed at random, softer labels, and a loss on inputs without labels.

    The share `label_smoothing` of each label is spread over all classes (Szegedy et al. 2016).
    """

    augment: Augment = NoAugment()
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    unlabelled: FixMatch | None = None

    def objective(self, learned: NetPredictor, shared: Shared, generator: Generator) -> Objective:
        """The loss of a net on a batch of raw inputs (m, ...) and targets (m,): what its training minimises.

        Raises MdlError for a loss on unlabelled sequences.
        """
        if self.unlabelled is not None and shared.sequences is not None:
            raise MdlError("FixMatch is for images of one label each, not for tokens: leave `unlabelled` out")
        consistency = None
        if self.unlabelled is not None and shared.bins is not None:
            raise MdlError("FixMatch is for classes, and these targets are real numbers: leave `unlabelled` out")
        if self.unlabelled is not None:
            consistency = Consistency(self.unlabelled, shared.inputs, shared.num_classes, self.augment)

        def loss(raw: Tensor, targets: Tensor) -> Tensor:
            changed = self.augment.apply(raw, generator)
            if consistency is not None:
                return consistency.loss(learned, changed, targets, generator, self.label_smoothing)
            return learned.loss(changed, targets, self.label_smoothing)

        return loss
