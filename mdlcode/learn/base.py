"""From inputs and labels to a predictor: the two interfaces that every code can take."""

from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator
from torch import Tensor

from mdlcode.coding.binned import Binned
from mdlcode.coding.entropy_models import EntropyModel
from mdlcode.coding.smoothing import Smoothed
from mdlcode.config import Configurable, parsed
from mdlcode.data.base import Shared
from mdlcode.typing import FloatArray, IntArray


class Predictor(ABC):
    """Gives each input, or each token of it where tokens have labels, a distribution over the classes.

    Where targets are real numbers, it is one over their bins. `note` says what a person should know of how it was made,
    in one line that is the same for every number of labels; it is empty where there is nothing to say.
    """

    note: str = ""

    @abstractmethod
    def predict(self, inputs: Tensor) -> FloatArray:
        """Probabilities (m, K) in float64 for inputs (m, ...), on the CPU; for tokens (m T, K), row after row."""

    def model(self, inputs: Tensor) -> EntropyModel:
        """What labels of inputs (m, ...) are coded under: rows of `predict`, smoothed."""
        return Smoothed(self.predict(inputs))


class DensityPredictor(Predictor):
    """Gives each input a density, of which the bins get their masses: no row of all bins is made."""

    @abstractmethod
    def model(self, inputs: Tensor) -> Binned:
        """The distributions over bins for inputs (m, ...)."""

    def predict(self, inputs: Tensor) -> FloatArray:
        """Their rows (m, K): for few bins."""
        return self.model(inputs).rows()


class Learner(Configurable, ABC):
    """A deterministic function from inputs, some first labels and its own seed to a predictor.

    A learner may read all the inputs, since both sides hold them, but only the labels it is given. What one of your own
    makes is kept as finished work if its class says by a `cache_version` of its own of what version it is.
    """

    cache_version: ClassVar[str | None] = None

    @abstractmethod
    def fit(self, shared: Shared, labels: IntArray) -> Predictor:
        """A predictor learned from the first labels (t,): `shared.known(labels)` are their inputs and targets."""

    def fit_path(self, shared: Shared, labels: IntArray) -> list[Predictor]:
        """The predictors along one training, the last one that of `fit`: experts for self-switching."""
        return [self.fit(shared, labels)]

    def steps(self, num_labels: int) -> int:
        """How many steps `fit` takes on so many labels: the unit of progress."""
        return 1


def parse_learner(value: Any) -> Any:
    """A learner from a config of one's own; an instance of `Learner` as it is. What the config names is imported."""
    return parsed(value, Learner, "learner")


AnyLearner = Annotated[Learner, BeforeValidator(parse_learner)]
