"""What a training costs, from a few of its steps: seconds, floating-point operations, and memory."""

import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, UntypedStorage
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.weak import WeakIdKeyDictionary

from mdlcode import finished, parallel, progress
from mdlcode.codes.opinions import opinions
from mdlcode.config import replaced
from mdlcode.data.base import Data, Shared
from mdlcode.learn import Learner, Predictor, Steps
from mdlcode.typing import IntArray

_LEAST_SECONDS = 0.3  # of steps that are timed
_MOST_PREDICTED = 1000  # inputs whose prediction is timed


@dataclass(frozen=True)
class Cost:
    """What one learner's trainings cost on data as large as these.

    `begin_seconds` are those of a training without its steps. FLOPs count a product and a sum as two.
    """

    begin_seconds: float
    step_seconds: float  # of a whole batch
    empty_step_seconds: float  # of one without labels, on the line through batches of few and of many
    prediction_seconds: float  # of one input
    step_flops: float
    prediction_flops: float
    peak_bytes: int  # of the training's own tensors, beside the data
    num_experts: int = 1


def batch_size(learner: Learner, num_labels: int) -> int:
    """The largest batch of its trainings on so many labels; 1 where it has none to count.

    >>> from mdlcode.learn import NetLearner
    >>> batch_size(NetLearner(), 1000), batch_size(NetLearner(), 10)
    (128, 10)
    """
    sizes = [1]

    def look(training: object) -> object:
        if isinstance(training, Steps):
            sizes.append(training.size(num_labels))
        return training

    replaced(learner, "training", look)
    return max(sizes)


def shortened(learner: Learner, steps: int) -> Learner:
    """The learner with so many steps in each of its trainings; itself where it has none to count.

    >>> from mdlcode.learn import NetLearner
    >>> shortened(NetLearner(), 3).steps(1000)
    3
    """

    def short(training: object) -> object:
        fewer = {"min_steps": steps, "max_steps": steps}
        return replace(training, **fewer) if isinstance(training, Steps) else training

    return replaced(learner, "training", short)


def measured(
    learner: Learner, data: Data, least: int, clock: Callable[[], float] | None = time.perf_counter
) -> Cost | None:
    """The cost of a learner's trainings by a clock in seconds, without one of no time at all.

    Steps are taken on all labels and on the first `least`, where batches may be smaller. None for a learner without
    steps, of which nobody knows how its time grows.
    """
    if shortened(learner, 1) == shortened(learner, 2):
        return None
    trainings, real = _Trainings(learner, data.shared, data.labels), data.shared.bins is not None
    with progress.quiet(), parallel.using(None), finished.using(None):
        with PeakMemory() as memory:
            path = trainings.run(2)
        with FlopCounterMode(display=False) as counter:
            opinions(path, data.shared.inputs[:1], real)
        flops = (trainings.flops(2) - trainings.flops(1)) / (trainings.steps(2) - trainings.steps(1))
        sizes = flops, float(counter.get_total_flops()), memory.peak_bytes
        if clock is None:
            return Cost(0.0, 0.0, 0.0, 0.0, *sizes)
        begin, step = trainings.seconds(clock)
        few, many = batch_size(learner, least), batch_size(learner, len(data))
        empty = step
        if few < many:
            _, small = _Trainings(learner, data.shared, data.labels[:least]).seconds(clock)
            empty = max(0.0, small - (step - small) * few / (many - few))
        inputs, start = data.shared.inputs[:_MOST_PREDICTED], clock()
        opinions(path, inputs, real)
        return Cost(begin, step, empty, (clock() - start) / len(inputs), *sizes, trainings.num_experts)


class _Trainings:
    """Short trainings of one learner on some labels."""

    def __init__(self, learner: Learner, shared: Shared, labels: IntArray) -> None:
        self._learner, self._shared, self._labels = learner, shared, labels
        self.num_experts = 1  # of the longest training so far: a short one has fewer checkpoints

    def run(self, each: int) -> list[Predictor]:
        """With so many steps in each training that the learner is made of."""
        path = shortened(self._learner, each).fit_path(self._shared, self._labels)
        self.num_experts = max(self.num_experts, len(path))
        return path

    def steps(self, each: int) -> int:
        """All steps of `run`."""
        return shortened(self._learner, each).steps(len(self._labels))

    def flops(self, each: int) -> float:
        """Floating-point operations of `run`."""
        with FlopCounterMode(display=False) as counter:
            self.run(each)
        return float(counter.get_total_flops())

    def seconds(self, clock: Callable[[], float]) -> tuple[float, float]:
        """Those of a training without its steps, and of a step, from so many that the clock can tell."""

        def spent(each: int) -> float:
            start = clock()
            self.run(each)
            return clock() - start

        one, more, most = spent(1), 2, self._learner.steps(len(self._labels))
        while (longer := spent(1 + more) - one) < _LEAST_SECONDS and more < most:
            more *= 2
        step = max(0.0, longer) / (self.steps(1 + more) - self.steps(1))
        return max(0.0, one - self.steps(1) * step), step


class PeakMemory(TorchDispatchMode):
    """The most bytes that tensors made inside held at one time.

    >>> import torch
    >>> with PeakMemory() as memory:
    ...     x = torch.zeros(1000)
    ...     x = x[:10] + 1
    >>> memory.peak_bytes
    4040
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak_bytes = self._live_bytes = 0
        self._known = WeakIdKeyDictionary()

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for each in tree_leaves(result):
            if isinstance(each, Tensor):
                self._count(each.untyped_storage())
        return result

    def _count(self, storage: UntypedStorage) -> None:
        if storage in self._known:
            return
        self._known[storage] = None
        self._live_bytes += storage.nbytes()
        self.peak_bytes = max(self.peak_bytes, self._live_bytes)
        weakref.finalize(storage, self._freed, storage.nbytes())

    def _freed(self, size_bytes: int) -> None:
        self._live_bytes -= size_bytes
