"""Nets of one architecture as one net, each layer of which computes for all of them at once."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mdlcode.nets.convolutional import GlobalMax, PatchDirections, PatchWhitening
from mdlcode.nets.held import shared_parameters


class Stacked(nn.Module):
    """Nets as one: the tensors of `net` are theirs, (nets, ...) each. Inputs (nets, m, ...) -> logits (nets, m, K).

    Matrices are multiplied in one batched product, and filters are the groups of one convolution: less is around these
    than with `torch.vmap`. What a net gives is what it gives by itself up to rounding. `stackable` says which nets are
    taken.

    >>> nets = [nn.Sequential(nn.Flatten(), nn.Linear(4, 2)) for _ in range(3)]
    >>> x = torch.rand(3, 5, 1, 2, 2)
    >>> stacked = Stacked.of(nets)
    >>> stacked.net[1].weight.shape, bool(torch.allclose(stacked(x)[2], nets[2](x[2]), atol=1e-5))
    (torch.Size([3, 2, 4]), True)
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    @classmethod
    def of(cls, nets: Sequence[nn.Module]) -> "Stacked":
        """That of nets of one architecture, with copies of their tensors."""
        whole = deepcopy(nets[0])
        for own, *layers in zip(*(net.modules() for net in (whole, *nets)), strict=True):
            for name, value in own._parameters.items():
                if value is not None:
                    own._parameters[name] = nn.Parameter(_stack(name, layers), requires_grad=value.requires_grad)
            for name, buffer in own._buffers.items():
                if buffer is not None:
                    own._buffers[name] = _stack(name, layers)
        return cls(whole)

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        return _run(self.net, x)


class Thinning(nn.Module):
    """Dropout whose noise is given: inputs times the buffer `keep`, 1 where nothing is dropped."""

    keep: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("keep", torch.ones(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        return x * self.keep


def stackable(net: nn.Module) -> bool:
    """Whether a net is a sequence of layers that are known here, each used once and without hooks.

    >>> stackable(nn.Sequential(nn.Linear(1, 1), nn.ReLU())), stackable(nn.LSTM(1, 1))
    (True, False)
    """
    return _is_known(net) and not shared_parameters(net)


def _is_known(layer: nn.Module) -> bool:
    if layer._forward_hooks or layer._forward_pre_hooks:
        return False
    if type(layer) is nn.Sequential:
        return all(map(_is_known, layer))
    if isinstance(layer, nn.Conv2d):
        return type(layer) in _LAYERS and layer.padding_mode == "zeros"
    if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
        return type(layer) in _LAYERS and layer.momentum is not None
    if isinstance(layer, nn.Flatten):
        return (type(layer), layer.start_dim, layer.end_dim) == (nn.Flatten, 1, -1)
    return type(layer) in _LAYERS


def _run(layer: nn.Module, x: Tensor) -> Tensor:
    if isinstance(layer, nn.Sequential):
        for each in layer:
            x = _run(each, x)
        return x
    return _LAYERS[type(layer)](layer, x)


def _by_itself(layer: nn.Module, x: Tensor) -> Tensor:
    """A layer that works on each number by itself."""
    return cast(Tensor, layer(x))


def _flatten(layer: nn.Flatten, x: Tensor) -> Tensor:
    return x.flatten(2)


def _linear(layer: nn.Linear, x: Tensor) -> Tensor:
    rows, weight = x.flatten(1, -2), layer.weight.mT  # (nets, m, inner), (nets, inner, outer)
    found = rows @ weight if layer.bias is None else torch.baddbmm(layer.bias[:, None], rows, weight)
    return found.reshape(*x.shape[:-1], -1)


def _convolution(layer: nn.Conv2d, x: Tensor) -> Tensor:
    bias, groups = None if layer.bias is None else layer.bias.flatten(), len(x) * layer.groups
    weight = layer.weight.flatten(0, 1)
    found = F.conv2d(_side_by_side(x), weight, bias, layer.stride, layer.padding, layer.dilation, groups)
    return _apart(found, len(x))


def _pooled(layer: nn.Module, x: Tensor) -> Tensor:
    """A layer of no tensors that works on each map of an image."""
    return _apart(layer(_side_by_side(x)), len(x))


def _norm(layer: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor) -> Tensor:
    counts, batch = layer.num_batches_tracked, layer.training or layer.running_mean is None
    if layer.training and counts is not None:
        counts.add_(1)
    assert layer.momentum is not None
    tensors = (layer.running_mean, layer.running_var, layer.weight, layer.bias)
    mean, var, weight, bias = [None if each is None else each.flatten() for each in tensors]  # views: statistics move
    return _apart(F.batch_norm(_side_by_side(x), mean, var, weight, bias, batch, layer.momentum, layer.eps), len(x))


def _side_by_side(x: Tensor) -> Tensor:
    """The channels of all nets as those of one: (nets, m, C, ...) -> (m, nets C, ...). What a layer gave is a view."""
    return x.transpose(0, 1).flatten(1, 2)


def _apart(x: Tensor, nets: int) -> Tensor:
    return x.reshape(len(x), nets, -1, *x.shape[2:]).transpose(0, 1)


def _stack(name: str, layers: Sequence[nn.Module]) -> Tensor:
    return torch.stack([getattr(layer, name).detach().contiguous() for layer in layers])


_LAYERS: dict[type[nn.Module], Callable[[Any, Tensor], Tensor]] = {
    **dict.fromkeys((nn.Identity, nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, Thinning), _by_itself),
    **dict.fromkeys((nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d, GlobalMax), _pooled),
    **dict.fromkeys((nn.Conv2d, PatchWhitening, PatchDirections), _convolution),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d), _norm),
    nn.Flatten: _flatten,
    nn.Linear: _linear,
}
