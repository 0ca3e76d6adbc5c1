"""Nets some of whose tensors are made of others: weight norm, spectral norm, pruning masks, types of their own.

torch keeps these as hooks or as parametrizations, which neither can be pickled nor copied in every state. Here
they stand beside the net, in one module that is like any other.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune, remove_spectral_norm, remove_weight_norm
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from mdlcode.nets.held import call_with
from mdlcode.nets.outputs import Logits


class Composed(nn.Module):
    """A net that computes with tensors which are made anew at each call; `makers` give them by name.

    What is trained are the parameters of the makers; the net has empty ones in these places.
    """

    def __init__(self, net: nn.Module, makers: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.net, self.names = net, tuple(makers)
        self.makers = nn.ModuleList(makers.values())

    def forward(self, x: Tensor) -> Any:
        """What the net gives."""
        return call_with(self.net, {name: make() for name, make in self.named_makers()}, x)

    def named_makers(self) -> list[tuple[str, nn.Module]]:
        """Each name with what makes the tensor of that name."""
        return list(zip(self.names, self.makers, strict=True))


class Cast(nn.Module):
    """A parameter of another type than float32, which is trained and sent as float32."""

    def __init__(self, value: nn.Parameter) -> None:
        super().__init__()
        self.dtype = value.dtype
        real = torch.view_as_real(value.detach()) if value.is_complex() else value.detach()
        self.value = nn.Parameter(real.float().contiguous().clone(), requires_grad=value.requires_grad)

    def forward(self) -> Tensor:
        """The parameter in its own type; the rounding passes gradients on."""
        if self.dtype.is_complex:
            return torch.complex(self.value[..., 0], self.value[..., 1]).to(self.dtype)
        return self.value.to(self.dtype)


class Masked(nn.Module):
    """A tensor with zeros where a pruning mask has them."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.mask: Tensor
        self.register_buffer("mask", mask.bool())

    def forward(self, original: Tensor) -> Tensor:
        """The tensor, masked."""
        return original * self.mask


def composed(net: nn.Module) -> nn.Module:
    """The net with its norms of weights, masks, other parametrizations and types of its own beside it.

    It comes back as it is, where it has none. What is given is changed.

    >>> net = composed(nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)))
    >>> [name for name, value in net.named_parameters() if value.numel()]
    ['net.bias', 'makers.0.original0', 'makers.0.original1']
    """
    for module in list(net.modules()):
        _modernise(module)
    makers: dict[str, nn.Module] = {}
    for place, module in list(net.named_modules()):
        if parametrize.is_parametrized(module):
            makers |= {f"{place}.{name}".lstrip("."): maker for name, maker in _taken_out(module).items()}
    return _cast(Composed(net, makers) if makers else net)


def baked(net: nn.Module) -> nn.Module:
    """The same function of a net in evaluation mode, each tensor that was made being a parameter; a copy.

    Types other than float32 stay as `composed` has them.

    >>> net = composed(nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)))
    >>> type(net).__name__, type(baked(net)).__name__
    ('Composed', 'Linear')
    """
    if isinstance(net, Logits):
        return Logits(baked(net.net), net.row, net.twice).eval()
    made = net.eval()
    while isinstance(made, Composed):
        made = _filled(made)
    return made if made is net else _cast(made)


def _filled(net: Composed) -> nn.Module:
    copy = deepcopy(net)
    done: dict[int, nn.Parameter] = {}  # tied tensors stay tied
    for name, maker in copy.named_makers():
        if id(maker) not in done:
            trained = any(each.requires_grad for each in maker.parameters())
            done[id(maker)] = nn.Parameter(maker().detach().clone(), requires_grad=trained)
        owner, key = _place(copy.net, name)
        setattr(owner, key, done[id(maker)])
    return copy.net


def _cast(net: nn.Module) -> nn.Module:
    """The net with parameters in float32 for those of other real or complex types."""
    makers: dict[str, nn.Module] = {}
    known: dict[int, Cast] = {}
    for name, value in list(net.named_parameters(remove_duplicate=False)):
        if value.dtype != torch.float32 and (value.is_floating_point() or value.is_complex()):
            makers[name] = known.setdefault(id(value), Cast(value))
    for name in makers:
        _leave_empty(*_place(net, name))
    return Composed(net, makers) if makers else net


def _place(net: nn.Module, name: str) -> tuple[nn.Module, str]:
    """The module that owns a tensor, and its name there."""
    place, _, key = name.rpartition(".")
    return net.get_submodule(place), key


def _leave_empty(module: nn.Module, name: str) -> None:
    """Puts an empty parameter in the place of a tensor that is made: recurrent layers need one there."""
    module._parameters.pop(name, None)
    setattr(module, name, nn.Parameter(torch.empty(0), requires_grad=False))


def _taken_out(module: nn.Module) -> dict[str, nn.Module]:
    """The parametrizations of a module, which is plain afterwards and lacks the tensors of these names."""
    found = dict(module.parametrizations.items())  # type: ignore[operator, union-attr]
    module.__class__ = type(module).__bases__[0]  # torch puts a class of its own before the module's
    del module.parametrizations
    for name in found:
        _leave_empty(module, name)
    return found


def _modernise(module: nn.Module) -> None:
    """Brings what torch kept as hooks to its newer form, parametrizations."""
    for key, hook in list(module._forward_pre_hooks.items()):
        if isinstance(hook, WeightNorm):
            trained = module.get_parameter(f"{hook.name}_v").requires_grad
            remove_weight_norm(module, hook.name)
            parametrizations.weight_norm(module, hook.name, hook.dim)
            module.parametrizations.requires_grad_(trained)
        elif isinstance(hook, SpectralNorm):
            trained = module.get_parameter(f"{hook.name}_orig").requires_grad
            remove_spectral_norm(module, hook.name)
            parametrizations.spectral_norm(module, hook.name, hook.n_power_iterations, hook.eps, hook.dim)
            module.parametrizations.requires_grad_(trained)
        elif isinstance(hook, prune.BasePruningMethod):
            del module._forward_pre_hooks[key]
            name = hook._tensor_name
            original, mask = module.get_parameter(f"{name}_orig"), module.get_buffer(f"{name}_mask")
            del module._parameters[f"{name}_orig"], module._buffers[f"{name}_mask"]
            delattr(module, name)
            module.register_parameter(name, original)
            parametrize.register_parametrization(module, name, Masked(mask))
