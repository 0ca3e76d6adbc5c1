"""Count-sketch: every parameter moves with one coordinate."""

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode.config import STRICT
from mdlcode.projections.base import Projection, Projector
from mdlcode.projections.draws import Draws
from mdlcode.typing import IntArray


@dataclass(frozen=True, config=STRICT)
class CountSketch(Projection):
    """Parameter i moves by sign_i v_h(i) / sqrt(size of its bucket): exactly isometric, and the cheapest.

    The transpose of the count-sketch (Charikar et al. 2002), with buckets from a random permutation, whose
    sizes differ by one at most, in place of a hash function: so the columns are orthonormal.

    >>> CountSketch().bind(4, 2, seed=0)(torch.tensor([2.0, 0.0])).square().sum()
    tensor(4.0000)
    """

    kind: Literal["count-sketch"] = Field(default="count-sketch", kw_only=True)

    def memory_bytes(self, size: int, dimension: int) -> int:
        """Two orders and a sign for each parameter, and two vectors on the way."""
        return 17 * size + 8 * dimension

    def draw(self, size: int, dimension: int, draws: Draws) -> Projector:
        """As the class says."""
        order, signs = draws.permutation(size), draws.signs(size)
        return _CountSketch(size, dimension, order, signs)


class _CountSketch(Projector):
    """The k-th parameter of a random order is of bucket k mod d: gathering and adding up, no scattering."""

    order: Tensor  # (D,) int32, the parameters one row of buckets after the other
    places: Tensor  # (D,) int32, its inverse
    signs: Tensor  # (D,) int8
    scale: Tensor  # (d,)

    def __init__(self, size: int, dimension: int, order: IntArray, signs: NDArray[np.int8]) -> None:
        super().__init__(size, dimension)
        places = np.empty(size, dtype=np.int32)
        places[order] = np.arange(size, dtype=np.int32)
        self._rows = -(-size // dimension)
        counts = np.bincount(np.arange(dimension), minlength=dimension) * self._rows
        counts[size - (self._rows - 1) * dimension :] -= 1
        self.register_buffer("order", torch.from_numpy(order.astype(np.int32)), persistent=False)
        self.register_buffer("places", torch.from_numpy(places), persistent=False)
        self.register_buffer("signs", torch.from_numpy(signs), persistent=False)
        self.register_buffer("scale", torch.from_numpy(np.sqrt(1 / counts)).float(), persistent=False)

    def product(self, coordinates: Tensor) -> Tensor:
        """P v."""
        rows = (coordinates * self.scale).repeat(self._rows)
        return rows.index_select(0, self.places) * self.signs

    def adjoint(self, gradient: Tensor) -> Tensor:
        """P^T g."""
        rows = (gradient * self.signs).index_select(0, self.order)
        padded = F.pad(rows, (0, self._rows * self.dimension - self.size))
        return padded.reshape(self._rows, self.dimension).sum(0) * self.scale
