"""Fully connected nets."""

import math
from itertools import pairwise

from torch import nn

from mdlcode.data.sequences import Sequences


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


def mlp_by_token(
    input_shape: tuple[int, ...],
    num_classes: int,
    sequences: Sequences,
    widths: tuple[int, ...],
    dropout: float = 0.0,
) -> nn.Sequential:
    """The same net on each token by itself: on its vector, or on a 1 at its number, for which a table does.

    >>> import numpy as np
    >>> tags = Sequences(np.ones((2, 5), dtype=bool), vocabulary=30)
    >>> mlp_by_token((5,), 4, tags, widths=())
    Sequential(
      (0): Embedding(30, 4)
    )
    """
    sizes = (*widths, num_classes)
    first: nn.Module
    if sequences.vocabulary:
        first = nn.Embedding(sequences.vocabulary, sizes[0])
        nn.init.uniform_(first.weight, -(sequences.vocabulary**-0.5), sequences.vocabulary**-0.5)  # as nn.Linear has it
    else:
        first = nn.Linear(input_shape[-1], sizes[0])
    layers: list[nn.Module] = [first]
    for inner, outer in pairwise(sizes):
        layers += [nn.ReLU(), *([nn.Dropout(dropout)] if dropout else []), nn.Linear(inner, outer)]
    return nn.Sequential(*layers)
