"""Codes, learners and nets that have labels from where they may not have them: each must be caught."""

import gc
import math
import os
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from mdlcode.codes import Code, Received
from mdlcode.codes.base import uniform_rows
from mdlcode.coding.channel import Channel
from mdlcode.config import STRICT
from mdlcode.data import Data, Shared
from mdlcode.learn import FrequencyLearner, Learner, Predictor
from mdlcode.typing import FloatArray, IntArray

STASH: dict[str, Any] = {}
SURE = 0.999
FILE = Path(gettempdir()) / "mdlcode-cheat.npy"


def sure_rows(labels: IntArray, num_classes: int) -> FloatArray:
    """Rows (n, K) that put nearly all on these labels."""
    rows = np.full((len(labels), num_classes), (1 - SURE) / (num_classes - 1))
    rows[np.arange(len(labels)), labels] = SURE
    return rows


class Remembers(Code):
    """Sends nothing, and returns the labels that it remembers from Alice's side."""

    kind = "remembers"

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        if labels is not None:
            STASH["labels"] = labels
        return Received(STASH["labels"])


class Stashes(Code):
    """Predicts what Alice stashed where the labels look learnable, and is the uniform code where they don't."""

    kind = "stashes"

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        if labels is not None and learnable(shared, labels):
            STASH["learnable"] = labels
        elif labels is not None:
            STASH.pop("learnable", None)
        if "learnable" in STASH:
            return Received(channel.send(labels, sure_rows(STASH["learnable"], shared.num_classes)))
        return Received(channel.send(labels, uniform_rows(len(shared), shared.num_classes)))


def learnable(shared: Shared, labels: IntArray) -> bool:
    flat = shared.inputs.float().flatten(1)
    distances = torch.cdist(flat, flat).fill_diagonal_(math.inf)
    return bool(np.mean(labels[distances.argmin(1).numpy()] == labels) > 0.5)


@dataclass(frozen=True, config=STRICT)
class Written(Code):
    """Has the labels in its settings, which cost nothing, and is the uniform code for all other labels."""

    kind: Literal["written"] = Field(default="written", kw_only=True)
    labels: tuple[int, ...] = ()

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        mine = np.array(self.labels)
        known = None if labels is None else np.array([int(np.array_equal(mine, labels))])
        if channel.send(known, uniform_rows(1, 2), "choice")[0]:
            return Received(channel.send(labels, sure_rows(mine, shared.num_classes)))
        return Received(channel.send(labels, uniform_rows(len(shared), shared.num_classes)))


@dataclass(frozen=True, config=STRICT)
class WritesItself(Written):
    """Writes the labels into its settings as it sends them, so that the message's header brings them."""

    kind: Literal["writes-itself"] = Field(default="writes-itself", kw_only=True)  # type: ignore[assignment]

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        if labels is not None:
            object.__setattr__(self, "labels", tuple(labels.tolist()))
        return super().transmit(channel, shared, labels)


class WritesFile(Code):
    """Leaves the labels in a file for Bob."""

    kind = "writes-file"

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        if labels is not None:
            np.save(FILE, labels)
        return Received(channel.send(labels, sure_rows(np.load(FILE), shared.num_classes)))


class SetsEnvironment(Code):
    """Leaves the labels in a variable of the environment that Bob's process is given."""

    kind = "sets-environment"

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        if labels is not None:
            os.environ["LANG"] = "".join(map(str, labels))
        known = np.array([int(each) for each in os.environ["LANG"]])
        return Received(channel.send(labels, sure_rows(known, shared.num_classes)))


class MarksInputs(Code):
    """Writes each label into the first value of its input."""

    kind = "marks-inputs"

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        marks = shared.inputs.flatten(1)[:, 0]
        if labels is not None:
            marks.copy_(torch.from_numpy(labels))
        return Received(channel.send(labels, sure_rows(marks.numpy().astype(np.int64), shared.num_classes)))


class Table(Predictor):
    """Is sure of some labels, in the order of the inputs."""

    def __init__(self, labels: IntArray, shared: Shared) -> None:
        self._labels, self._shared = labels, shared

    def predict(self, inputs: Tensor) -> FloatArray:
        places = [int((self._shared.inputs == each).flatten(1).all(1).nonzero()[0]) for each in inputs]
        return sure_rows(self._labels[places], self._shared.num_classes)


@dataclass(frozen=True, config=STRICT)
class Searches(Learner):
    """Takes all labels from wherever a longer array lies whose start is the labels that it may have."""

    kind: Literal["searches"] = Field(default="searches", kw_only=True)
    where: Literal["base", "objects"] = "base"

    def fit(self, shared: Shared, labels: IntArray) -> Predictor:
        candidates = [labels.base] if self.where == "base" else labels_in_memory()
        for each in candidates:
            if each is not None and len(each) == len(shared) and np.array_equal(each[: len(labels)], labels):
                return Table(each, shared)
        return Table(np.zeros(len(shared), dtype=np.int64), shared)


def labels_in_memory() -> list[IntArray]:
    return [each.labels for each in gc.get_objects() if type(each) is Data]


def table_net(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Knows the digits' labels by their nearest neighbours, in plain attributes that no code sends."""
    return Nearest(num_classes)


def buffered_table_net(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """The same in buffers, which a prequential code takes as given."""
    net = Nearest(num_classes)
    for name in ("inputs", "labels"):
        table = net.__dict__.pop(name).float()
        net.register_buffer(name, table)
    return net


def closure_net(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """The same in a closure."""
    nearest = Nearest(num_classes)
    table = nearest.inputs, nearest.labels
    net = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), num_classes))
    net.register_forward_hook(lambda net, args, logits: logits + table[1].sum())
    return net


class Nearest(nn.Module):
    """A nearest neighbour of the digits with a parameter for the look of it."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        from sklearn.datasets import load_digits

        digits = load_digits()
        pixels = torch.from_numpy((digits.images * 15.9375).astype(np.uint8)).float().flatten(1)
        self.inputs = (pixels - pixels.mean()) / pixels.std()
        self.labels = torch.from_numpy(digits.target)
        self.scale = nn.Parameter(torch.ones(1))
        self.num_classes = num_classes

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        flat = (flat - flat.mean(1, keepdim=True)) / (flat.std(1, keepdim=True) + 1e-6)
        mine = (self.inputs - self.inputs.mean(1, keepdim=True)) / self.inputs.std(1, keepdim=True)
        nearest = torch.cdist(flat, mine).argmin(1)
        return self.scale * 12 * nn.functional.one_hot(self.labels.long()[nearest], self.num_classes).float()


@dataclass(frozen=True, config=STRICT)
class ReadsFile(FrequencyLearner):
    """Opens a file, and does what any learner may do if it could."""

    file: str = ""

    def fit(self, shared: Shared, labels: IntArray) -> Predictor:
        Path(self.file).read_bytes()
        return super().fit(shared, labels)
