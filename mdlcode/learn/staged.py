"""Another learner for each number of labels."""

from typing import Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError
from mdlcode.learn.base import AnyLearner, Learner, Predictor
from mdlcode.typing import IntArray


@dataclass(frozen=True, config=STRICT)
class StagedLearner(Learner):
    """learners[0] for up to until[0] labels, learners[1] for up to until[1], ..., the last for more.

    The thresholds are fixed beforehand, so they cost no bits.

    >>> from mdlcode.learn import FrequencyLearner, UniformLearner
    >>> staged = StagedLearner((UniformLearner(), FrequencyLearner()), until=(100,))
    >>> staged.at(100), staged.at(101)
    (UniformLearner(kind='uniform'), FrequencyLearner(kind='frequencies'))
    """

    kind: Literal["staged"] = Field(default="staged", kw_only=True)
    learners: tuple[AnyLearner, ...] = Field(min_length=2)
    until: tuple[int, ...] = Field(min_length=1)

    def __post_init__(self) -> None:
        if len(self.until) != len(self.learners) - 1 or list(self.until) != sorted(set(self.until)):
            raise MdlError(f"{len(self.learners)} stages need {len(self.learners) - 1} rising numbers in `until`")

    def at(self, num_labels: int) -> Learner:
        """The learner for so many labels."""
        return self.learners[int(np.searchsorted(self.until, num_labels))]

    def fit(self, shared: Shared, labels: IntArray) -> Predictor:
        """What the stage's learner makes of the labels."""
        return self.at(len(labels)).fit(shared, labels)

    def fit_path(self, shared: Shared, labels: IntArray) -> list[Predictor]:
        """The path of the stage's learner."""
        return self.at(len(labels)).fit_path(shared, labels)

    def steps(self, num_labels: int) -> int:
        """The steps of the stage's learner."""
        return self.at(num_labels).steps(num_labels)
