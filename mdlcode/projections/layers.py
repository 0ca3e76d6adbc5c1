"""Which parameters of a net move together, and how many coordinates each group of them gets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from mdlcode.errors import MdlError

Layers = Literal["joint", "layerwise", "normalisation", "mixed"]


@dataclass(frozen=True)
class Group:
    """Parameters by name that one projection moves, and its dimension."""

    names: tuple[str, ...]
    dimension: int


def groups(parameters: Mapping[str, Tensor], dimension: int, layers: Layers) -> list[Group]:
    """The groups that share `dimension` coordinates among them.

    "joint" is one group of all parameters (Li et al. 2018). "layerwise" gives each matrix or filter bank its
    own, and one to all vectors (scales and shifts of normalisation, biases), with coordinates in proportion
    to the root of its size. "normalisation" moves the vectors alone. "mixed" gives half of the coordinates to
    the vectors, or one for each where that is less, and the rest to all others (FiLM and projection in Lotfi
    et al. 2022).

    Raises MdlError where there are more coordinates than parameters to move, or none for some group, or
    nothing to move at all.

    >>> from torch import nn
    >>> groups(dict(nn.Linear(8, 2).named_parameters()), 6, "layerwise")
    [Group(names=('weight',), dimension=4), Group(names=('bias',), dimension=2)]
    """
    named = grouped(parameters, layers)
    sizes = [sum(parameters[name].numel() for name in names) for names in named]
    if not len(sizes) <= dimension <= sum(sizes):
        least = f"{len(sizes)} (one for each group)" if len(sizes) > 1 else "1"
        raise MdlError(
            f"a subspace of dimension {dimension} does not fit layers '{layers}' of this net:"
            f" between {least} and {sum(sizes)} is needed"
        )
    weights = [1.0, 1.0] if layers == "mixed" else [math.sqrt(size) for size in sizes]
    return [Group(*each) for each in zip(named, shares(sizes, weights, dimension), strict=True)]


def grouped(parameters: Mapping[str, Tensor], layers: Layers) -> list[tuple[str, ...]]:
    """The names of the parameters that move, group by group. Raises MdlError for an empty group.

    >>> from torch import nn
    >>> grouped(dict(nn.Linear(8, 2).named_parameters()), "normalisation")
    [('bias',)]
    """
    vectors = tuple(name for name, value in parameters.items() if value.ndim <= 1)
    others = tuple(name for name in parameters if name not in vectors)
    named: dict[Layers, list[tuple[str, ...]]] = {
        "joint": [tuple(parameters)],
        "layerwise": [*((name,) for name in others), *([vectors] if vectors else [])],
        "normalisation": [vectors],
        "mixed": [vectors, others],
    }
    if not all(named[layers]) or not parameters:
        raise MdlError(
            f"layers '{layers}' leave nothing to move in a net with {', '.join(parameters) or 'no parameter'}"
        )
    return named[layers]


def shares(sizes: list[int], weights: list[float], total: int) -> list[int]:
    """Whole numbers from 1 to `sizes` that add up to `total`, as nearly in proportion to `weights` as that allows.

    >>> shares([10, 2, 50], [1.0, 1.0, 2.0], 20)
    [6, 2, 12]
    """
    given = [1] * len(sizes)
    for _ in range(total - len(sizes)):
        open_ = [index for index, size in enumerate(sizes) if given[index] < size]
        given[min(open_, key=lambda index: given[index] / weights[index])] += 1
    return given
