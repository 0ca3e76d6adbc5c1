"""Dense random directions: the reference that cheaper projections are held to."""

from typing import Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode.config import STRICT
from mdlcode.errors import MdlError
from mdlcode.projections.base import Projection, Projector
from mdlcode.projections.draws import Draws
from mdlcode.typing import FloatArray

_TILE_ROWS = 1 << 14
_LEAST = 1e-6  # what is left of a column's square once the others are taken away


@dataclass(frozen=True, config=STRICT)
class Dense(Projection):
    """Directions of random signs S (D, d), made orthonormal: P = S R^-1 with R^T R = S^T S. Exactly isometric.

    The dense projection of Li et al. 2018, with signs in place of normal numbers, so that one byte an
    entry is stored and S^T S is exact in whole numbers.

    >>> Dense().bind(50, 2, seed=0)(torch.tensor([2.0, 0.0])).square().sum()
    tensor(4.0000)
    """

    kind: Literal["dense"] = Field(default="dense", kw_only=True)

    def memory_bytes(self, size: int, dimension: int) -> int:
        """A byte for each entry and two more while it is drawn, R, and one tile of floats on the way."""
        return 3 * size * dimension + 28 * dimension**2 + 4 * min(size, _TILE_ROWS) * dimension

    def draw(self, size: int, dimension: int, draws: Draws) -> Projector:
        """As the class says. Raises MdlError where the signs' columns depend on each other."""
        signs = torch.from_numpy(draws.signs(size * dimension).reshape(size, dimension))
        # Whole numbers below 2^24 are exact in float32, in whatever order they are added up.
        gram = torch.zeros(dimension, dimension, dtype=torch.float64)
        for tile in torch.split(signs, _TILE_ROWS):
            gram += (tile.T.float() @ tile.float()).double()
        return _Dense(size, dimension, signs, upper_triangle(gram.numpy()))


class _Dense(Projector):
    signs: Tensor  # (D, d) int8
    triangle: Tensor  # (d, d), R

    def __init__(self, size: int, dimension: int, signs: Tensor, triangle: FloatArray) -> None:
        super().__init__(size, dimension)
        self.register_buffer("signs", signs, persistent=False)
        self.register_buffer("triangle", torch.from_numpy(triangle).float(), persistent=False)

    def product(self, coordinates: Tensor) -> Tensor:
        """P v = S (R^-1 v)."""
        inner = torch.linalg.solve_triangular(self.triangle, coordinates[:, None], upper=True)
        return torch.cat([tile.float() @ inner for tile in torch.split(self.signs, _TILE_ROWS)]).flatten()

    def adjoint(self, gradient: Tensor) -> Tensor:
        """P^T g = R^-T (S^T g)."""
        tiles = zip(torch.split(self.signs, _TILE_ROWS), torch.split(gradient, _TILE_ROWS), strict=True)
        inner = torch.stack([tile.T.float() @ part[:, None] for tile, part in tiles]).sum(0)
        solved: Tensor = torch.linalg.solve_triangular(self.triangle.T, inner, upper=False)
        return solved.flatten()


def upper_triangle(gram: FloatArray) -> FloatArray:
    """R (d, d), upper triangular, with R^T R = G: Cholesky's, entry by entry in one fixed order.

    LAPACK's would differ in the last bit from one number of threads to another.

    >>> upper_triangle(np.array([[4.0, 2.0], [2.0, 2.0]]))
    array([[2., 1.],
           [0., 1.]])
    """
    left, triangle = gram.copy(), np.zeros_like(gram)
    for row in range(len(gram)):
        if left[row, row] < _LEAST * gram[row, row]:
            raise MdlError("the directions of a dense projection depend on each other: name a smaller dimension")
        triangle[row, row:] = left[row, row:] / np.sqrt(left[row, row])
        left[row + 1 :, row + 1 :] -= triangle[row, row + 1 :, None] * triangle[row, row + 1 :]
    return triangle
