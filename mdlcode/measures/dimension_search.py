"""The search for the intrinsic dimension: which subspaces to train next."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode import finished, parallel, progress
from mdlcode.config import STRICT, Settings
from mdlcode.data.base import Data
from mdlcode.errors import MdlError
from mdlcode.learn import NetLearner, Predictor, Real, SubspaceLearner
from mdlcode.learn.subspace.seeds import can_stack, fit_seeds
from mdlcode.measures.dimension import FIXED, OWN, IntrinsicDimension, Trial
from mdlcode.packing import Packing
from mdlcode.typing import IntArray

_MOST_DOUBLINGS = 6  # of the baseline's steps
_GAIN = 0.001  # of accuracy, for which the baseline is trained longer
On = Literal["test", "train"]
_MOST_SEEDS = 1000
AnyNet = SubspaceLearner | NetLearner
_TRIALS = Packing[tuple[Trial, ...]](Trial)


@dataclass(frozen=True, config=STRICT)
class DimensionSearch(Settings):
    """Finds d_int: brackets it from `start` on, then narrows the bracket until its ends are within `precision`.

    At each dimension `seeds` subspaces are trained, with the settings of `learner`. No two dimensions share a seed,
    so that the interval of d_int may take them as independent. All that one round asks for run side by side, on as
    many processes as there are; dense nets of one dimension train at once, on the batches of the first seed, so that
    more seeds change nothing for it. The baseline is `baseline`, or the mean accuracy of `direct`, the same net
    trained in all its parameters, with each seed for twice as many steps again and again until it gains less than
    0.1 % by it. A subspace that beats it gives a warning.
    Accuracies are those on the test set or the training set, as `accuracy_on` says.
    """

    kind: Literal["dimension-search"] = Field(default="dimension-search", kw_only=True)
    learner: SubspaceLearner = SubspaceLearner(coordinates=Real())
    direct: NetLearner = NetLearner()
    share: float = Field(default=0.9, gt=0, le=1)
    baseline: float | None = Field(default=None, gt=0, le=1)
    seeds: int = Field(default=3, ge=1, le=_MOST_SEEDS)
    start: int = Field(default=128, ge=1)
    precision: float = Field(default=1.15, gt=1)
    accuracy_on: On = "test"

    def run(self, data: Data, so_far: Callable[[IntrinsicDimension], None] = lambda _: None) -> IntrinsicDimension:
        """The intrinsic dimension; `so_far` gets what is known after each dimension.

        Raises MdlError where accuracies are asked for on a test set that the data have not got.
        """
        data.require_one_class_each("an intrinsic dimension")
        if self.accuracy_on == "test" and data.test_labels is None:
            raise MdlError(
                f"{data.name} has no test set: take the accuracy on the training labels, `accuracy_on` train"
            )
        least, size = self.learner.dimensions(data.shared)
        found = IntrinsicDimension((), size, self._baselines(size, data), self._baseline_name, self.share)
        bracket = Bracket(self.start, least, size, self.precision)
        for dimensions in bracket:
            trials = self._trials({d: replace(self.learner, dimension=d) for d in dimensions}, data)
            found = replace(found, trials=(*found.trials, *trials))
            bracket.told({d: float(np.mean(found.accuracies[d])) >= found.threshold for d in dimensions})
            so_far(found)
        _warn_if_beaten(found)
        return found

    @property
    def _baseline_name(self) -> str:
        return OWN if self.baseline is None else FIXED

    def _baselines(self, size: int, data: Data) -> tuple[float, ...]:
        if self.baseline is not None:
            return (self.baseline,)
        learner, best = self.direct, self._accuracies(size, self.direct, data)
        gaining = [True] * len(best)
        for _ in range(_MOST_DOUBLINGS):
            learner = _twice_as_long(learner, len(data))
            longer = self._accuracies(size, learner, data)
            reached = [max(a, b) if still else b for a, b, still in zip(longer, best, gaining, strict=True)]
            gaining = [a - b >= _GAIN for a, b in zip(reached, best, strict=True)]
            best = tuple(reached)
            if not any(gaining):
                break
        return best

    def _accuracies(self, size: int, learner: NetLearner, data: Data) -> tuple[float, ...]:
        return tuple(each.accuracy for each in self._trials({size: learner}, data))

    def _trials(self, learners: Mapping[int, AnyNet], data: Data) -> list[Trial]:
        """One for each dimension and seed, side by side where there are processes for it."""
        groups = [(d, *group) for d, learner in learners.items() for group in self._groups(learner, d, data)]
        progress.start(
            f"d = {', '.join(f'{d:,}' for d in learners)}", sum(each.steps(len(data)) for _, each, _ in groups)
        )
        pending = [parallel.submit(trials, learner, seeds, d, data, self.accuracy_on) for d, learner, seeds in groups]
        return [trial for each in pending for trial in each.result()]

    def _groups(self, learner: AnyNet, dimension: int, data: Data) -> list[tuple[AnyNet, int]]:
        """Learners with the number of seeds that train at once: all seeds of a dense net in a subspace, else one."""
        learner = replace(learner, seed=learner.seed + _MOST_SEEDS * dimension)
        if isinstance(learner, SubspaceLearner) and can_stack(learner.arch, data.shared):
            return [(learner, self.seeds)]
        return [(replace(learner, seed=learner.seed + index), 1) for index in range(self.seeds)]


def _twice_as_long(learner: NetLearner, num_labels: int) -> NetLearner:
    steps = 2 * learner.steps(num_labels)
    longer = replace(learner.training, min_steps=steps, max_steps=max(learner.training.max_steps, steps))
    return replace(learner, training=longer)


def _warn_if_beaten(found: IntrinsicDimension) -> None:
    """Warns where some subspace is better than every training of the net itself: then that is no baseline."""
    means = {d: float(np.mean(each)) for d, each in found.accuracies.items()}
    best = max(means, key=lambda d: means[d])
    if found.baseline_name == OWN and means[best] > max(found.baselines):
        warnings.warn(
            f"a subspace of {best:,} dimensions reaches {100 * means[best]:.2f} %, the net's own training"
            f" {100 * found.baseline:.2f} %: it is under-trained or overfits, so state the `baseline` instead",
            stacklevel=3,
        )


class Bracket:
    """Rounds of dimensions to try at once, each after it was `told` which of the last ones were enough.

    First half of `start`, `start`, and two and four times as many; then on upwards or downwards until some d
    is enough and one below it is not, then two dimensions between them, which cut the bracket into thirds.

    >>> bracket = Bracket(start=100, least=1, largest=1000, precision=1.5)
    >>> [(round, bracket.told({d: d >= 290 for d in round}))[0] for round in bracket]
    [[50, 100, 200, 400], [252, 317]]
    """

    def __init__(self, start: int, least: int, largest: int, precision: float) -> None:
        self._start, self._least, self._largest, self._precision = start, least, largest, precision
        self._enough: dict[int, bool] = {}

    def told(self, enough: Mapping[int, bool]) -> None:
        """Which of the dimensions last tried were enough."""
        self._enough |= enough

    def __iter__(self) -> Iterator[list[int]]:
        """Ends where the bracket is narrow, or where the largest is not enough, or the least is."""
        wanted = [self._start // 2, self._start, 2 * self._start, 4 * self._start]
        while round_ := self._new(wanted):
            yield round_
            high = min((d for d, enough in self._enough.items() if enough), default=None)
            low = max((d for d, enough in self._enough.items() if high is None or d < high), default=None)
            if high is None or low is None:
                last = max(self._enough) if high is None else min(self._enough)
                wanted = [2 * last, 4 * last] if high is None else [last // 4, last // 2]
            elif high <= low * self._precision:
                return
            else:
                wanted = [round(low * (high / low) ** share) for share in (1 / 3, 2 / 3)]

    def _new(self, wanted: list[int]) -> list[int]:
        inside = {min(max(d, self._least), self._largest) for d in wanted}
        return sorted(inside - self._enough.keys())


def trials(learner: AnyNet, seeds: int, dimension: int, data: Data, on: On) -> tuple[Trial, ...]:
    """The accuracies of so many seeds of one training: a pure function of its arguments, which may run anywhere."""
    key = None
    if finished.in_use() is not None:
        tested = () if on == "train" else _tested(data, on)
        about = data.shared.content, data.shared.num_classes, finished.digest(data.labels, *tested)
        key = finished.key("trials", learner, *about, seeds, dimension, on, device=data.shared.inputs.device)
    work = partial(_trials, learner, seeds, dimension, data, on)
    return finished.once(key, work, _TRIALS.pack, _TRIALS.unpack, learner.steps(len(data)))


def _trials(learner: AnyNet, seeds: int, dimension: int, data: Data, on: On) -> tuple[Trial, ...]:
    begin = time.perf_counter()
    predictors = _fit(learner, seeds, data)
    inputs, labels = _tested(data, on)
    accuracies = [float(np.mean(each.predict(inputs).argmax(axis=1) == labels)) for each in predictors]
    seconds = (time.perf_counter() - begin) / seeds
    return tuple(Trial(dimension, learner.seed + index, found, seconds) for index, found in enumerate(accuracies))


def _tested(data: Data, on: On) -> tuple[Tensor, IntArray]:
    """The inputs and labels that accuracies are taken on."""
    if on == "train":
        return data.shared.inputs, data.labels
    assert data.test_inputs is not None
    assert data.test_labels is not None
    return data.test_inputs, data.test_labels


def _fit(learner: AnyNet, seeds: int, data: Data) -> Sequence[Predictor]:
    if isinstance(learner, SubspaceLearner) and can_stack(learner.arch, data.shared):
        return fit_seeds(
            learner, seeds, data.shared, data.labels
        )  # one seed too, so that it finds what it would of many
    return [learner.fit(data.shared, data.labels)]
