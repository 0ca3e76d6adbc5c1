"""Families of nets with a width, a depth, dropout and batch norm to choose: what a grid of nets is made of."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

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


def resnet(input_shape: tuple[int, ...], num_classes: int, form: Form) -> nn.Sequential:
    """The ResNet of the double descent (Nakkiran et al. 2020), whose activations come first (He et al. 2016).

    Four stages of width, 2 width, 4 width and 8 width maps have `depth` blocks each, so that 2 is ResNet18; all but the
    first begin with a halving. Dropout stands before the readout, which is linear on the mean of each map.

    >>> sum(p.numel() for p in resnet((3, 32, 32), 10, Form(64, 2, batch_norm=True)).parameters())
    11171146
    """
    maps = [form.width * 2**stage for stage in range(4)]
    blocks: list[nn.Module] = []
    for stage, (inner, outer) in enumerate(pairwise((form.width, *maps))):
        for index in range(form.depth):
            first = index == 0
            stride = 2 if first and stage else 1
            blocks.append(_Residual(inner if first else outer, outer, stride, form.batch_norm))
    last = maps[-1] if form.depth else form.width
    return nn.Sequential(
        *[nn.Conv2d(_channels(input_shape), form.width, 3, padding=1, bias=False), *blocks],
        *[nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(form.dropout), nn.Linear(last, num_classes)],
    )


FAMILIES: dict[str, Family] = {"mlp": mlp, "nin": nin, "cnn": cnn, "resnet": resnet}


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


class _Residual(nn.Module):
    """Norm, ReLU and a 3 x 3 convolution, twice, added to the inputs, or to a convolution of them if shapes change."""

    def __init__(self, inner: int, outer: int, stride: int, batch_norm: bool) -> None:
        super().__init__()
        norms = [nn.BatchNorm2d(maps) if batch_norm else nn.Identity() for maps in (inner, outer)]
        self.first = nn.Sequential(norms[0], nn.ReLU())
        self.rest = nn.Sequential(
            *[nn.Conv2d(inner, outer, 3, stride=stride, padding=1, bias=False), norms[1], nn.ReLU()],
            nn.Conv2d(outer, outer, 3, padding=1, bias=False),
        )
        changes = stride > 1 or inner != outer
        self.shortcut = nn.Conv2d(inner, outer, 1, stride=stride, bias=False) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        """Maps (m, inner, H, W) to (m, outer, H / stride, W / stride), rounded up."""
        active = self.first(x)
        added: Tensor = self.rest(active) + (x if self.shortcut is None else self.shortcut(active))
        return added
