"""The training of a stack of nets: one loop, each net with its own data, noise, learning rate, decay and dropout."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from mdlcode import finished, progress
from mdlcode.learn.grid.descent import DESCENTS
from mdlcode.learn.grid.setting import Setting, Training
from mdlcode.learn.grid.stack import Stack, Tensors
from mdlcode.learn.nets.checkpoints import Resumable
from mdlcode.learn.nets.determinism import reproducible
from mdlcode.learn.nets.steps import shuffled
from mdlcode.nets.families import FAMILIES
from mdlcode.packing import Packing
from mdlcode.typing import FloatArray, IntArray

_NETS_AT_ONCE = 16
_LEAST_STACK_WIDTH = 16  # narrower dense nets are made this wide, which costs nothing
_WIDEST_STACKED_CONVOLUTION = 16  # above it a loop is as fast
_EPOCHS_PER_CHECK = 2  # of the loss at which to stop
_PREDICT_BATCH = 1000
_STEPS_PER_REPORT = 10
_EVALUATED_AT_ONCE = 500
_NOISE_SEED = 1 << 32  # dropout and augmentation draw apart from the batches


@dataclass(frozen=True, eq=False)
class Run:
    """A net that is to learn the labels (t,) of the first t inputs, in so many steps; moments standardise inputs."""

    setting: Setting
    labels: IntArray
    moments: tuple[Tensor, Tensor]
    steps: int

    @property
    def batch_size(self) -> int:
        """Labels in a batch: all where there are fewer than the setting says."""
        return min(self.setting.batch_size, len(self.labels))

    @property
    def steps_per_epoch(self) -> int:
        """How many batches all labels make."""
        return math.ceil(len(self.labels) / self.batch_size)


@dataclass(frozen=True, eq=False)
class Outcome:
    """A trained net: its `state`, empty where it diverged, and the loss (T,) of each step's batch in nats.

    `converged` is whether the loss to stop at was reached, or, where none was asked for, whether it did not diverge;
    `reason` says why not. `seconds` and `cpu_seconds` are its share of those of its stack.
    """

    state: Tensors
    losses: FloatArray
    steps_per_epoch: int
    converged: bool
    reason: str
    seconds: float
    cpu_seconds: float


_OUTCOMES = Packing[list[Outcome]](Outcome)


def stacks(runs: Sequence[Run], input_shape: tuple[int, ...], num_classes: int) -> list[list[int]]:
    """Which of the runs train at once, by their numbers: dense nets, and narrow convolutional ones, of one layout.

    Widths below a common power of two share a stack where a family of the library's own has no dropout.
    """
    groups: dict[Any, list[int]] = {}
    for index, run in enumerate(runs):
        one = run.setting
        wide = one.width
        if one.net in FAMILIES and one.dropout == 0:
            wide = max(_LEAST_STACK_WIDTH if one.net == "mlp" else 1, 2 ** math.ceil(math.log2(one.width)))
        key = (one.net, one.depth, one.batch_norm, one.optimizer, run.batch_size, len(run.labels), wide)
        groups.setdefault(key, []).append(index)
    return [part for group in groups.values() for part in _parts(group, runs, input_shape, num_classes)]


def train(runs: Sequence[Run], inputs: Tensor, num_classes: int, training: Training) -> list[Outcome]:
    """What becomes of runs that share a stack, on raw inputs (n, ...) of the longest run's labels, or more.

    A net's outcome does not depend on the others of its stack, up to rounding: it draws from its own generator.
    """
    done, under_way = (_key(work, runs, inputs, num_classes, training) for work in ("stack", "stacking"))

    def trained() -> list[Outcome]:
        with reproducible(0, inputs.device):
            return _Trainer(runs, inputs, num_classes, training, under_way).outcomes()

    return [*finished.once(done, trained, _OUTCOMES.pack, _OUTCOMES.unpack, sum(run.steps for run in runs))]


@torch.no_grad()
def logits(net: nn.Module, moments: tuple[Tensor, Tensor], raw: Tensor) -> FloatArray:
    """Logits (m, K) in float64 of raw inputs (m, ...) by a net in evaluation mode."""
    mean, std = moments
    parts = [net.eval()((part.float() - mean) / std) for part in torch.split(raw, _PREDICT_BATCH)]
    logits: FloatArray = torch.cat(parts).double().cpu().numpy()
    return logits


def _parts(group: list[int], runs: Sequence[Run], shape: tuple[int, ...], num_classes: int) -> list[list[int]]:
    """A group in parts of about one size."""
    first = runs[group[0]].setting
    net = first.new(shape, num_classes)
    convolutional = any(isinstance(layer, nn.modules.conv._ConvNd) for layer in net.modules())
    widest = max(runs[index].setting.width for index in group)
    at_once = 1 if convolutional and widest > _WIDEST_STACKED_CONVOLUTION else _NETS_AT_ONCE
    return [part.tolist() for part in np.array_split(group, math.ceil(len(group) / at_once))]


def _key(work: str, runs: Sequence[Run], inputs: Tensor, num_classes: int, training: Training) -> str | None:
    """What work on a stack is known by."""
    if finished.in_use() is None:  # nothing is hashed for nothing
        return None
    settings = training, *(run.setting for run in runs)
    about = [(finished.digest(run.labels, *run.moments), run.steps) for run in runs]
    seen = finished.digest(inputs[: max(len(run.labels) for run in runs)])
    return finished.key(work, settings, about, seen, num_classes, device=inputs.device)


class _Trainer(Resumable):
    """A stack on its way; nets that are done leave it."""

    def __init__(
        self, runs: Sequence[Run], inputs: Tensor, num_classes: int, training: Training, key: str | None = None
    ) -> None:
        super().__init__(key, inputs.device)
        self._runs, self._inputs, self._training = list(runs), inputs, training
        device, shape = inputs.device, tuple(inputs.shape[1:])
        self._stack = Stack([run.setting.new(shape, num_classes) for run in runs], device)
        self._places = self._stack.thinned_shapes(shape)
        self._descent = DESCENTS[runs[0].setting.optimizer](self._stack.weights)
        self._noise = [Generator().manual_seed(run.setting.seed + _NOISE_SEED) for run in runs]
        self._order = pad_sequence([_order(run) for run in runs], batch_first=True)  # (nets, steps, m)
        self._targets = torch.stack([torch.from_numpy(run.labels).to(device) for run in runs])  # (nets, t)
        self._mean, self._std = (torch.stack([run.moments[i].to(device) for run in runs]) for i in (0, 1))
        self._kernels = [name for name, each in self._stack.weights.items() if each.ndim > 2]
        self._losses: list[Tensor] = []  # of each step (nets,), NaN for those that have left
        self._there = list(range(len(runs)))  # the numbers of the nets that are still in the stack
        self._left: dict[int, Outcome] = {}
        self._clocks = time.perf_counter(), time.process_time()

    def outcomes(self) -> list[Outcome]:
        """All nets, once the last one has left."""
        check = _EPOCHS_PER_CHECK * self._runs[0].steps_per_epoch
        done = self.resume()
        progress.advance(done * len(self._there) + sum(len(each.losses) for each in self._left.values()))
        while self._there:
            self._step(len(self._losses))
            done = len(self._losses)
            if done % _STEPS_PER_REPORT == 0:
                progress.advance(_STEPS_PER_REPORT * len(self._there))
            ended = {net for net in self._there if done >= self._runs[net].steps}
            if ended or done % check == 0:
                self._leave(ended)
            self.at(done)
        self.drop()
        return [self._left[net] for net in range(len(self._runs))]

    def state(self) -> dict[str, Any]:
        """As of `Resumable`."""
        return {
            "there": self._there,
            "left": {net: _OUTCOMES.pack([each]) for net, each in self._left.items()},
            "losses": torch.stack(self._losses),
            "tensors": [each.detach().cpu().clone() for each in self._moving],
            "noise": [each.get_state() for each in self._noise],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """As of `Resumable`."""
        self._there = state["there"]
        self._stack.keep(self._there)
        self._descent.keep(self._there)
        self._left = {net: _OUTCOMES.unpack(each)[0] for net, each in state["left"].items()}
        self._losses = list(state["losses"])
        with torch.no_grad():
            for own, kept in zip(self._moving, state["tensors"], strict=True):
                own.copy_(kept)
        for generator, each in zip(self._noise, state["noise"], strict=True):
            generator.set_state(each)

    @property
    def _moving(self) -> list[Tensor]:
        return [*self._stack.moving, *self._descent.moving]

    def _step(self, step: int) -> None:
        runs, weights = [self._runs[net] for net in self._there], self._stack.weights
        rows = torch.tensor(self._there)
        batch = self._order[rows, step].to(self._inputs.device)  # (nets, m)
        device_rows = rows.to(batch.device)
        x = self._changed(runs, batch).sub_(self._mean[device_rows]).div_(self._std[device_rows])
        logits = self._stack.logits(x, self._kept(runs, batch.shape[1]))
        losses = _cross_entropies(logits, self._targets[device_rows].gather(1, batch))
        found = torch.autograd.grad(losses.sum(), list(weights.values()))  # no net's gradient knows of the others
        gradients = dict(zip(weights, found, strict=True))
        if any(run.setting.l2 for run in runs):
            for name in self._kernels:
                decay = _each([run.setting.l2 for run in runs], weights[name])
                gradients[name] = torch.addcmul(gradients[name], decay, weights[name].detach())
        rates = [run.setting.lr * self._training.lr_share(step, run.steps) for run in runs]
        self._descent.step(step + 1, weights, gradients, rates)
        self._losses.append(torch.full((len(self._runs),), math.nan))
        self._losses[-1][rows] = losses.detach().cpu()

    def _changed(self, runs: Sequence[Run], batch: Tensor) -> Tensor:
        """Raw inputs (nets, m, ...) of a batch, those of some nets augmented."""
        picked = self._inputs.index_select(0, batch.flatten())  # faster than [batch]
        raw = picked.view(*batch.shape, *self._inputs.shape[1:]).float()
        for at, (run, net) in enumerate(zip(runs, self._there, strict=True)):
            if run.setting.augment != "none":
                raw[at] = run.setting.change.apply(raw[at], self._noise[net])
        return raw

    def _kept(self, runs: Sequence[Run], size: int) -> Tensors:
        """The noise of dropout at each place, (nets, m, ...); none where no net has dropout."""
        if not any(run.setting.dropout for run in runs):
            return {}
        units = [math.prod(shape) for shape in self._places.values()]
        noise = torch.ones(len(runs), size, sum(units))
        for at, (run, net) in enumerate(zip(runs, self._there, strict=True)):
            if dropped := run.setting.dropout:
                drawn = torch.rand(size, sum(units), generator=self._noise[net])
                noise[at] = (drawn >= dropped).float() / (1 - dropped)
        parts = zip(self._places.items(), torch.split(noise.to(self._inputs.device), units, 2), strict=True)
        return {name: part.reshape(len(runs), size, *shape) for (name, shape), part in parts}

    def _leave(self, ended: set[int]) -> None:
        """Takes nets out of the stack that are at their last step, reached their loss, or diverged."""
        steps, last, stop_ce = len(self._losses), self._losses[-1], self._training.stop_ce
        reasons: dict[int, str] = {}
        losses = self._evaluated() if stop_ce is not None else dict.fromkeys(self._there, math.nan)
        for at, net in enumerate(self._there):
            if not bool(torch.isfinite(last[net])) or (net in ended and not self._finite(at)):
                reasons[net] = f"diverged within {steps:,} steps"
            elif stop_ce is not None and losses[net] <= stop_ce:
                reasons[net] = ""
            elif net in ended:
                above = stop_ce is not None
                reasons[net] = f"not converged: training loss {losses[net]:.3g} after {steps:,} steps" if above else ""
        for at, net in enumerate(self._there):
            if net in reasons:
                self._left[net] = self._outcome(at, net, reasons[net])
        kept = [at for at, net in enumerate(self._there) if net not in reasons]
        if reasons and kept:
            self._stack.keep(kept)
            self._descent.keep(kept)
        self._there = [self._there[at] for at in kept]

    def _outcome(self, at: int, net: int, reason: str) -> Outcome:
        diverged = reason.startswith("diverged")
        losses: FloatArray = torch.stack(self._losses)[:, net].double().numpy()
        now = time.perf_counter(), time.process_time()
        wall, cpu = ((late - early) / len(self._runs) for late, early in zip(now, self._clocks, strict=True))
        state = {} if diverged else self._stack.state(at)
        return Outcome(state, losses, self._runs[net].steps_per_epoch, not reason, reason, wall, cpu)

    def _finite(self, at: int) -> bool:
        return all(bool(torch.isfinite(each[at]).all()) for each in self._stack.weights.values())

    @torch.no_grad()
    def _evaluated(self) -> dict[int, float]:
        """The training loss of each net in evaluation mode."""
        rows = torch.tensor(self._there, device=self._inputs.device)
        mean, std, targets = (each[rows] for each in (self._mean, self._std, self._targets))
        self._stack.template.eval()
        total = torch.zeros(len(rows), dtype=torch.float64)
        parts = torch.split(self._inputs[: targets.shape[1]], _EVALUATED_AT_ONCE)
        for raw, y in zip(parts, torch.split(targets, _EVALUATED_AT_ONCE, dim=1), strict=True):
            logits = self._stack.logits((raw.float() - mean) / std, {})
            total += _cross_entropies(logits, y).double().cpu() * y.shape[1]
        self._stack.template.train()
        return dict(zip(self._there, (total / targets.shape[1]).tolist(), strict=True))


def _order(run: Run) -> Tensor:
    """The batches (steps, m) of a run."""
    generator = Generator().manual_seed(run.setting.seed)
    return shuffled(len(run.labels), run.batch_size, run.steps, generator)


def _cross_entropies(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean cross-entropy (nets,) of logits (nets, m, K) and targets (nets, m)."""
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return losses.view_as(targets).mean(1)


def _each(values: Sequence[float], like: Tensor) -> Tensor:
    """One number a net, shaped to broadcast over stacked weights."""
    return torch.tensor(values, device=like.device).view(-1, *[1] * (like.ndim - 1))
