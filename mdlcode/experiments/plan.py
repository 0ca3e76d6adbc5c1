"""A code on paper: its trainings, what they cost, and how long they take on so many workers."""

import heapq
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from mdlcode.codes.base import Code
from mdlcode.codes.best_of import BestOf
from mdlcode.codes.forecast import Forecaster
from mdlcode.codes.prequential import Prequential
from mdlcode.codes.subspace import Subspace
from mdlcode.codes.two_part import TwoPart
from mdlcode.coding.channel import Ledger
from mdlcode.crew import START_CPU_SECONDS
from mdlcode.data.base import Data, Shared
from mdlcode.experiments.costs import Cost, batch_size, measured
from mdlcode.learn import Learner

_START_SECONDS = 4.0  # until a worker has torch and this library
_BYTES_OF_A_NUMBER = 8
_MOST_MIXED = 1000  # labels whose calibration and mixture are timed


@dataclass(frozen=True)
class Training:
    """A learner on the first `num_labels` labels, whose predictions for so many further inputs are asked for."""

    learner: Learner
    num_labels: int
    predicted: int

    @property
    def steps(self) -> int:
        """Its steps."""
        return self.learner.steps(self.num_labels)

    def seconds(self, cost: Cost, whole_batch: int) -> float:
        """How long it takes; a step of fewer labels than a whole batch has takes less."""
        filled = batch_size(self.learner, self.num_labels) / whole_batch
        step = cost.empty_step_seconds + filled * (cost.step_seconds - cost.empty_step_seconds)
        return cost.begin_seconds + self.steps * step + self.predicted * cost.prediction_seconds

    def flops(self, cost: Cost, whole_batch: int) -> float:
        """Its floating-point operations."""
        filled = batch_size(self.learner, self.num_labels) / whole_batch
        return self.steps * filled * cost.step_flops + self.predicted * cost.prediction_flops


def trainings(code: Code, shared: Shared) -> list[Training]:
    """The trainings of a code's sender that may run side by side, in the order in which they are handed out.

    Those of a prequential code, of a net that is trained and sent, and of a choice among such codes; of others none are
    known here.

    >>> from mdlcode import View, load, preset
    >>> shared = load("digits", View(limit=100)).shared
    >>> [each.num_labels for each in trainings(preset("prequential"), shared)]
    [91, 61, 40, 27, 18, 12, 8]
    """
    if isinstance(code, BestOf):
        return [each for one in code.codes for each in trainings(one, shared)]
    if isinstance(code, TwoPart | Subspace):
        return [Training(code.learner, shared.num_labels, len(shared))]
    if not isinstance(code, Prequential):
        return []
    ends = shared.label_ends
    blocks = list(pairwise(code.stops(shared)))[::-1]
    return [Training(each, int(ends[start]), stop - start) for start, stop in blocks for each in code.learners]


@dataclass(frozen=True)
class Plan:
    """The trainings of a code with the cost of each learner; those without a cost take no time here."""

    code: Code
    shared: Shared
    trainings: tuple[Training, ...]
    costs: Mapping[Learner, Cost | None]
    mixing_seconds: float = 0.0  # calibration and mixture of all labels, by the command's own process

    @property
    def seconds(self) -> list[float]:
        """How long each training takes."""
        return [
            0.0 if cost is None else each.seconds(cost, self._batch(each)) for each, cost in self._trainings_and_costs
        ]

    @property
    def flops(self) -> float:
        """Floating-point operations of all trainings and predictions."""
        return sum(each.flops(cost, self._batch(each)) for each, cost in self._trainings_and_costs if cost is not None)

    @property
    def worker_bytes(self) -> int:
        """Memory of a worker at its largest training: the inputs and the training's tensors, without the programs."""
        return self.data_bytes + max((each.peak_bytes for each in self.costs.values() if each is not None), default=0)

    @property
    def data_bytes(self) -> int:
        """What goes to each worker once: the inputs."""
        return self.shared.inputs.numel() * self.shared.inputs.element_size()

    @property
    def piece_bytes(self) -> int:
        """What goes to and fro with all trainings: the labels before each, and the predictions it makes.

        Of a long data set these are made where they are sent.
        """
        rows = 0 if self.shared.is_long else self.shared.rows_each * self.shared.num_classes
        return _BYTES_OF_A_NUMBER * sum(each.num_labels + each.predicted * rows for each in self.trainings)

    def wall_seconds(self, workers: int, engine: str = "processes") -> float:
        """How long all takes on so many workers: the trainings, and calibration and mixture after them.

        Of processes the first is the command's own, which begins with the shortest trainings at once, and the others
        come later, as `crew` has it. A job of Slurm is a new process for each training.
        """
        if engine == "processes":
            trained = scheduled(self.seconds, workers, START_CPU_SECONDS + _START_SECONDS, leads=True)
        elif engine == "slurm":
            trained = scheduled([_START_SECONDS + each for each in self.seconds], workers)
        else:
            trained = scheduled(self.seconds, workers, _START_SECONDS)
        return trained + self.mixing_seconds

    @property
    def _trainings_and_costs(self) -> list[tuple[Training, Cost | None]]:
        return [(each, self.costs[each.learner]) for each in self.trainings]

    def _batch(self, training: Training) -> int:
        return batch_size(training.learner, self.shared.num_labels)


