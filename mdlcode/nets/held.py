"""What a net holds: every tensor that its predictions may depend on, once, by its first name."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _NormBase

# Counts batches alone: both sides know it, and no prediction reads it.
_COUNTER = "num_batches_tracked"


def held_tensors(net: nn.Module) -> dict[str, Tensor]:
    """All parameters and buffers, persistent or not, by name, in the order of `state_dict`.

    A tensor that stands under two names comes once. Empty ones and the batch counts of norms are left out.

    >>> layer = nn.Linear(2, 2)
    >>> list(held_tensors(nn.Sequential(layer, nn.BatchNorm1d(2, affine=False), layer)))
    ['0.weight', '0.bias', '1.running_mean', '1.running_var']
    """
    found: dict[int, tuple[str, Tensor]] = {}
    for name, value in _named(net):
        if value is not None and value.numel():
            found.setdefault(id(value), (name, value))
    return dict(found.values())


def call_with(net: nn.Module, tensors: Mapping[str, Tensor], x: Tensor) -> Any:
    """What a net gives for inputs with these tensors in place of its own; tied ones are replaced together.

    torch's own tying leaves its tensors behind in a layer that stands in two places.

    >>> layer = nn.Linear(1, 1)
    >>> call_with(nn.Sequential(layer, layer), {"0.weight": torch.ones(1, 1), "0.bias": torch.ones(1)}, torch.ones(1))
    tensor([3.])
    """
    firsts: dict[int, str] = {}
    replaced: dict[str, Tensor] = {}
    for name, value in _named(net):
        first = name if value is None else firsts.setdefault(id(value), name)
        if first in tensors:
            replaced[name] = tensors[first]
    return functional_call(net, replaced, (x,), tie_weights=False)


@torch.no_grad()
def fill(net: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Sets the tensors of a net, named as in `held_tensors`."""
    held = held_tensors(net)
    for name, value in tensors.items():
        held[name].copy_(value)


def is_trained(value: Tensor) -> bool:
    """Whether a tensor of a net is a parameter that takes a gradient."""
    return isinstance(value, nn.Parameter) and value.requires_grad


def others(net: nn.Module) -> dict[str, Tensor]:
    """Copies of the buffers and the frozen parameters, by name."""
    return {name: value.detach().clone() for name, value in held_tensors(net).items() if not is_trained(value)}


def statistics(net: nn.Module) -> dict[str, str]:
    """The name of the running mean for that of the running variance of each norm that tracks them.

    >>> statistics(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    {'1.running_var': '1.running_mean'}
    """
    norms = [(_prefix(name), layer) for name, layer in net.named_modules() if isinstance(layer, _NormBase)]
    return {f"{place}running_var": f"{place}running_mean" for place, norm in norms if norm.running_var is not None}


def shared_parameters(net: nn.Module) -> set[int]:
    """The ids of the parameters that are used under more than one name, or by a layer that stands in two places."""
    counts = Counter(id(value) for _, value in net.named_parameters(remove_duplicate=False))
    return {each for each, count in counts.items() if count > 1}


def _named(net: nn.Module) -> Iterator[tuple[str, Tensor | None]]:
    for place, module in net.named_modules():
        counted = isinstance(module, _NormBase)
        for name, value in (*module._parameters.items(), *module._buffers.items()):
            if not (counted and name == _COUNTER):
                yield f"{_prefix(place)}{name}", value


def _prefix(place: str) -> str:
    return f"{place}." if place else ""
