"""A trained net with its data: what every generalization measure looks at, many sets of weights at once."""

import math
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from mdlcode.data.base import Data
from mdlcode.errors import MdlError
from mdlcode.learn.base import Learner
from mdlcode.typing import FloatArray

Weights = Mapping[str, Tensor]
Score = Callable[[Tensor, Tensor], Tensor]  # (m, K), (m,) -> (m,)
_INPUTS_AT_ONCE = 250  # whose activations stay near the processor
_WEIGHTS_AT_ONCE = 1 << 24  # numbers of all sets of weights that are held at once


@dataclass(frozen=True, eq=False)
class History:
    """How a training went: the mean loss (T,) in nats of each step's batch, and how many steps an epoch had."""

    losses: FloatArray
    steps_per_epoch: int

    @classmethod
    def read(cls, path: Path) -> "History":
        """From a .npz with `losses` (T,) and `steps_per_epoch`. Raises MdlError for another file."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                losses, steps = np.asarray(arrays["losses"], dtype=np.float64), int(arrays["steps_per_epoch"])
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            raise MdlError(f"history {path} is no .npz of losses and steps_per_epoch: {error}") from None
        if losses.ndim != 1 or len(losses) == 0 or steps < 1:
            raise MdlError(f"history {path} must hold losses (steps,) and a steps_per_epoch of 1 or more")
        return cls(losses, steps)

    def write(self, path: Path) -> None:
        """Writes what `read` reads."""
        np.savez_compressed(path, losses=self.losses, steps_per_epoch=self.steps_per_epoch)


@dataclass(frozen=True, eq=False)
class Trained:
    """A net in evaluation mode on its training data, in float32, and what some measures need besides.

    `init` are the weights before training, by name; `history` the losses along it; `twin` the same net from
    another seed; `learner` what trained it, for measures that train again. The net given is copied. Raises
    MdlError for a net that does not take these inputs or holds values that are not finite.

    >>> from mdlcode.data import View, load
    >>> from mdlcode.nets import build
    >>> trained = Trained(build("linear", (1, 8, 8), 10), load("digits", View(limit=100)))
    >>> trained.losses({name: value[None] for name, value in trained.weights.items()}).shape
    torch.Size([1])
    """

    net: nn.Module
    data: Data
    init: Weights | None = None
    history: History | None = None
    twin: nn.Module | None = None
    learner: Learner | None = field(default=None)

    def __post_init__(self) -> None:
        self.data.require_one_class_each("a measure of a net")
        net = deepcopy(self.net).to(self.data.shared.inputs.device).eval().requires_grad_(False)
        if len(self.data.shared.shape) == 3:
            net = net.to(memory_format=torch.channels_last)  # convolutions are faster so
        object.__setattr__(self, "net", net)
        if not all(bool(torch.isfinite(value).all()) for value in self.weights.values()):
            raise MdlError("the net holds weights that are NaN or infinite: it diverged, and has no measures")
        shape = (min(2, len(self.data)), self.data.shared.num_classes)
        try:
            logits = net(self.standardised(self.data.shared.inputs[:2]))
        except (RuntimeError, ValueError, TypeError) as error:
            raise MdlError(f"the net does not take inputs {self.data.shared.shape}: {error}") from None
        if not isinstance(logits, Tensor) or tuple(logits.shape) != shape:
            raise MdlError(f"the net gives {getattr(logits, 'shape', type(logits))} for 2 inputs, not logits {shape}")
        if self.init is not None and {n: v.shape for n, v in self.init.items()} != self._shapes():
            raise MdlError("the weights before training do not fit the net: they have other names or shapes")

    @property
    def weights(self) -> dict[str, Tensor]:
        """All parameters by name."""
        return {name: value.detach() for name, value in self.net.named_parameters()}

    @property
    def kernels(self) -> dict[str, Tensor]:
        """The weight tensors of dense layers and convolutions, by name: biases and norms left out."""
        return {name: value for name, value in self.weights.items() if value.ndim > 1}

    @cached_property
    def targets(self) -> Tensor:
        """The training labels (n,) on the net's device."""
        return torch.from_numpy(self.data.labels).to(self.data.shared.inputs.device)

    @cached_property
    def inputs(self) -> Tensor:
        """The standardised training inputs (n, ...)."""
        return self.standardised(self.data.shared.inputs)

    def standardised(self, raw: Tensor) -> Tensor:
        """Raw inputs as the net takes them."""
        mean, std = self.data.shared.moments
        made = (raw.float() - mean) / std
        return made.contiguous(memory_format=torch.channels_last) if made.ndim == 4 else made

    @cached_property
    def logits(self) -> Tensor:
        """Logits (n, K) of the training inputs."""
        return torch.cat([self.net(part) for part in torch.split(self.inputs, _INPUTS_AT_ONCE)])

    @cached_property
    def loss(self) -> float:
        """Mean cross-entropy of the training labels in nats."""
        return float(F.cross_entropy(self.logits, self.targets))

    @cached_property
    def accuracy(self) -> float:
        """Share of training labels that are the likeliest class."""
        return float((self.logits.argmax(1) == self.targets).double().mean())

    def losses(self, stack: Weights, limit: float = math.inf) -> Tensor:
        """Mean cross-entropy (S,) in nats under S sets of weights, each tensor of `stack` being (S, ...).

        Tensors that `stack` leaves out are the net's own. All sets go through one vectorised forward pass. A set
        above `limit` is given up as soon as that is certain, since no input's loss is negative: its value then is
        some number above the limit.
        """
        return self._over_stack(stack, _cross_entropies, lambda losses: losses <= limit)

    def mean_loss(self, stack: Weights, limit: float = math.inf) -> float:
        """The mean of the `losses` of all sets; some number above `limit` where it is above it."""
        most = limit * _sets(stack)
        return float(self._over_stack(stack, _cross_entropies, lambda losses: losses.sum() <= most).mean())

    def accuracies(self, stack: Weights) -> Tensor:
        """Training accuracy (S,) under S sets of weights."""
        return self._over_stack(stack, lambda logits, y: (logits.argmax(1) == y).float())

    def _over_stack(self, stack: Weights, each: Score, goes_on: Callable[[Tensor], Tensor] = torch.isfinite) -> Tensor:
        with torch.no_grad():
            return torch.cat([self._score(part, each, goes_on) for part in _parts(stack)])

    def _score(self, stack: Weights, each: Score, goes_on: Callable[[Tensor], Tensor]) -> Tensor:
        """Mean scores (S,); a set for whose mean so far, others' inputs at 0, `goes_on` is false keeps that."""

        def summed(weights: Weights, x: Tensor, y: Tensor) -> Tensor:
            return each(functional_call(self.net, dict(weights), (x,)), y).double().sum()

        over = torch.vmap(summed, in_dims=(0, None, None)) if self._stacks else partial(_one_by_one, summed)
        means = torch.zeros(_sets(stack), dtype=torch.float64, device=self.inputs.device)
        left, weights = torch.ones_like(means, dtype=torch.bool), dict(stack)
        for x, y in zip(*(torch.split(whole, _INPUTS_AT_ONCE) for whole in (self.inputs, self.targets)), strict=True):
            means[left] += over(weights, x, y) / len(self.targets)
            going = left & goes_on(means)
            if not bool(going.any()):
                break
            if bool((going != left).any()):
                weights, left = {name: value[going] for name, value in stack.items()}, going
        return means

    @cached_property
    def _stacks(self) -> bool:
        """Whether several sets of weights are faster together: convolutions are slower stacked than one by one."""
        return not any(isinstance(layer, nn.modules.conv._ConvNd) for layer in self.net.modules())

    def _shapes(self) -> dict[str, torch.Size]:
        return {name: value.shape for name, value in self.weights.items()}


def _parts(stack: Weights) -> Iterator[dict[str, Tensor]]:
    """The sets of weights, as many at once as memory allows."""
    sets = _sets(stack)
    size = sum(each.numel() for each in stack.values()) // sets
    at_once = max(1, _WEIGHTS_AT_ONCE // max(1, size))
    for start in range(0, sets, at_once):
        yield {name: each[start : start + at_once] for name, each in stack.items()}


def _one_by_one(summed: Callable[[Weights, Tensor, Tensor], Tensor], stack: Weights, x: Tensor, y: Tensor) -> Tensor:
    return torch.stack([summed({name: each[i] for name, each in stack.items()}, x, y) for i in range(_sets(stack))])


def _cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits, labels, reduction="none")


def _sets(stack: Weights) -> int:
    return len(next(iter(stack.values())))
