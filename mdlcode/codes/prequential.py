"""The prequential code: labels in blocks, each under what was learned from the blocks before it."""

from functools import partial
from itertools import pairwise
from typing import Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode import progress
from mdlcode.codes.base import Code, Received, say_uniformly
from mdlcode.codes.calibration import Calibration, Identity
from mdlcode.codes.fits import Block, Experts, Fit, submit
from mdlcode.codes.forecast import Forecaster
from mdlcode.codes.mixture import Mixture, Switch
from mdlcode.codes.opinions import Opinions, joined
from mdlcode.codes.schedule import Geometric, Schedule
from mdlcode.coding.channel import Channel
from mdlcode.coding.entropy_models import EntropyModel
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn import AnyLearner, NetLearner, Predictor
from mdlcode.learn.turns import say_labels
from mdlcode.parallel import Pending
from mdlcode.typing import FloatArray, IntArray


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

    @property
    def has_parts(self) -> bool:
        """True: the blocks."""
        return True

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """Block by block: learn from the past, predict, send."""
        ends, stops = shared.label_ends, self.stops(shared)
        blocks, first = list(pairwise(stops)), int(ends[stops[0]])
        progress.start("prequential", sum(each.steps(int(ends[at])) for each in self.learners for at, _ in blocks))
        # Alice knows every past beforehand, so her blocks may run side by side; Bob's come one by one.
        ahead = {} if labels is None else {block: self._submit(shared, labels, block) for block in blocks[::-1]}
        past = say_uniformly(channel, _part(labels, 0, first), first, shared)
        experts: list[Experts] = []
        forecaster = None
        notes: dict[str, int] = {}  # with the number of labels up to which each holds
        for block in blocks:
            fits = [fit.result() for fit in ahead.pop(block, None) or self._submit(shared, past, block)]
            experts = [Experts(each, shared, past, fit) for each, fit in zip(self.learners, fits, strict=True)]
            notes |= {note: len(past) for fit in fits for note in fit.notes}
            told = [fit.opinions for fit in fits if fit.opinions is not None]
            predict = partial(_as_told, told) if told else partial(_said, experts)
            forecaster = forecaster or Forecaster(sum(fit.num_experts for fit in fits), self.calibration, self.mixture)
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
        return Received(past, _Final(experts, forecaster), traces, said)

    def stops(self, shared: Shared) -> list[int]:
        """How many inputs are known when the learners are trained, and n at the end: no input is cut in two."""
        ends = np.searchsorted(shared.label_ends, self.schedule.stops(shared.num_labels))
        return [int(each) for each in np.unique(ends)]

    def _submit(self, shared: Shared, labels: IntArray, block: Block) -> list[Pending[Fit]]:
        # A copy, since a part of an array leads to the whole, by its `base`.
        past = labels[: shared.label_ends[block[0]]].copy()
        whole = block[1] == len(shared)  # the experts of the last block are needed afterwards
        return [submit(each, shared, past, block, whole) for each in self.learners]


class _Final(Predictor):
    """The experts of the last block, calibrated and mixed as they were at the last label."""

    def __init__(self, experts: list[Experts], forecaster: Forecaster) -> None:
        self._experts, self._forecaster = experts, forecaster

    def predict(self, inputs: Tensor) -> FloatArray:
        said = _said(self._experts, inputs)
        return self._forecaster.model(said).rows() if isinstance(said, tuple) else self._forecaster.predict(said)

    def model(self, inputs: Tensor) -> EntropyModel:
        said = _said(self._experts, inputs)
        return self._forecaster.model(said) if isinstance(said, tuple) else super().model(inputs)


def _as_told(told: list[Opinions], inputs: Tensor) -> Opinions:
    """The experts' predictions that were made beforehand."""
    return joined(told)


def _said(experts: list[Experts], inputs: Tensor) -> Opinions:
    """What the experts of all learners say of inputs (m, ...)."""
    return joined([each.opinions(inputs) for each in experts])


def _part(labels: IntArray | None, start: int, stop: int) -> IntArray | None:
    return None if labels is None else labels[start:stop]
