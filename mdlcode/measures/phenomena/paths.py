"""Paths of low loss between two trained nets (Nguyen 2019, "On Connected Sublevel Sets in Deep Learning").

The theorem: where the first hidden layer is wide enough (two units or more for each example) the sets of weights
{theta : L(theta) <= a} are connected, so that from any net a path leads to any other that never rises above the worse
of the two. Here paths are built and their heights are measured, at widths far below the theorem's too.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn, optim

from mdlcode.data.base import Data
from mdlcode.errors import MdlError
from mdlcode.measures.trained import Trained
from mdlcode.typing import FloatArray

Weights = Mapping[str, Tensor]
_PLAIN = (nn.Flatten, nn.Linear, nn.ReLU, nn.LeakyReLU, nn.GELU, nn.Tanh, nn.Identity, nn.Dropout)
_MOST_SWEEPS = 100
_REFIT_STEPS = 200


@dataclass(frozen=True, eq=False)
class Path:
    """Straight lines in weight space through `corners`, weights by name, from one net's to another's.

    It is continuous, and so a path; how high the loss is along it is what is to be shown. `net` has the architecture.
    """

    net: nn.Module
    corners: Sequence[Weights]

    def losses(self, data: Data, points: int = 11) -> FloatArray:
        """The mean cross-entropy (S,) in nats of the training labels along the path.

        There are `points` places on each line, its two ends among them; a corner is on two lines and comes once.
        Raises MdlError for fewer than two, and for a net with buffers.
        """
        if points < 2:
            raise MdlError(f"`points` is {points}: a line has two ends, so at least 2 are needed")
        if next(iter(self.net.buffers()), None) is not None:
            raise MdlError("the net has buffers, such as batch norm's statistics, which no point of a path has")
        places = [self.corners[0], *self._places(points)]
        stack = {name: torch.stack([place[name] for place in places]) for name in places[0]}
        losses: FloatArray = Trained(self.net, data).losses(stack).double().cpu().numpy()
        return losses

    def _places(self, points: int) -> Iterator[Weights]:
        for one, two in pairwise(self.corners):
            for step in range(1, points):
                yield {name: torch.lerp(one[name], two[name], step / (points - 1)) for name in one}


def linear_path(one: nn.Module, other: nn.Module) -> Path:
    """The straight line between two nets of one architecture, any module. Raises MdlError for nets of two.

    >>> from mdlcode.data import View, load
    >>> from mdlcode.nets import build
    >>> line = linear_path(*(build("mlp-1x8", (1, 8, 8), 10) for _ in range(2)))
    >>> line.losses(load("digits", View(limit=50)), points=5).shape
    (5,)
    """
    return Path(one, _ends(one, other))


def aligned(net: nn.Module, to: nn.Module) -> nn.Module:
    """A copy of a dense net, its hidden units in the order in which they are most like those of `to`: one function.

    Each hidden layer in turn is permuted so that the sum over its units of the scalar products of incoming weights,
    biases and outgoing weights is largest, a linear assignment, until no order changes (weight matching, Ainsworth et
    al. 2023, arXiv 2209.04836); with one hidden layer that is the best order. Raises MdlError for nets that are no
    sequences of dense layers and activations.

    >>> from mdlcode.nets import build
    >>> net, other = (build("mlp-1x8", (4,), 3) for _ in range(2))
    >>> moved, x = aligned(net, other), torch.randn(5, 4)
    >>> torch.allclose(moved(x), net(x), atol=1e-6)
    True
    >>> float((moved[1].weight - other[1].weight).norm() < (net[1].weight - other[1].weight).norm())
    1.0
    """
    _ends(net, to)
    moved = deepcopy(net)
    mine, theirs = _dense(moved), _dense(to)
    with torch.no_grad():
        for _ in range(_MOST_SWEEPS):
            changed = [_permute(mine, theirs, layer) for layer in range(len(mine) - 1)]
            if not any(changed):
                break
    return moved


def halving_path(one: nn.Module, other: nn.Module, data: Data) -> Path:
    """The path between two nets of one hidden layer that goes through halves of each of them, by the theorem's idea.

    (1) The first net's output weights move to those that fit the training labels best on the first half of its hidden
    units, 0 on the second. (2) The second half, which has no output now, takes the incoming weights of the other net's
    second half: the loss stays. (3) The output weights move to those that fit best on this half, 0 on the first.
    (4) The first half takes the other net's incoming weights: the loss stays. (5) The output weights become the
    other's. As the cross-entropy is convex in the output weights, the loss is nowhere above that of the nets and of
    their best halves (Nguyen 2019; as written here, Kuditipudi et al. 2019, arXiv 1906.06247). Nothing is permuted: the
    ends are the nets themselves. Raises MdlError for nets with more hidden layers, or of one unit.

    >>> from mdlcode.data import View, load
    >>> from mdlcode.nets import build
    >>> data = load("digits", View(limit=50))
    >>> nets = [build("mlp-1x8", (1, 8, 8), 10) for _ in range(2)]
    >>> path = halving_path(*nets, data)
    >>> len(path.corners), bool(path.losses(data).max() <= path.losses(data, points=2).max() + 1e-5)
    (6, True)
    """
    start, end = _ends(one, other)
    if len(_dense(one)) != 2:
        raise MdlError(f"a path through halves is for nets of one hidden layer, and this has {len(_dense(one)) - 1}")
    hidden, out = (name for name, layer in one.named_modules() if isinstance(layer, nn.Linear))
    width = len(start[f"{hidden}.bias"])
    if width < 2:
        raise MdlError("a path through halves needs two hidden units or more")
    first = torch.arange(width) < width // 2
    left = {**start, **_refitted(one, data, first, out)}
    right = {**end, **_refitted(other, data, ~first, out)}
    both = {
        f"{hidden}.{name}": torch.cat([start[f"{hidden}.{name}"][first], end[f"{hidden}.{name}"][~first]])
        for name in ("weight", "bias")
    }
    return Path(one, [start, left, {**left, **both}, {**right, **both}, right, end])


def _refitted(net: nn.Module, data: Data, kept: Tensor, out: str) -> dict[str, Tensor]:
    """The output layer that fits the labels best on the kept hidden units, 0 on the others: a convex problem."""
    trained = Trained(net, data)
    assert isinstance(trained.net, nn.Sequential)
    with torch.no_grad():
        features = trained.net[:-1](trained.inputs)[:, kept]  # (n, units)
    weight, bias = trained.weights[f"{out}.weight"], trained.weights[f"{out}.bias"].clone().requires_grad_()
    small = (2 * weight[:, kept]).clone().requires_grad_()  # half of the units carry all of the sum
    optimizer = optim.LBFGS([small, bias], max_iter=_REFIT_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(F.linear(features, small, bias), trained.targets)
        value.backward()
        return value

    optimizer.step(loss)
    whole = torch.zeros_like(weight)
    whole[:, kept] = small.detach()
    return {f"{out}.weight": whole, f"{out}.bias": bias.detach()}


def _permute(mine: Sequence[nn.Linear], theirs: Sequence[nn.Linear], layer: int) -> bool:
    """Reorders the units of one hidden layer; whether any moved."""
    here, after = mine[layer], mine[layer + 1]
    likeness = theirs[layer].weight @ here.weight.T + theirs[layer + 1].weight.T @ after.weight
    likeness += torch.outer(theirs[layer].bias, here.bias)
    order = torch.from_numpy(linear_sum_assignment(likeness.cpu().numpy(), maximize=True)[1])
    here.weight.copy_(here.weight[order])
    here.bias.copy_(here.bias[order])
    after.weight.copy_(after.weight[:, order])
    return bool((order != torch.arange(len(order))).any())


def _ends(one: nn.Module, other: nn.Module) -> list[dict[str, Tensor]]:
    ends = [{name: value.detach().clone() for name, value in net.named_parameters()} for net in (one, other)]
    first, last = ({name: value.shape for name, value in end.items()} for end in ends)
    if first != last:
        raise MdlError("a path leads between two nets of one architecture: these have weights of other names or shapes")
    return ends


def _dense(net: nn.Module) -> list[nn.Linear]:
    """The dense layers of a plain sequence. Raises MdlError for another net."""
    if not isinstance(net, nn.Sequential) or not all(isinstance(layer, _PLAIN) for layer in net):
        raise MdlError("hidden units are told apart in plain sequences of dense layers and activations, with biases")
    layers = [layer for layer in net if isinstance(layer, nn.Linear)]
    if len(layers) < 2 or not isinstance(net[-1], nn.Linear) or any(layer.bias is None for layer in layers):
        raise MdlError("hidden units are told apart in plain sequences of dense layers and activations, with biases")
    return layers
