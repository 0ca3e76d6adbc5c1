"""An audit of a measure: what leaves a net's function alone must leave the measure, and what else moves it."""

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import nn

from mdlcode.data.base import Data
from mdlcode.data.load import load
from mdlcode.data.view import View
from mdlcode.learn.squeeze.folding import fold_batch_norm
from mdlcode.measures.base import Measure, measure
from mdlcode.measures.trained import History, Trained

_SCALE = 4.0
_STEPS = 150


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
    data = load("digits", View(limit=300))
    plain, normed = _trained(data, _mlp(False)), _trained(data, _mlp(True))
    folded = replace(normed, net=fold_batch_norm(deepcopy(normed.net)), init=None)
    more = load("digits", View(limit=600))
    return [
        _finding(each, "ReLU rescaling", plain, _with(plain, _rescale), invariant=True),
        _finding(each, "unit permutation", plain, _with(plain, _permute), invariant=True),
        _finding(each, "batch-norm folding", normed, folded, invariant=True),
        _finding(each, "twice the training set", plain, _trained(more, _mlp(False)), invariant=False),
        _finding(each, "another seed", plain, _trained(data, _mlp(False, seed=1), seed=1), invariant=False),
        _finding(each, "twice the training", plain, _trained(data, _mlp(False), steps=2 * _STEPS), invariant=False),
    ]


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


def _mlp(batch_norm: bool, seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        norm: list[nn.Module] = [nn.BatchNorm1d(24)] if batch_norm else []
        return nn.Sequential(
            nn.Flatten(), nn.Linear(64, 24), *norm, nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 10)
        )


def _trained(data: Data, net: nn.Sequential, seed: int = 0, steps: int = _STEPS) -> Trained:
    """A short training by plain Adam, its losses kept."""
    init = {name: value.detach().clone() for name, value in net.named_parameters()}
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    mean, std = data.shared.moments
    inputs, targets, losses = (data.shared.inputs.float() - mean) / std, torch.from_numpy(data.labels), []
    for _ in range(steps):
        batch = torch.randint(len(inputs), (64,), generator=generator)
        loss = nn.functional.cross_entropy(net(inputs[batch]), targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    history = History(torch.tensor(losses, dtype=torch.float64).numpy(), max(1, len(inputs) // 64))
    return Trained(net, data, init, history)
