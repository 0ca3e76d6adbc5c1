"""An audit of a measure: what leaves a net's function alone must leave the measure, and what else moves it."""

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import nn

from mdlcode.data.base import Data
from mdlcode.data.load import load
from mdlcode.learn import AdamW, NetLearner, Steps
from mdlcode.learn.squeeze.folding import fold_batch_norm
from mdlcode.measures.base import Measure, measure
from mdlcode.measures.trained import History, Trained, Weights

_SCALE = 4.0
_STEPS, _BATCH, _LR = 150, 64, 1e-2
_TESTS = 1000
_TWIN = 1000  # what a twin's seed is above the net's


@dataclass(frozen=True)
class Finding:
    """How much a measure moves, relative to its value, under one change; `invariant` is whether it should not.

    NaN where it has no value before or after.
    """

    change: str
    relative: float
    invariant: bool

    @property
    def passes(self) -> bool:
        """Whether the measure behaves: true for what it may depend on."""
        return not self.invariant or abs(self.relative) < 1e-3


def audit(each: Measure) -> list[Finding]:
    """The findings on small nets for the digits (8 x 8): the function unchanged, then other trainings of it.

    The function stays under a rescaling of two ReLU layers (one by 4, the next by 1/4), a permutation of hidden
    units, and folding batch norm into the weights. Twice the training set, another seed and twice the training say
    how much of the measure is these and not the net.

    >>> from mdlcode.measures.output import CrossEntropy
    >>> all(finding.passes for finding in audit(CrossEntropy()))
    True
    """
    data, more = _digits(300), _digits(600)
    twin = "twin" in each.needs
    plain, normed = _trained(data, _Mlp(), twin=twin), _trained(data, _Mlp(batch_norm=True), twin=twin)
    longer = _trained(data, _Mlp(), steps=2 * _STEPS, twin=twin)
    return [
        _finding(each, "ReLU rescaling", plain, _with(plain, _rescale), invariant=True),
        _finding(each, "unit permutation", plain, _with(plain, _permute), invariant=True),
        _finding(each, "batch-norm folding", normed, _folded(normed), invariant=True),
        _finding(each, "twice the training set", plain, _trained(more, _Mlp(), twin=twin), invariant=False),
        _finding(each, "another seed", plain, _trained(data, _Mlp(), seed=1, twin=twin), invariant=False),
        _finding(each, "twice the training", plain, longer, invariant=False),
    ]


def _digits(count: int) -> Data:
    """The first so many digits; the last thousand are the test inputs, which have none of their own."""
    data = load("digits")
    first = replace(data.shared, inputs=data.shared.inputs[:count])
    return replace(data, shared=first, labels=data.labels[:count], test_inputs=data.shared.inputs[-_TESTS:])


@dataclass(frozen=True)
class _Mlp:
    """64 pixels, two layers of 24 units, 10 classes."""

    batch_norm: bool = False

    def __call__(self, input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
        norm: list[nn.Module] = [nn.BatchNorm1d(24)] if self.batch_norm else []
        return nn.Sequential(
            *[nn.Flatten(), nn.Linear(input_shape[-1] * input_shape[-2], 24), *norm, nn.ReLU()],
            *[nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, num_classes)],
        )


def _finding(each: Measure, change: str, before: Trained, after: Trained, invariant: bool) -> Finding:
    one, other = (measure(trained, {"it": each})["it"].value for trained in (before, after))
    moved = math.nan if math.isnan(one) or math.isnan(other) else (other - one) / max(abs(one), 1e-12)
    return Finding(change, moved, invariant)


def _with(trained: Trained, change: Callable[[nn.Module], None]) -> Trained:
    """The same function from other weights; what it started from is changed alike."""
    net = deepcopy(trained.net)
    change(net)
    start = deepcopy(trained.net)
    assert trained.init is not None
    start.load_state_dict(dict(trained.init))
    change(start)
    return replace(trained, net=net, init={name: value.detach() for name, value in start.named_parameters()})


@torch.no_grad()
def _rescale(net: nn.Module) -> None:
    first, second = (layer for layer in net.modules() if isinstance(layer, nn.Linear) and layer.out_features > 10)
    first.weight.mul_(_SCALE)
    first.bias.mul_(_SCALE)
    second.weight.div_(_SCALE)


@torch.no_grad()
def _permute(net: nn.Module) -> None:
    first, second = (layer for layer in net.modules() if isinstance(layer, nn.Linear) and layer.out_features > 10)
    order = torch.randperm(first.out_features, generator=torch.Generator().manual_seed(0))
    first.weight.copy_(first.weight[order].clone())
    first.bias.copy_(first.bias[order].clone())
    second.weight.copy_(second.weight[:, order].clone())


def _folded(trained: Trained) -> Trained:
    """Batch norm folded into the weights; there are no first weights of such a net."""
    twin = None if trained.twin is None else fold_batch_norm(deepcopy(trained.twin))
    return replace(trained, net=fold_batch_norm(deepcopy(trained.net)), init=None, twin=twin)


def _trained(data: Data, mlp: _Mlp, seed: int = 0, steps: int = _STEPS, twin: bool = False) -> Trained:
    """A short training by plain Adam, with its losses, the learner of such nets, and a net of another seed if asked."""
    net, init, history = _net(data, mlp, seed, steps)
    other = _net(data, mlp, seed + _TWIN, steps)[0] if twin else None
    training = Steps(batch_size=_BATCH, min_steps=steps, max_steps=steps)
    learner = NetLearner(arch=mlp, optimizer=AdamW(lr=_LR, weight_decay=0), training=training, seed=seed)
    return Trained(net, data, init, history, other, learner)


def _net(data: Data, mlp: _Mlp, seed: int, steps: int) -> tuple[nn.Module, Weights, History]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = mlp(data.shared.shape, data.shared.num_classes)
    init = {name: value.detach().clone() for name, value in net.named_parameters()}
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=_LR)
    mean, std = data.shared.moments
    inputs, targets, losses = (data.shared.inputs.float() - mean) / std, torch.from_numpy(data.labels), []
    for _ in range(steps):
        batch = torch.randint(len(inputs), (_BATCH,), generator=generator)
        loss = nn.functional.cross_entropy(net(inputs[batch]), targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return net, init, History(torch.tensor(losses, dtype=torch.float64).numpy(), max(1, len(inputs) // _BATCH))
