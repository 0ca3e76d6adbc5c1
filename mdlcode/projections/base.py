"""A projection: which few directions of a long vector of weights may move."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Annotated, Any

import torch
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from mdlcode.config import STRICT, Configurable, kind_of, parsed
from mdlcode.errors import MdlError
from mdlcode.projections.draws import Draws

Product = Callable[[Tensor], Tensor]
_LARGEST_BYTES = 2 << 30


class Projector(nn.Module, ABC):
    """The matrix P (D, d) of a projection, drawn from a seed; never stored as one unless it is small.

    What it holds are buffers, so that `.to(device)` takes it along.
    """

    def __init__(self, size: int, dimension: int) -> None:
        super().__init__()
        self.size, self.dimension = size, dimension

    def forward(self, coordinates: Tensor) -> Tensor:
        """P v: (d,) -> (D,), differentiable to any order; its gradient is `transpose`."""
        return _apply(coordinates, self.product, self.adjoint)

    def transpose(self, gradient: Tensor) -> Tensor:
        """P^T g: (D,) -> (d,), differentiable to any order."""
        return _apply(gradient, self.adjoint, self.product)

    @abstractmethod
    def product(self, coordinates: Tensor) -> Tensor:
        """P v without a gradient."""

    @abstractmethod
    def adjoint(self, gradient: Tensor) -> Tensor:
        """P^T g without a gradient."""


@dataclass(frozen=True, config=STRICT)
class Projection(Configurable, ABC):
    """theta = theta0 + P v with P (D, d) drawn from a seed (Li et al. 2018, arXiv 1804.08838, section 2).

    Each kind is isometric, |P v| = |v|, exactly or nearly: its docstring says which.
    """

    def bind(self, size: int, dimension: int, seed: int, stream: int = 0) -> Projector:
        """P for D = `size` and d = `dimension`, the same to the bit on every machine and thread count.

        Raises MdlError where d is not between 1 and D, or P would take more than 2 GiB.
        """
        if not 1 <= dimension <= size:
            raise MdlError(f"a subspace of dimension {dimension} in {size} parameters: between 1 and {size} is needed")
        if (needed := self.memory_bytes(size, dimension)) > _LARGEST_BYTES:
            raise MdlError(
                f"a projection {kind_of(self)!r} of {size} parameters to {dimension} takes {needed / 2**30:.1f} GiB:"
                " use count-sketch or kronecker"
            )
        return self.draw(size, dimension, Draws(seed, stream))

    @abstractmethod
    def memory_bytes(self, size: int, dimension: int) -> int:
        """Bytes that P takes, and a product with it at its peak, for D = `size` and d = `dimension`."""

    @abstractmethod
    def draw(self, size: int, dimension: int, draws: Draws) -> Projector:
        """P, from the integers of `draws` alone."""


def parse_projection(value: Any) -> Any:
    """A projection from a config of one's own; an instance as it is. What the config names is imported."""
    return parsed(value, Projection, "projection")


AnyProjection = Annotated[Projection, BeforeValidator(parse_projection)]


class _Linear(torch.autograd.Function):
    """A linear map whose gradient is given: its adjoint. Both are taken in float32, under autocast too."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, there: Product, back: Product) -> Tensor:
        ctx.maps = there, back
        with torch.autocast(x.device.type, enabled=False):
            return there(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        there, back = ctx.maps
        return _apply(gradient, back, there), None, None


def _apply(x: Tensor, there: Product, back: Product) -> Tensor:
    result: Tensor = _Linear.apply(x, there, back)
    return result
