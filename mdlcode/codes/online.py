"""The online code with replay: one pass over the labels, each batch learned together with old ones."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode import finished, progress
from mdlcode.codes.base import Code, Received, say_uniformly
from mdlcode.codes.calibration import Calibration, Identity, Temperature
from mdlcode.codes.forecast import Forecaster
from mdlcode.codes.mixture import Switch
from mdlcode.codes.opinions import MODELS, Opinions, opinions
from mdlcode.coding.channel import Channel
from mdlcode.config import STRICT, Seed, Settings
from mdlcode.data.base import Shared
from mdlcode.learn.nets.augment import Augment, NoAugment
from mdlcode.learn.nets.average import RunningAverage
from mdlcode.learn.nets.checkpoints import Checkpoint
from mdlcode.learn.nets.determinism import reproducible
from mdlcode.learn.nets.optimizer import AdamW, Optimizer
from mdlcode.learn.nets.predictor import NetPredictor, Precision, new_net
from mdlcode.learn.nets.steps import descend
from mdlcode.learn.turns import say_labels
from mdlcode.nets.arch import Arch
from mdlcode.packing import Packing
from mdlcode.typing import IntArray

_PACKING = Packing[Opinions](*MODELS)


@dataclass(frozen=True, config=STRICT)
class Streams(Settings):
    """Replay streams: each head walks through the past and jumps back to its start at times.

    After t batches a head jumps with probability 1 / (t + 2), which keeps its place uniform over the
    past without random access (Bornschein et al. 2022, arXiv 2210.07931, section 3).
    """

    kind: Literal["streams"] = Field(default="streams", kw_only=True)
    count: int = Field(default=8, ge=0, le=10_000)

    def start(self) -> IntArray:
        """The heads' places before the first batch."""
        return np.zeros(self.count, dtype=np.int64)

    def next(self, heads: IntArray, num_batches: int, generator: np.random.Generator) -> IntArray:
        """Which of the `num_batches` past batches each head replays now."""
        jumps = generator.random(self.count) < 1.0 / (num_batches + 2)
        return np.where(jumps | (heads + 1 >= num_batches), 0, heads + 1)


@dataclass(frozen=True, config=STRICT)
class Buffer(Settings):
    """A replay buffer of the whole past: each replayed batch is drawn uniformly from it."""

    kind: Literal["buffer"] = Field(default="buffer", kw_only=True)
    count: int = Field(default=8, ge=0, le=10_000)

    def start(self) -> IntArray:
        """Nothing is remembered between batches."""
        return np.zeros(self.count, dtype=np.int64)

    def next(self, heads: IntArray, num_batches: int, generator: np.random.Generator) -> IntArray:
        """Which of the `num_batches` past batches to replay now."""
        return generator.integers(num_batches, size=self.count)


