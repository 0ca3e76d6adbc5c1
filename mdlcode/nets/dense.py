"""Fully connected nets."""

import math
from itertools import pairwise

from torch import nn


def mlp(input_shape: tuple[int, ...], num_classes: int, widths: tuple[int, ...], dropout: float = 0.0) -> nn.Sequential:
    """A ReLU net with these hidden widths; none at all is a linear classifier.

    Blier & Ollivier 2018 use 2 x 256 (MNIST), 512 and 5000 (CIFAR-10) and 3 x 200 (random labels).

    >>> len(mlp((1, 28, 28), 10, widths=(256, 256)))
    6
    """
    sizes = (math.prod(input_shape), *widths)
    layers: list[nn.Module] = [nn.Flatten()]
    for inner, outer in pairwise(sizes):
        layers += [nn.Linear(inner, outer), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(sizes[-1], num_classes))
