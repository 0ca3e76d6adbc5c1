"""Count-sketch: every parameter moves with one coordinate."""

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
class CountSketch(Projection):
    """Parameter i moves by sign_i v_h(i) / sqrt(size of its bucket): exactly isometric, and the cheapest.

    The transpose of the count-sketch (Charikar et al. 2002), with buckets from a random permutation, whose
    sizes differ by one at most, in place of a hash function: so the columns are orthonormal.

    >>> CountSketch().bind(4, 2, seed=0)(torch.tensor([2.0, 0.0])).square().sum()
    tensor(4.0000)
    """

    kind: Literal["count-sketch"] = Field(default="count-sketch", kw_only=True)

    def memory_bytes(self, size: int, dimension: int) -> int:
        """Two places and a sign for each parameter, and two vectors on the way; more while they are drawn."""
        return 40 * size + 20 * dimension

    def draw(self, size: int, dimension: int, draws: Draws) -> Projector:
        """As the class says."""
        order, signs = draws.permutation(size), draws.signs(size)
        return _CountSketch(size, dimension, order, signs)


class _CountSketch(Projector):
    """The k-th parameter of a random order is of bucket k mod d: gathering and adding up, no scattering."""

    places: Tensor  # (D,) int32, where each parameter's coordinate and sign stand in (v, -v)
    order: Tensor  # (rows d,) int32, the parameters one row of buckets after the other
    signs: Tensor  # (rows, d), theirs, each over the root of its bucket's size; 0 where the last row ends early
    scale: Tensor  # (d,)

    def __init__(self, size: int, dimension: int, order: IntArray, signs: NDArray[np.int8]) -> None:
        super().__init__(size, dimension)
        rows = -(-size // dimension)
        filled = np.zeros(rows * dimension, dtype=np.int32)
        filled[:size] = order
        signed = np.zeros(rows * dimension, dtype=np.float32)
        signed[:size] = signs[order]
        places = np.empty(size, dtype=np.int32)
        places[order] = np.arange(size) % dimension
        places += np.where(signs < 0, dimension, 0).astype(np.int32)
        scale = np.sqrt(1 / np.abs(signed).reshape(rows, dimension).sum(0, dtype=np.float64)).astype(np.float32)
        self.register_buffer("places", torch.from_numpy(places), persistent=False)
        self.register_buffer("order", torch.from_numpy(filled), persistent=False)
        self.register_buffer("signs", torch.from_numpy(signed.reshape(rows, dimension) * scale), persistent=False)
        self.register_buffer("scale", torch.from_numpy(scale), persistent=False)

    def product(self, coordinates: Tensor) -> Tensor:
        """P v."""
        scaled = coordinates * self.scale
        return torch.cat([scaled, -scaled]).index_select(0, self.places)

    def adjoint(self, gradient: Tensor) -> Tensor:
        """P^T g."""
        return (gradient.index_select(0, self.order).reshape(self.signs.shape) * self.signs).sum(0)
