"""The prequential code: labels in blocks, each under what was learned from the blocks before it."""

from functools import partial
from itertools import pairwise
from typing import Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode import parallel, progress
from mdlcode.codes.base import Code, Received, say_uniformly
from mdlcode.codes.calibration import Calibration, Identity
from mdlcode.codes.forecast import Forecaster
from mdlcode.codes.mixture import Mixture, Switch
from mdlcode.codes.opinions import Opinions, joined, opinions
from mdlcode.codes.schedule import Geometric, Schedule
from mdlcode.coding.channel import Channel
from mdlcode.coding.entropy_models import EntropyModel
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn import AnyLearner, Learner, NetLearner, Predictor
from mdlcode.learn.turns import say_labels
from mdlcode.parallel import Pending
from mdlcode.typing import FloatArray, IntArray

Block = tuple[int, int]  # the inputs from the first number up to the second
# Experts, and their predictions for the next block; None in a text, where they need its labels.
Fit = tuple[list[Predictor], Opinions | None]


@dataclass(frozen=True, config=STRICT)
class Prequential(Code):
    """t_1 log2 K + sum_s sum_{t_s < i <= t_{s+1}} -log2 p_{theta(t_s)}(y_i | x_i).

    Blier & Ollivier 2018, definition 3: the first block is uniform, theta(t) is learned from the first t
    labels alone. Several learners, or the checkpoints along one training, are experts: each is calibrated
    and all are mixed label by label, by default by the switch distribution (van Erven et al. 2012). Where tokens have
    labels, blocks end at the next end of a sequence, and the labels of a block are said as `say_labels` has it.
    """

    kind: Literal["prequential"] = Field(default="prequential", kw_only=True)
    learners: tuple[AnyLearner, ...] = Field(default=(NetLearner(),), min_length=1)
    schedule: Schedule = Geometric()
    calibration: Calibration = Identity()
    mixture: Mixture = Switch()

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """Block by block: learn from the past, predict, send."""
        ends = shared.label_ends
        stops = np.unique(np.searchsorted(ends, self.schedule.stops(shared.num_labels)))  # no input is cut in two
        blocks, first = list(pairwise(stops.tolist())), int(ends[stops[0]])
        progress.start("prequential", sum(each.steps(int(ends[at])) for each in self.learners for at, _ in blocks))
        # Alice knows every past beforehand, so her blocks may run side by side; Bob's come one by one.
        ahead = {} if labels is None else {block: self._submit(shared, labels, block) for block in blocks[::-1]}
        past = say_uniformly(channel, _part(labels, 0, first), first, shared)
        experts: list[Predictor] = []
        forecaster, real = None, shared.bins is not None
        notes: dict[str, int] = {}  # with the number of labels up to which each holds
        for block in blocks:
            fits = [fit.result() for fit in ahead.pop(block, None) or self._submit(shared, past, block)]
            experts = [predictor for path, _ in fits for predictor in path]
            notes |= {each.note: int(ends[block[0]]) for each in experts if each.note}
            told = [each for _, each in fits if each is not None]
            predict = partial(_as_told, told) if told else partial(opinions, experts, real=real)
            forecaster = forecaster or Forecaster(len(experts), self.calibration, self.mixture)
            send = partial(forecaster.transmit, channel)
            past = np.concatenate([past, say_labels(shared, block, _part(labels, *ends[[*block]]), predict, send)])
        if forecaster is None:  # no label after the first block
            return Received(past)
        trace = np.concatenate(forecaster.trace)
        traces = {
            "expert_weights": np.concatenate([np.tile(trace[0], (first, 1)), trace]),
            "block_stops": ends[stops].astype(np.float64),
        }
        said = tuple(f"{note} (up to {count:,} labels)" for note, count in notes.items())
        return Received(past, _Final(experts, forecaster, real), traces, said)

    def _submit(self, shared: Shared, labels: IntArray, block: Block) -> list[Pending[Fit]]:
        # A copy, since a part of an array leads to the whole, by its `base`.
        past = labels[: shared.label_ends[block[0]]].copy()
        return [parallel.submit(fit_and_predict, each, shared, past, block) for each in self.learners]


def fit_and_predict(learner: Learner, shared: Shared, past: IntArray, block: Block) -> Fit:
    """The experts that a learner makes of the past, and their predictions for the block where these need no more.

    A pure function of its arguments: it may run on another process, host or day.
    """
    path = learner.fit_path(shared, past)
    return path, None if shared.is_text else opinions(path, shared.inputs[slice(*block)], shared.bins is not None)


class _Final(Predictor):
    """The experts of the last block, calibrated and mixed as they were at the last label."""

    def __init__(self, experts: list[Predictor], forecaster: Forecaster, real: bool) -> None:
        self._experts, self._forecaster, self._real = experts, forecaster, real

    def predict(self, inputs: Tensor) -> FloatArray:
        said = opinions(self._experts, inputs, self._real)
        return self._forecaster.model(said).rows() if isinstance(said, tuple) else self._forecaster.predict(said)

    def model(self, inputs: Tensor) -> EntropyModel:
        said = opinions(self._experts, inputs, self._real)
        return self._forecaster.model(said) if isinstance(said, tuple) else super().model(inputs)


def _as_told(told: list[Opinions], inputs: Tensor) -> Opinions:
    """The experts' predictions that were made beforehand."""
    return joined(told)


def _part(labels: IntArray | None, start: int, stop: int) -> IntArray | None:
    return None if labels is None else labels[start:stop]
