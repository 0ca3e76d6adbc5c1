"""Kronecker products of orthonormal factors: two small products of matrices."""

import math
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode.config import STRICT
from mdlcode.projections.base import Projection, Projector
from mdlcode.projections.draws import Draws
from mdlcode.typing import FloatArray

_RANGE = 1 << 20


@dataclass(frozen=True, config=STRICT)
class Kronecker(Projection):
    """P v = vec(A V B^T), the first D entries, where V is v as a matrix and A, B have orthonormal columns.

    A and B have about sqrt(D) rows and sqrt(d) columns. Exactly isometric where D is the product of both
    numbers of rows, else nearly: less than one row of about sqrt(D) entries is cut off. Kronecker products
    with QR factors are in Lotfi et al. 2022 (arXiv 2211.13609).

    >>> Kronecker().bind(9, 4, seed=0)(torch.tensor([2.0, 0.0, 0.0, 1.0])).square().sum()
    tensor(5.0000)
    """

    kind: Literal["kronecker"] = Field(default="kronecker", kw_only=True)

    def memory_bytes(self, size: int, dimension: int) -> int:
        """Both factors in float64 while they are drawn, and two vectors on the way."""
        rows, columns = _sides(size), _sides(dimension)
        return 24 * (rows[0] * columns[0] + rows[1] * columns[1]) + 8 * size

    def draw(self, size: int, dimension: int, draws: Draws) -> Projector:
        """As the class says."""
        factors = [orthonormal(m, k, draws) for m, k in zip(_sides(size), _sides(dimension), strict=True)]
        return _Kronecker(size, dimension, factors)


class _Kronecker(Projector):
    left: Tensor  # (rows, a)
    right: Tensor  # (columns, b)

    def __init__(self, size: int, dimension: int, factors: list[FloatArray]) -> None:
        super().__init__(size, dimension)
        self.register_buffer("left", torch.from_numpy(factors[0]).float(), persistent=False)
        self.register_buffer("right", torch.from_numpy(factors[1]).float(), persistent=False)

    def product(self, coordinates: Tensor) -> Tensor:
        """P v."""
        inner = self.left.shape[1], self.right.shape[1]
        matrix = F.pad(coordinates, (0, inner[0] * inner[1] - self.dimension)).reshape(inner)
        return (self.left @ matrix @ self.right.T).flatten()[: self.size]

    def adjoint(self, gradient: Tensor) -> Tensor:
        """P^T g."""
        outer = len(self.left), len(self.right)
        matrix = F.pad(gradient, (0, outer[0] * outer[1] - self.size)).reshape(outer)
        return (self.left.T @ (matrix @ self.right)).flatten()[: self.dimension]


def _sides(count: int) -> tuple[int, int]:
    """The sides of the smallest nearly square matrix with at least `count` entries."""
    side = math.isqrt(count - 1) + 1
    return side, -(-count // side)


def orthonormal(rows: int, columns: int, draws: Draws) -> FloatArray:
    """A matrix (rows, columns) with orthonormal columns that span a random subspace.

    Gram-Schmidt, twice for each column (Giraud et al. 2005), from integers and with sums in one fixed
    order: LAPACK's QR would differ in the last bit from one number of threads to another.

    >>> q = orthonormal(8, 3, Draws(0))
    >>> bool(np.allclose(q.T @ q, np.eye(3), atol=1e-15))
    True
    """
    words = draws.words(rows * columns) % np.uint64(2 * _RANGE)
    drawn = words.astype(np.float64).reshape(columns, rows) - (_RANGE - 0.5)
    q = np.zeros((rows, columns))
    for index, column in enumerate(drawn):
        for _ in range(2):
            shares = np.add.reduce(q[:, :index] * column[:, None], axis=0)  # row after row
            for share, done in zip(shares, q.T, strict=False):
                column = column - share * done
        q[:, index] = column / np.sqrt(np.add.accumulate(column * column)[-1])
    return q