def scheduled(seconds: Sequence[float], workers: int, ready_seconds: float = 0.0, leads: bool = False) -> float:
    """When the last piece ends, each begun in this order by the first worker that is free (list scheduling).

    Workers are there after `ready_seconds`. With `leads` one of them is there at once, and takes the last pieces first.

    >>> scheduled([4.0, 3.0, 2.0, 1.0], workers=2), scheduled([4.0, 3.0, 2.0, 1.0], 2, ready_seconds=2.0, leads=True)
    (5.0, 6.0)
    """
    waiting = deque(seconds)
    free = [(ready_seconds, False)] * (workers - leads) + [(0.0, True)] * leads
    heapq.heapify(free)
    end = 0.0
    while waiting:
        start, leader = heapq.heappop(free)
        done = start + (waiting.pop() if leader else waiting.popleft())
        end = max(end, done)
        heapq.heappush(free, (done, leader))
    return end


def planned(
    code: Code,
    data: Data,
    step_seconds: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
    costs: Mapping[Learner, Cost | None] | None = None,
) -> Plan:
    """The plan of a code for data, from a few steps of each learner by a clock, or from costs that are known.

    With `step_seconds` a step takes so long, and a prediction as much less as it has fewer floating-point operations.
    """
    pieces = tuple(trainings(code, data.shared))
    least = {each.learner: each.num_labels for each in sorted(pieces, key=lambda each: -each.num_labels)}
    timed = clock if step_seconds is None else None
    found = costs or {each: measured(each, data, few, timed) for each, few in least.items()}
    if step_seconds is not None:
        found = {each: _stated(cost, step_seconds) for each, cost in found.items()}
    mixing = 0.0 if timed is None or costs else _mixing_seconds(code, data, found, timed)
    return Plan(code, data.shared, pieces, found, mixing)


def _mixing_seconds(code: Code, data: Data, costs: Mapping[Learner, Cost | None], clock: Callable[[], float]) -> float:
    """How long calibration and mixture of all labels take, from some; for real-valued targets none is known here."""
    if isinstance(code, BestOf):
        return sum(_mixing_seconds(each, data, costs, clock) for each in code.codes)
    if not isinstance(code, Prequential) or data.shared.bins is not None:
        return 0.0
    known = [costs[each] for each in code.learners]
    num_experts, labels = sum(1 if each is None else each.num_experts for each in known), data.labels[:_MOST_MIXED]
    rows = np.full((num_experts, len(labels), data.shared.num_classes), 1 / data.shared.num_classes)
    start = clock()
    Forecaster(num_experts, code.calibration, code.mixture).transmit(Ledger(), rows, labels)
    return (clock() - start) * len(data) / len(labels)


def _stated(cost: Cost | None, step_seconds: float) -> Cost | None:
    if cost is None:
        return None
    share = cost.prediction_flops / cost.step_flops if cost.step_flops else 0.0
    prediction = share * step_seconds
    return replace(cost, step_seconds=step_seconds, empty_step_seconds=step_seconds, prediction_seconds=prediction)
