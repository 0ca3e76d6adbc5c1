"""How long a training takes: its number of steps, the batches of them, and the course of the learning rate."""

from collections.abc import Iterator
from typing import Annotated

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor, optim

from mdlcode import progress
from mdlcode.config import STRICT, Settings
from mdlcode.data.base import Shared
from mdlcode.learn.nets.checkpoints import Checkpoint
from mdlcode.learn.nets.shares import add_up
from mdlcode.typing import IntArray

_STEPS_PER_REPORT = 10
_MOST = 10**12


@dataclass(frozen=True, config=STRICT)
class Steps(Settings):
    """`epochs` passes over the labels, but at least `min_steps` and at most `max_steps` steps.

    Each step takes a batch of `batch_size` labels, or of all where there are fewer. The learning rate warms up over
    the share `warmup` of the steps and then decays linearly to zero; it is constant where `warmup` is None. The share
    `warm_start` of the steps is taken on the first half of the labels alone, as if a net that was trained on these
    were continued.
    """

    epochs: float = Field(default=10.0, gt=0, le=1e9)
    min_steps: int = Field(default=150, ge=1, le=_MOST)
    max_steps: int = Field(default=100_000, ge=1, le=_MOST)
    batch_size: int = Field(default=128, ge=1, le=_MOST)
    warmup: Annotated[float, Field(ge=0, lt=1)] | None = 0.1
    warm_start: float = Field(default=0.0, ge=0, lt=1)

    def count(self, num_labels: int) -> int:
        """How many steps a training on so many labels takes.

        >>> Steps(epochs=2, min_steps=10).count(1280), Steps(epochs=2, min_steps=10).count(100)
        (20, 10)
        """
        wanted = round(self.epochs * num_labels / self.size(num_labels))
        return min(max(wanted, self.min_steps), self.max_steps)

    def size(self, num_labels: int) -> int:
        """How many of so many labels a batch has."""
        return min(self.batch_size, num_labels)

    def batches(self, num_labels: int, num_inputs: int, generator: Generator) -> Tensor:
        """Indices (steps, size) of the inputs of each step; all are seen equally often.

        Where an input is a sequence of labelled tokens, as many as have about `batch_size` labels together.

        >>> Steps(epochs=1, min_steps=1, batch_size=2).batches(4, 4, Generator()).flatten().sort().values.tolist()
        [0, 1, 2, 3]
        >>> Steps(batch_size=64).batches(num_labels=320, num_inputs=10, generator=Generator()).shape
        torch.Size([150, 2])
        """
        steps, size = self.count(num_labels), max(1, self.size(num_labels) * num_inputs // num_labels)
        early = round(self.warm_start * steps)
        half = shuffled(-(-num_inputs // 2), size, early, generator)
        return torch.cat([half, shuffled(num_inputs, size, steps - early, generator)])

    def paced(
        self, optimizer: optim.Optimizer, order: Tensor, checkpoint: Checkpoint | None = None, trainings: int = 1
    ) -> Iterator[tuple[int, Tensor]]:
        """Each step with its batch order[step], the first from 0, once the optimizer has the rates of that step.

        The rates that the optimizer came with are the peaks. Steps that are done are reported to `progress`, each as
        one of so many `trainings`. With a checkpoint the first step is that at which a training was ended before.
        """
        peaks = [group["lr"] for group in optimizer.param_groups]
        begin = 0 if checkpoint is None else checkpoint.resume()
        progress.advance(trainings * (begin - begin % _STEPS_PER_REPORT))
        for step in range(begin, len(order)):
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * (1.0 if self.warmup is None else lr_share(step, len(order), self.warmup))
            yield step, order[step]
            if checkpoint is not None:
                checkpoint.at(step + 1)
            if (step + 1) % _STEPS_PER_REPORT == 0:
                progress.advance(trainings * _STEPS_PER_REPORT)
        progress.advance(trainings * (len(order) % _STEPS_PER_REPORT))

    def minibatches(
        self,
        optimizer: optim.Optimizer,
        shared: Shared,
        labels: IntArray,
        generator: Generator,
        checkpoint: Checkpoint | None = None,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Raw inputs (size, ...) and targets (size,) of each step on these first labels (t,).

        The targets of sequences are those of all their tokens, row after row, -100 where there is no label.
        """
        inputs, targets = shared.known(labels)
        order = self.batches(len(labels), len(inputs), generator).to(inputs.device)
        for _, batch in self.paced(optimizer, order, checkpoint):
            yield inputs[batch].float(), targets[batch].flatten()


def descend(optimizer: optim.Optimizer, loss: Tensor) -> None:
    """One step of the optimizer down the gradient of a loss, of which each of several processes may have a part."""
    optimizer.zero_grad()
    loss.backward()
    add_up(each for group in optimizer.param_groups for each in group["params"])
    optimizer.step()


def lr_share(step: int, steps: int, warmup: float) -> float:
    """Share of the peak learning rate at a step: linear warm-up, then linear decay to zero.

    >>> [round(lr_share(step, steps=4, warmup=0.25), 2) for step in range(5)]
    [0.5, 0.83, 0.5, 0.17, 0.0]
    """
    # Taken at the middle of the step: neither the first nor the last one is wasted at rate 0.
    done = (step + 0.5) / steps
    return done / warmup if done < warmup else max(0.0, (1 - done) / (1 - warmup))


def shuffled(count: int, size: int, steps: int, generator: Generator) -> Tensor:
    """Indices (steps, size): one permutation of `count` labels after the other.

    >>> shuffled(3, 3, 2, Generator().manual_seed(0)).sort().values.tolist()
    [[0, 1, 2], [0, 1, 2]]
    """
    passes = -(-steps * size // count)
    permutations = [torch.randperm(count, generator=generator) for _ in range(passes)]
    order = torch.cat([torch.empty(0, dtype=torch.int64), *permutations])
    return order[: steps * size].reshape(steps, size)