@dataclass(frozen=True, config=STRICT)
class Online(Code):
    """Mini-batch incremental code with replay (Bornschein, Li & Hutter 2022, arXiv 2210.07931).

    Each batch is sent under the running average of the weights, calibrated on the labels sent before;
    then the net takes one step on it and one on each replayed batch. The first batch is uniform. Where tokens have
    labels, a batch is as many whole sequences as have about `batch_size` labels, one at least.
    """

    kind: Literal["online"] = Field(default="online", kw_only=True)
    arch: Arch = "auto"
    optimizer: Optimizer = AdamW(lr=1e-3)
    augment: Augment = NoAugment()
    batch_size: int = Field(default=16, ge=1)
    replay: Annotated[Streams | Buffer, Field(discriminator="kind")] = Streams()
    ema_decay: float = Field(default=0.95, gt=0, lt=1)
    calibration: Calibration = Temperature()
    precision: Precision = "auto"
    seed: Seed = 0

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """Batch by batch: predict, send, learn."""
        ends, size = shared.label_ends, max(1, self.batch_size * len(shared) // shared.num_labels)
        blocks = [(start, min(start + size, len(shared))) for start in range(0, len(shared), size)]
        progress.start("online", len(blocks) * (1 + self.replay.count))
        first = int(ends[blocks[0][1]])
        past = np.zeros(shared.num_labels, dtype=np.int64)
        past[:first] = say_uniformly(channel, _part(labels, 0, first), first, shared)
        trainer = _Trainer(self, shared, size, self._key(shared, labels))
        forecaster = Forecaster(1, self.calibration, Switch())
        send = partial(forecaster.transmit, channel)
        for number, block in enumerate(blocks[1:], start=1):
            trainer.learn(number, past)
            start, stop = ends[[*block]]
            past[start:stop] = say_labels(shared, block, _part(labels, start, stop), trainer.opinions, send)
        trainer.end()
        return Received(past, trainer.average)

    def _key(self, shared: Shared, labels: IntArray | None) -> str | None:
        """What the net's way through these labels is known by, on Alice's side; calibration comes after it."""
        if labels is None or finished.in_use() is None:
            return None
        about = shared.content, shared.num_classes, finished.digest(labels)
        return finished.key("online", replace(self, calibration=Identity()), *about, device=shared.inputs.device)


class _Trainer:
    """The net on its way through the stream, a batch of `size` inputs after the other.

    What Alice's net said is kept with it, so that she goes on where she was ended, or takes it from there.
    """

    def __init__(self, code: Online, shared: Shared, size: int, key: str | None) -> None:
        self._code, self._shared, self._size = code, shared, size
        net, bf16 = new_net(code.arch, shared, code.seed, code.precision)
        self._learner = NetPredictor(net, shared, bf16)
        self._ema = RunningAverage(net, code.ema_decay)
        self.average = NetPredictor(self._ema.net, shared, bf16)
        self._optimizer = code.optimizer.build(net.parameters())
        self._heads = code.replay.start()
        self._draws = np.random.Generator(np.random.PCG64(code.seed))
        self._generator = torch.Generator().manual_seed(code.seed)
        self._batches: list[tuple[Tensor, Tensor]] = []  # inputs and targets of each, brought to the device once
        self._checkpoint = Checkpoint(key, [net], self._optimizer, [self._generator], self._ema.moving)
        self._learned = self._checkpoint.resume()  # so many batches were learned, and what was said then is in the past
        self._batch, self._said = 0, [_PACKING.unpack(each) for each in self._checkpoint.past]

    def opinions(self, inputs: Tensor) -> Opinions:
        """What the net with the running average of the weights says, the only expert."""
        if self._batch <= self._learned:
            return self._said.pop(0)
        said = opinions([self.average], inputs, self._shared.bins is not None)
        if self._checkpoint.kept:
            self._checkpoint.past.append(_PACKING.pack(said))
        return said

    def end(self) -> None:
        """All is said."""
        if self._batch > self._learned:
            self._checkpoint.save(self._batch)

    def learn(self, num_batches: int, past: IntArray) -> None:
        """One step on the newest of `num_batches` batches and one on each that is replayed."""
        self._batches.append(self._known(num_batches - 1, past))
        if self._batch > self._learned:
            self._checkpoint.at(self._batch)
        self._batch = num_batches
        self._heads = self._code.replay.next(self._heads, num_batches, self._draws)
        if num_batches <= self._learned:
            progress.advance(1 + self._code.replay.count)
            return
        with reproducible(self._code.seed + num_batches, self._shared.inputs.device):
            for batch in [num_batches - 1, *self._heads.tolist()]:
                self._step(*self._batches[batch])
        progress.advance(1 + self._code.replay.count)

    def _known(self, batch: int, past: IntArray) -> tuple[Tensor, Tensor]:
        first, ends = batch * self._size, self._shared.label_ends
        inputs, targets = self._shared.known(past[ends[first] : ends[first + self._size]], first)
        return inputs, targets.flatten()

    def _step(self, inputs: Tensor, targets: Tensor) -> None:
        self._learner.net.train()
        raw: Tensor = self._code.augment.apply(inputs.float(), self._generator)
        descend(self._optimizer, self._learner.loss(raw, targets))
        self._ema.update(self._learner.net)


def _part(labels: IntArray | None, start: int, stop: int) -> IntArray | None:
    return None if labels is None else labels[start:stop]
