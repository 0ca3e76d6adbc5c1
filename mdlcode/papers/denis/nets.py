"""The nets of Frankle & Carbin 2019."""

import math
from collections.abc import Sequence

from torch import nn


def lenet_300_100(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """The dense LeNet of LeCun et al. 1998 with hidden layers of 300 and 100 units.

    >>> sum(p.numel() for p in lenet_300_100((1, 28, 28), 10).parameters())
    266610
    """
    dense = [nn.Flatten(), nn.Linear(math.prod(input_shape), 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU()]
    return nn.Sequential(*dense, nn.Linear(100, num_classes))


def conv_2(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Two convolutions of 64 maps.

    >>> sum(p.numel() for p in conv_2((3, 32, 32), 10).parameters())
    4301642
    """
    return _conv((64,), input_shape, num_classes)


def conv_4(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Two convolutions of 64 maps and two of 128.

    >>> sum(p.numel() for p in conv_4((3, 32, 32), 10).parameters())
    2425930
    """
    return _conv((64, 128), input_shape, num_classes)


def conv_6(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Two convolutions of 64 maps, two of 128 and two of 256.

    >>> sum(p.numel() for p in conv_6((3, 32, 32), 10).parameters())
    2262602
    """
    return _conv((64, 128, 256), input_shape, num_classes)


def _conv(maps: Sequence[int], input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Two 3 x 3 convolutions of each number of maps and a halving, then two hidden layers of 256 units."""
    inner, height, width = input_shape
    layers: list[nn.Module] = []
    for outer in maps:
        layers += [nn.Conv2d(inner, outer, 3, padding=1), nn.ReLU(), nn.Conv2d(outer, outer, 3, padding=1), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
        inner, height, width = outer, height // 2, width // 2
    dense = [nn.Flatten(), nn.Linear(inner * height * width, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU()]
    return nn.Sequential(*layers, *dense, nn.Linear(256, num_classes))
