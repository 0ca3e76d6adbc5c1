"""The online code with replay: one pass over the labels, each batch learned together with old ones."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
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
from mdlcode.learn.nets.determinism import reproducible, sent
from mdlcode.learn.nets.optimizer import AdamW, Optimizer
from mdlcode.learn.nets.predictor import NetPredictor, Precision, new_net
from mdlcode.learn.nets.steps import descend
from mdlcode.learn.turns import say_labels
from mdlcode.nets.arch import Arch
from mdlcode.packing import Packing
from mdlcode.typing import IntArray

Block = tuple[int, int]
_SHARE = 8  # so many times as many labels come before a batch as it has
_PACKING = Packing[Opinions](*MODELS)


@dataclass(frozen=True, config=STRICT)
class Streams(Settings):
    """Replay streams: each head walks through the past and jumps back to its start at times.

    After t batches a head jumps with probability 1 / (t + 2), which keeps its place uniform over the
    past without random access (Bornschein et al. 2022, arXiv 2210.07931, section 3).
    """

    kind: Literal["streams"] = Field(default="streams", kw_only=True)
    count: int = Field(default=8, ge=0, le=10_000)

    def next(self, heads: IntArray, num_batches: int, generator: np.random.Generator) -> IntArray:
        """Which of the `num_batches` past batches each head replays now."""
        jumps = generator.random(self.count) < 1.0 / (num_batches + 2)
        return np.where(jumps | (heads + 1 >= num_batches), 0, heads + 1)


@dataclass(frozen=True, config=STRICT)
class Buffer(Settings):
    """A replay buffer of the whole past: each replayed batch is drawn uniformly from it."""

    kind: Literal["buffer"] = Field(default="buffer", kw_only=True)
    count: int = Field(default=8, ge=0, le=10_000)

    def next(self, heads: IntArray, num_batches: int, generator: np.random.Generator) -> IntArray:
        """Which of the `num_batches` past batches to replay now."""
        return generator.integers(num_batches, size=self.count)


@dataclass(frozen=True, config=STRICT)
class Draws(Settings):
    """Replayed batches are `size` inputs each, drawn uniformly from the past; the newest batch is filled up to `size`.

    So early steps, whose new batches are small, see as many inputs as later ones.
    """

    kind: Literal["draws"] = Field(default="draws", kw_only=True)
    count: int = Field(default=2, ge=0, le=10_000)
    size: int = Field(default=64, ge=1)

    def picks(self, newest: Block, generator: np.random.Generator) -> Iterator[IntArray]:
        """The inputs of each step, the numbers of all that came before the end of the newest batch.

        >>> [len(each) for each in Draws(count=2, size=8).picks((3, 6), np.random.default_rng(0))]
        [6, 6, 6]
        """
        start, stop = newest
        size = min(self.size, stop)
        yield np.concatenate([np.arange(start, stop), generator.integers(stop, size=max(0, size - (stop - start)))])
        for _ in range(self.count):
            yield generator.integers(stop, size=size)


@dataclass(frozen=True, config=STRICT)
class Online(Code):
    """Mini-batch incremental code with replay (Bornschein, Li & Hutter 2022, arXiv 2210.07931).

    Each batch is sent under the running average of the weights, calibrated on the labels sent before;
    then the net takes one step on it and one on each replayed batch. The first batch is uniform. A batch has an eighth
    of the labels before it, but `first` at least and `batch_size` at most. Where tokens have labels, it is as many
    whole sequences as have about so many labels, one at least.
    """

    kind: Literal["online"] = Field(default="online", kw_only=True)
    arch: Arch = "auto"
    optimizer: Optimizer = AdamW(lr=1e-3)
    augment: Augment = NoAugment()
    first: int = Field(default=16, ge=1)
    batch_size: int = Field(default=16, ge=1)
    replay: Annotated[Streams | Buffer | Draws, Field(discriminator="kind")] = Streams()
    ema_decay: float = Field(default=0.95, gt=0, lt=1)
    calibration: Calibration = Temperature()
    precision: Precision = "auto"
    seed: Seed = 0

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """Batch by batch: predict, send, learn."""
        ends, blocks = shared.label_ends, self.blocks(len(shared), shared.num_labels)
        progress.start("online", len(blocks) * (1 + self.replay.count))
        first = int(ends[blocks[0][1]])
        past = np.zeros(shared.num_labels, dtype=np.int64)
        past[:first] = say_uniformly(channel, _part(labels, 0, first), first, shared)
        trainer = _Trainer(self, shared, self._key(shared, labels))
        forecaster = Forecaster(1, self.calibration, Switch())
        send = partial(forecaster.transmit, channel)
        for newest, block in pairwise(blocks):
            trainer.learn(newest, past)
            start, stop = ends[[*block]]
            past[start:stop] = say_labels(shared, block, _part(labels, start, stop), trainer.opinions, send)
        trainer.end()
        return Received(past, trainer.average)

    def blocks(self, num_inputs: int, num_labels: int) -> list[Block]:
        """The batches, as the first input of each and the one after its last.

        >>> Online(first=4, batch_size=6).blocks(num_inputs=60, num_labels=60)[-5:]
        [(36, 40), (40, 45), (45, 50), (50, 56), (56, 60)]
        """
        sizes = self.batch_size, min(self.first, self.batch_size)
        most, least = (max(1, size * num_inputs // num_labels) for size in sizes)
        stops = [0]
        while stops[-1] < num_inputs:
            size = min(max(least, stops[-1] // _SHARE), most)
            stops.append(min(stops[-1] + size, num_inputs))
        return list(pairwise(stops))

    def _key(self, shared: Shared, labels: IntArray | None) -> str | None:
        """What the net's way through these labels is known by, on Alice's side; calibration comes after it."""
        if labels is None or finished.in_use() is None:
            return None
        about = shared.content, shared.num_classes, finished.digest(labels)
        return finished.key("online", replace(self, calibration=Identity()), *about, device=shared.inputs.device)


class _Trainer:
    """The net on its way through the stream, a batch of inputs after the other.

    What Alice's net said is kept with it, so that she goes on where she was ended, or takes it from there.
    """

    def __init__(self, code: Online, shared: Shared, key: str | None) -> None:
        self._code, self._shared = code, shared
        net, bf16 = new_net(code.arch, shared, code.seed, code.precision)
        self._learner = NetPredictor(net.train(), shared, bf16)
        self._ema = RunningAverage(net, code.ema_decay)
        self.average = NetPredictor(self._ema.net, shared, bf16)
        self._optimizer = code.optimizer.build(net.parameters())
        self._draws = np.random.Generator(np.random.PCG64(code.seed))
        self._generator = torch.Generator().manual_seed(code.seed)
        self._heads = np.zeros(code.replay.count, dtype=np.int64)
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

    def learn(self, newest: Block, past: IntArray) -> None:
        """One step on the newest batch and one on each that is replayed."""
        if self._batch > self._learned:
            self._checkpoint.at(self._batch)
        self._batch += 1
        steps = self._steps(newest, past)
        if self._batch > self._learned:
            with reproducible(self._code.seed + self._batch, self._shared.inputs.device):
                for inputs, targets in steps:
                    self._step(inputs, targets.flatten())
        progress.advance(1 + self._code.replay.count)

    def _steps(self, newest: Block, past: IntArray) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and targets of each step. What is replayed is drawn at once, for batches that are skipped too."""
        replay, first = self._code.replay, self._shared.labels_of(0, newest[0])
        stop = first + self._shared.labels_of(*newest)
        if isinstance(replay, Draws):
            inputs, targets = self._shared.known(past[:stop])
            picks = [sent(torch.from_numpy(each), inputs.device) for each in replay.picks(newest, self._draws)]
            return ((inputs[each], targets[each]) for each in picks)
        self._batches.append(self._shared.known(past[first:stop], newest[0]))
        self._heads = replay.next(self._heads, self._batch, self._draws)
        return (self._batches[each] for each in [self._batch - 1, *self._heads.tolist()])

    def _step(self, inputs: Tensor, targets: Tensor) -> None:
        raw: Tensor = self._code.augment.apply(inputs.float(), self._generator)
        descend(self._optimizer, self._learner.loss(raw, targets))
        self._ema.update(self._learner.net)


def _part(labels: IntArray | None, start: int, stop: int) -> IntArray | None:
    return None if labels is None else labels[start:stop]
