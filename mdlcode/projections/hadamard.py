"""The fast Walsh-Hadamard transform, and two projections made of it: SRHT and fastfood."""

from functools import cache
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass
from scipy import linalg
from torch import Tensor

from mdlcode.config import STRICT
from mdlcode.projections.base import Projection, Projector
from mdlcode.projections.draws import Draws
from mdlcode.typing import FloatArray, IntArray

_BITS = 6  # of an axis that one product of matrices transforms: 2^6 sums at a time


def hadamard(x: Tensor) -> Tensor:
    """H x along the last axis, (..., 2^k) -> (..., 2^k), where H has entries 1 and -1 and H H = 2^k I.

    In place of k butterfly steps a few products with small matrices, each of which turns up to six of the
    k axes of length two.

    >>> hadamard(torch.tensor([1.0, 0.0, 0.0, 2.0]))
    tensor([ 3., -1., -1.,  3.])
    """
    shape, left = x.shape, (x.shape[-1] - 1).bit_length()
    while left:
        bits = min(left, _BITS)
        x = x.reshape(*shape[:-1], -1, 1 << bits) @ _matrix(bits, x.device)
        x = x.transpose(-1, -2)  # the next axes come to the end; after the last all are where they were
        left -= bits
    return x.reshape(shape)


@cache
def _matrix(bits: int, device: torch.device) -> Tensor:
    return torch.from_numpy(linalg.hadamard(1 << bits, dtype=np.float32)).to(device)


@dataclass(frozen=True, config=STRICT)
class Srht(Projection):
    """Coordinates at d random places of a vector of D' = 2^k >= D zeros, H of it, D random rows, signs.

    The subsampled randomised Hadamard transform (Ailon & Chazelle 2006), transposed: nearly isometric, and
    exactly where D is a power of two.

    >>> Srht().bind(4, 2, seed=0)(torch.tensor([2.0, 0.0])).square().sum()
    tensor(4.)
    """

    kind: Literal["srht"] = Field(default="srht", kw_only=True)

    def memory_bytes(self, size: int, dimension: int) -> int:
        """A place and a sign for each parameter, and three vectors of length D' on the way."""
        return 9 * size + 36 * power_of_two(size)

    def draw(self, size: int, dimension: int, draws: Draws) -> Projector:
        """As the class says."""
        length = power_of_two(size)
        places, rows = draws.permutation(length)[:dimension], draws.permutation(length)[:size]
        return _Srht(length, places, rows, draws.signs(size))


class _Srht(Projector):
    places: Tensor  # (d,) int64
    rows: Tensor  # (D,) int64
    signs: Tensor  # (D,) int8

    def __init__(self, length: int, places: IntArray, rows: IntArray, signs: NDArray[np.int8]) -> None:
        super().__init__(len(rows), len(places))
        self._length = length
        self.register_buffer("places", torch.from_numpy(places), persistent=False)
        self.register_buffer("rows", torch.from_numpy(rows), persistent=False)
        self.register_buffer("signs", torch.from_numpy(signs), persistent=False)

    def product(self, coordinates: Tensor) -> Tensor:
        """P v."""
        scattered = coordinates.new_zeros(self._length)
        scattered[self.places] = coordinates * self.size**-0.5
        return hadamard(scattered)[self.rows] * self.signs

    def adjoint(self, gradient: Tensor) -> Tensor:
        """P^T g."""
        scattered = gradient.new_zeros(self._length)
        scattered[self.rows] = gradient * self.signs
        return hadamard(scattered)[self.places] * float(self.size**-0.5)


@dataclass(frozen=True, config=STRICT)
class Fastfood(Projection):
    """Blocks H G Pi H B one below the other, d filled up to a power of two; the first D rows.

    B holds signs, Pi is a permutation, G nearly normal numbers (Le, Sarlos & Smola 2013): nearly isometric,
    the better the more blocks there are.

    >>> Fastfood().bind(4000, 4, seed=0)(torch.ones(4)).square().sum().round()
    tensor(4.)
    """

    kind: Literal["fastfood"] = Field(default="fastfood", kw_only=True)

    def memory_bytes(self, size: int, dimension: int) -> int:
        """Signs, places and numbers for each row, and four vectors on the way."""
        return 37 * (size + power_of_two(dimension))

    def draw(self, size: int, dimension: int, draws: Draws) -> Projector:
        """As the class says."""
        width = power_of_two(dimension)
        blocks = -(-size // width)
        signs = draws.signs(blocks * width).reshape(blocks, width)
        orders = np.argsort(draws.words(blocks * width).reshape(blocks, width), axis=1, kind="stable")
        normals = draws.normals(blocks * width).reshape(blocks, width)
        return _Fastfood(size, dimension, signs, orders, normals)


class _Fastfood(Projector):
    signs: Tensor  # (blocks, width) int8
    orders: Tensor  # (blocks, width) int64
    places: Tensor  # (blocks, width) int64, their inverses
    normals: Tensor  # (blocks, width)

    def __init__(
        self, size: int, dimension: int, signs: NDArray[np.int8], orders: IntArray, normals: FloatArray
    ) -> None:
        super().__init__(size, dimension)
        # |H G Pi H B v|^2 summed over the blocks is width |G|^2 |v|^2 / width on average of Pi and B.
        scale = np.sqrt(normals.size / (np.square(normals).sum() * size * normals.shape[1]))
        self.register_buffer("signs", torch.from_numpy(signs), persistent=False)
        self.register_buffer("orders", torch.from_numpy(orders), persistent=False)
        self.register_buffer("places", torch.from_numpy(np.argsort(orders, axis=1)), persistent=False)
        self.register_buffer("normals", torch.from_numpy(normals * scale).float(), persistent=False)

    def product(self, coordinates: Tensor) -> Tensor:
        """P v."""
        width = self.signs.shape[1]
        mixed = hadamard(F.pad(coordinates, (0, width - self.dimension)) * self.signs)  # (blocks, width)
        return hadamard(mixed.gather(1, self.orders) * self.normals).flatten()[: self.size]

    def adjoint(self, gradient: Tensor) -> Tensor:
        """P^T g."""
        rows = F.pad(gradient, (0, self.signs.numel() - self.size)).reshape(self.signs.shape)
        mixed = (hadamard(rows) * self.normals).gather(1, self.places)
        return (hadamard(mixed) * self.signs).sum(0)[: self.dimension]


def power_of_two(count: int) -> int:
    """The least power of two that is at least `count`.

    >>> power_of_two(5), power_of_two(8)
    (8, 8)
    """
    return 1 << (count - 1).bit_length()
