"""Very sparse random directions."""

import math
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode.config import STRICT
from mdlcode.projections.base import Projection, Projector
from mdlcode.projections.draws import Draws
from mdlcode.typing import IntArray


@dataclass(frozen=True, config=STRICT)
class Sparse(Projection):
    """Each direction holds k = sqrt(D) entries of size 1 / sqrt(k) and random sign, one in each kth of rows.

    Very sparse random projections (Li, Hastie & Church 2006): nearly isometric. The directions have
    length 1 exactly and are orthogonal on average.

    >>> Sparse().bind(100, 2, seed=0)(torch.tensor([2.0, 0.0])).square().sum()
    tensor(4.)
    """

    kind: Literal["sparse"] = Field(default="sparse", kw_only=True)

    def memory_bytes(self, size: int, dimension: int) -> int:
        """A place and a sign for each entry, and a product for each on the way."""
        return 25 * dimension * _entries(size) + 8 * size

    def draw(self, size: int, dimension: int, draws: Draws) -> Projector:
        """As the class says."""
        count = _entries(size)
        bounds = np.arange(count + 1, dtype=np.int64) * size // count
        words = draws.words(dimension * count).reshape(dimension, count)
        places = bounds[:-1] + (words % np.diff(bounds).astype(np.uint64)).astype(np.int64)
        return _Sparse(size, dimension, places, draws.signs(dimension * count).reshape(dimension, count))


class _Sparse(Projector):
    places: Tensor  # (d, k) int64
    signs: Tensor  # (d, k) int8

    def __init__(self, size: int, dimension: int, places: IntArray, signs: NDArray[np.int8]) -> None:
        super().__init__(size, dimension)
        self.register_buffer("places", torch.from_numpy(places), persistent=False)
        self.register_buffer("signs", torch.from_numpy(signs), persistent=False)

    def product(self, coordinates: Tensor) -> Tensor:
        """P v."""
        entries = coordinates[:, None] * (self.signs * self.signs.shape[1] ** -0.5)
        return coordinates.new_zeros(self.size).index_add(0, self.places.flatten(), entries.flatten())

    def adjoint(self, gradient: Tensor) -> Tensor:
        """P^T g."""
        entries = gradient[self.places] * self.signs
        return entries.sum(1) * float(self.signs.shape[1] ** -0.5)


def _entries(size: int) -> int:
    return math.isqrt(size)
