"""Families of nets with a width, a depth, dropout and batch norm to choose: what a grid of nets is made of."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from mdlcode.errors import MdlError
from mdlcode.trust import imported


@dataclass(frozen=True)
class Form:
    """What a family is told: hidden units or channels, layers or blocks, and what stands between them."""

    width: int
    depth: int
    batch_norm: bool = False
    dropout: float = 0.0


Family = Callable[[tuple[int, ...], int, Form], nn.Module]


def mlp(input_shape: tuple[int, ...], num_classes: int, form: Form) -> nn.Sequential:
    """A ReLU net of `depth` hidden layers of `width` units; dropout after each.

    >>> sum(p.numel() for p in mlp((1, 28, 28), 10, Form(200, 2)).parameters())
    199210
    """
    layers: list[nn.Module] = [nn.Flatten()]
    for inner, outer in pairwise((math.prod(input_shape), *[form.width] * form.depth)):
        norm = [nn.BatchNorm1d(outer)] if form.batch_norm else []
        layers += [nn.Linear(inner, outer, bias=not form.batch_norm), *norm, nn.ReLU(), nn.Dropout(form.dropout)]
    return nn.Sequential(*layers, nn.Linear(form.width if form.depth else math.prod(input_shape), num_classes))


def nin(input_shape: tuple[int, ...], num_classes: int, form: Form) -> nn.Sequential:
    """Network in network (Lin et al. 2014) as Jiang et al. 2020 take it, dropout after each of `depth` blocks.

    A block is a 3 x 3 convolution of stride 2 and two of 1 x 1. The readout is linear on the mean over all places:
    the 4 x 4 convolution that Kuhn et al. 2021 name can't follow four blocks on 32 pixels, which leave 2 x 2.

    >>> sum(p.numel() for p in nin((3, 16, 16), 10, Form(32, 2, batch_norm=True)).parameters())
    14890
    """
    layers: list[nn.Module] = []
    for inner, outer in pairwise((_channels(input_shape), *[form.width] * form.depth)):
        layers += [
            *_convolution(inner, outer, 3, form, stride=2),
            *_convolution(outer, outer, 1, form),
            *_convolution(outer, outer, 1, form),
            nn.Dropout(form.dropout),
        ]
    last = form.width if form.depth else _channels(input_shape)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(last, num_classes))


def cnn(input_shape: tuple[int, ...], num_classes: int, form: Form) -> nn.Sequential:
    """The net of the double descent (Nakkiran et al. 2020): 3 x 3 convolutions of width, 2 width, 4 width, ... maps.

    All but the first are followed by a halving; the readout is linear on the largest value of each map.

    >>> sum(p.numel() for p in cnn((3, 32, 32), 100, Form(64, 4, batch_norm=True)).parameters())
    1603236
    """
    layers: list[nn.Module] = []
    maps = [_channels(input_shape), *(form.width * 2**index for index in range(form.depth))]
    for index, (inner, outer) in enumerate(pairwise(maps)):
        halving = [nn.MaxPool2d(2)] if index else []
        layers += [*_convolution(inner, outer, 3, form), *halving, nn.Dropout(form.dropout)]
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(maps[-1], num_classes))


FAMILIES: dict[str, Family] = {"mlp": mlp, "nin": nin, "cnn": cnn}


def family(name: str) -> Family:
    """The family of that name, or one's own as `package.module:function`. Raises MdlError for an unknown one."""
    if ":" in name:
        found: Family = imported(name, "net")
        return found
    if name not in FAMILIES:
        raise MdlError(f"no family of nets '{name}': {', '.join(FAMILIES)}, or package.module:function")
    return FAMILIES[name]


def _channels(input_shape: tuple[int, ...]) -> int:
    if len(input_shape) != 3:
        raise MdlError(f"a convolutional net needs images, the inputs have shape {input_shape}: try 'mlp'")
    return input_shape[0]


def _convolution(inner: int, outer: int, kernel: int, form: Form, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inner, outer, kernel, stride=stride, padding=kernel // 2, bias=not form.batch_norm)
    return [conv, *([nn.BatchNorm2d(outer)] if form.batch_norm else []), nn.ReLU()]
