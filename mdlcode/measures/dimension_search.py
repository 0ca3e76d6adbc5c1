"""The search for the intrinsic dimension: which subspaces to train next."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode import parallel, progress
from mdlcode.config import STRICT
from mdlcode.data.base import Data
from mdlcode.errors import MdlError
from mdlcode.learn import NetLearner, Real, SubspaceLearner
from mdlcode.measures.dimension import IntrinsicDimension, Trial

OWN = "the net's own"
FIXED = "fixed"
On = Literal["test", "train"]


@dataclass(frozen=True, config=STRICT)
class DimensionSearch:
    """Finds d_int by doubling or halving d from `start` until it is bracketed, then by bisection in log d.

    It ends where the ends of the bracket are within the factor `precision`; `seeds` subspaces are trained at
    each d, in all of them with the settings of `learner`. The baseline is `baseline`, or the mean accuracy of
    `direct`, the same net trained in all its parameters. Accuracies are those `on` the test set or the
    training set.
    """

    kind: Literal["dimension-search"] = Field(default="dimension-search", kw_only=True)
    learner: SubspaceLearner = SubspaceLearner(coordinates=Real())
    direct: NetLearner = NetLearner()
    share: float = Field(default=0.9, gt=0, le=1)
    baseline: float | None = Field(default=None, gt=0, le=1)
    seeds: int = Field(default=3, ge=1)
    start: int = Field(default=128, ge=1)
    precision: float = Field(default=1.15, gt=1)
    on: On = "test"

    def run(self, data: Data, so_far: Callable[[IntrinsicDimension], None] = lambda _: None) -> IntrinsicDimension:
        """The intrinsic dimension; `so_far` gets what is known after each dimension.

        Raises MdlError where accuracies are asked for on a test set that the data have not got.
        """
        if self.on == "test" and data.test_labels is None:
            raise MdlError(f"{data.name} has no test set: ask for the accuracy on the training labels, --on train")
        size = self.learner.num_parameters(data.shared)
        baseline = self.baseline or float(np.mean([t.accuracy for t in self._trials(self.direct, size, data)]))
        name = OWN if self.baseline is None else FIXED
        found = IntrinsicDimension((), size, baseline, name, self.share)
        bracket = Bracket(self.start, size, self.precision)
        for dimension in bracket:
            trials = self._trials(replace(self.learner, dimension=dimension), dimension, data)
            found = replace(found, trials=(*found.trials, *trials))
            bracket.told(float(np.mean([each.accuracy for each in trials])) >= found.threshold)
            so_far(found)
        return found

    def _trials(self, learner: NetLearner, dimension: int, data: Data) -> list[Trial]:
        """One for each seed, side by side where there are processes for it."""
        seeds = [learner.seed + index for index in range(self.seeds)]
        progress.start(f"d = {dimension:,}", self.seeds * learner.steps(len(data)))
        pending = [parallel.submit(trial, replace(learner, seed=seed), dimension, data, self.on) for seed in seeds]
        return [each.result() for each in pending]


class Bracket:
    """The dimensions to try, one after the other, each once it is `told` whether the last one was enough.

    >>> bracket = Bracket(start=100, largest=1000, precision=1.5)
    >>> [(d, bracket.told(d >= 290))[0] for d in bracket]
    [100, 200, 400, 283]
    """

    def __init__(self, start: int, largest: int, precision: float) -> None:
        self._next, self._largest, self._precision = min(start, largest), largest, precision
        self._low, self._high = 0, 0  # 0 stands for: none known yet

    def told(self, enough: bool) -> None:
        """Whether the dimension last tried was enough."""
        if enough:
            self._high = self._next
        else:
            self._low = self._next

    def __iter__(self) -> Iterator[int]:
        """Ends where the bracket is narrow, or where D is not enough, or 1 is."""
        while True:
            yield self._next
            if (not self._high and self._low == self._largest) or self._high == 1:
                return
            if self._low and self._high:
                if self._high <= max(self._low * self._precision, self._low + 1):
                    return
                self._next = round(math.sqrt(self._low * self._high))
            else:
                self._next = max(self._high // 2, 1) if self._high else min(2 * self._low, self._largest)


def trial(learner: NetLearner, dimension: int, data: Data, on: On) -> Trial:
    """The accuracy of one training: a pure function of its arguments, which may run anywhere."""
    begin = time.perf_counter()
    predictor = learner.fit(data.shared, data.labels)
    inputs, labels = (data.shared.inputs, data.labels) if on == "train" else (data.test_inputs, data.test_labels)
    assert inputs is not None
    accuracy = float(np.mean(predictor.predict(inputs).argmax(axis=1) == labels))
    return Trial(dimension, learner.seed, accuracy, time.perf_counter() - begin)
