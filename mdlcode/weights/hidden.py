"""The hidden layers of a sequential net: whose units can be dropped and put into another order."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from mdlcode.learn.squeeze.folding import is_chain
from mdlcode.nets.convolutional import GlobalMax
from mdlcode.nets.held import shared_parameters
from mdlcode.nets.outputs import Logits

# They act on each unit alone and leave a unit that is zero everywhere zero.
_UNITWISE = (
    *(nn.ReLU, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.Identity, nn.Flatten, nn.Dropout, nn.Dropout2d),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d, GlobalMax),
)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass(frozen=True)
class Hidden:
    """A layer of `units` units: the weights that read into them and the weights that read them.

    Axis 0 of the tensors `weight` and `companions` (bias, batch-norm tensors) counts the units; axis 1
    of `outgoing` counts `repeat` entries for each (16 where a map of 4 x 4 pixels is flattened).
    """

    weight: str
    companions: tuple[str, ...]
    outgoing: str
    units: int
    repeat: int
    normed: bool


def hidden_layers(net: nn.Module) -> list[Hidden]:
    """The hidden layers of a chain of Linear and Conv2d layers, first one first.

    Between two of them may stand pooling, flattening, batch norm, dropout and activations with f(0) = 0.
    Any other module ends a chain, and so does a layer that shares weights or stands in two places. A net that is not
    `nn.Sequential` has none: its units are kept.

    >>> net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))
    >>> hidden_layers(net)
    [Hidden(weight='0.weight', companions=('0.bias',), outgoing='3.weight', units=3, repeat=4, normed=False)]
    """
    found: list[Hidden] = []
    leaves, shared = list(_leaves(net, "")), shared_parameters(net)
    places = Counter(id(module) for _, module in leaves)
    last: tuple[str, nn.Linear | nn.Conv2d] | None = None
    between: list[tuple[str, nn.Module]] = []
    for name, module in leaves:
        twice = isinstance(module, _NORMS) and places[id(module)] > 1
        if twice or any(id(each) in shared for each in module.parameters()):
            last = None
        elif isinstance(module, nn.Linear | nn.Conv2d):
            joined = _join(last, between, name, module) if last else None
            found += [joined] if joined else []
            last, between = (name, module), []
        elif isinstance(module, _UNITWISE + _NORMS):
            between.append((name, module))
        else:
            last = None
    return found


def _leaves(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    if isinstance(module, Logits):
        yield from _leaves(module.net, f"{name}.net" if name else "net")
        return
    if not is_chain(module):
        yield name, module
        return
    for key, child in module._modules.items():
        assert child is not None
        yield from _leaves(child, f"{name}.{key}" if name else key)


def _join(
    before: tuple[str, nn.Linear | nn.Conv2d],
    between: list[tuple[str, nn.Module]],
    name: str,
    after: nn.Linear | nn.Conv2d,
) -> Hidden | None:
    """The hidden layer between two layers; None where units can't be told apart in the second."""
    units, entries = int(before[1].weight.shape[0]), int(after.weight.shape[1])
    if getattr(before[1], "groups", 1) > 1 or getattr(after, "groups", 1) > 1 or entries % units:
        return None
    norms = [each for each in between if isinstance(each[1], _NORMS)]
    owned = [(owner, module.state_dict()) for owner, module in (before, *norms)]
    tensors = [f"{owner}.{key}" for owner, state in owned for key, value in state.items() if value.ndim]
    weight = f"{before[0]}.weight"
    companions = tuple(tensor for tensor in tensors if tensor != weight)
    return Hidden(weight, companions, f"{name}.weight", units, entries // units, bool(norms))
