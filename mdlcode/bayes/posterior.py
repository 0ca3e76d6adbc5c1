"""Posteriors: the result of inference, a distribution over all weights of a net, together with its prior."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from mdlcode.bayes.densities import Density
from mdlcode.errors import MdlError
from mdlcode.typing import BoolArray, FloatArray, IntArray

# A learned prior deviation, or odds, is sent as a level of 8 bits.
SCALE_LEVELS = 256
_DRAW_KEY = 5


def prior_bits(levels: IntArray | None) -> float:
    """Bits of what was learned of a prior, levels (G,) as they are sent; none where it is given."""
    return 0.0 if levels is None else len(levels) * math.log2(SCALE_LEVELS)


@dataclass(frozen=True)
class Layout:
    """Which tensors of a net are random, and where they stand in one flat vector of P weights."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, net: nn.Module) -> "Layout":
        """All parameters of the net that take a gradient; what else it holds is `Others`.

        >>> Layout.of(nn.Linear(2, 3)).shapes
        ((3, 2), (3,))
        """
        trained = {name: value for name, value in net.named_parameters() if value.requires_grad and value.numel()}
        if not trained:
            raise MdlError("the net has no weights to learn, so a posterior has nothing to say")
        for name, value in trained.items():
            if value.dtype != torch.float32:
                raise MdlError(f"'{name}' of the net is {value.dtype}: only float32 weights can be random")
        return cls(tuple(trained), tuple(tuple(value.shape) for value in trained.values()))

    @property
    def sizes(self) -> list[int]:
        """Number of weights in each tensor."""
        return [math.prod(shape) for shape in self.shapes]

    def __len__(self) -> int:
        return sum(self.sizes)

    def split(self, flat: Tensor) -> dict[str, Tensor]:
        """Views of a flat vector (P,), by name and in shape."""
        pieces = torch.split(flat, self.sizes)
        return {name: each.view(shape) for name, each, shape in zip(self.names, pieces, self.shapes, strict=True)}

    def sums(self, flat: FloatArray) -> dict[str, float]:
        """The sum of a flat array's values in each tensor."""
        ends = np.cumsum(self.sizes)[:-1]
        return {name: math.fsum(each) for name, each in zip(self.names, np.split(flat, ends), strict=True)}


@dataclass(frozen=True, eq=False)
class Others:
    """What a training changed of a net besides its random weights: tensors by name, and what it takes to send them."""

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    bits: float = 0.0


NO_OTHERS = Others()


@dataclass(frozen=True, eq=False)
class Sampled:
    """Draws from a posterior of any family: weights (S, P) and log2 q / p of each (S,), for a Monte Carlo KL.

    >>> len(Sampled(Layout(("weight",), ((1,),)), np.zeros((2, 1)), np.ones(2), 0.0).draws(2, seed=0))
    2
    """

    layout: Layout
    weights: FloatArray  # (S, P)
    log_ratio_bits: FloatArray  # (S,)
    prior_bits: float  # those of `others` included
    others: Others = NO_OTHERS

    def draws(self, count: int, seed: int) -> list[FloatArray]:
        """The first draws. Raises MdlError for more of them than there are."""
        if count > len(self.weights):
            raise MdlError(f"{count} draws of the posterior are asked for, {len(self.weights)} are kept: raise draws")
        return list(self.weights[:count])


@dataclass(frozen=True, eq=False)
class MeanField:
    """Independent Gaussians over all weights, and the prior of each.

    One object: the KL is computed, and the noise drawn, from the same arrays. `levels` (G,) are what was
    learned of the prior as it is sent, `prior` is what they decode to. Weights that are not `kept` are 0 under
    both; saying which takes `mask_bits`.

    >>> from mdlcode.bayes.densities import Normals
    >>> layout = Layout(("weight",), ((2,),))
    >>> posterior = MeanField(layout, np.zeros(2), np.full(2, 0.5), Normals(np.ones(2)))
    >>> posterior.kl_bits.round(3), posterior.draw(np.ones(2))
    (array([0.459, 0.459]), array([0.5, 0.5]))
    """

    layout: Layout
    mean: FloatArray  # (P,)
    sd: FloatArray  # (P,)
    prior: Density  # of P weights
    levels: IntArray | None = None  # (G,)
    kept: BoolArray | None = None  # (P,)
    mask_bits: float = 0.0
    others: Others = NO_OTHERS

    def __post_init__(self) -> None:
        if not len(self.mean) == len(self.sd) == len(self.prior) == len(self.layout):
            raise MdlError(f"mean, deviation and prior are needed for each of the {len(self.layout)} weights")
        if not (np.isfinite(self.mean).all() and np.isfinite(self.sd).all()):
            raise MdlError("the posterior's mean or deviation is not finite for each of the weights")
        if not (self.sd > 0).all():
            where = self.tensor_of(int(np.argmin(self.sd)))
            raise MdlError(
                f"a posterior deviation in '{where}' collapsed to zero, so it has no density: lower the rate"
            )

    def tensor_of(self, index: int) -> str:
        """The name of the tensor that holds a weight of the flat vector."""
        return self.layout.names[int(np.searchsorted(np.cumsum(self.layout.sizes), index, side="right"))]

    @property
    def kl_bits(self) -> FloatArray:
        """KL(posterior, prior) in bits of each weight (P,)."""
        bits = self.prior.kl_bits(self.mean, self.sd)
        return bits if self.kept is None else np.where(self.kept, bits, 0.0)

    @property
    def prior_bits(self) -> float:
        """Bits of what was learned of the prior, as it is sent, of the mask and of the net's other tensors."""
        return prior_bits(self.levels) + self.mask_bits + self.others.bits

    def kl_bits_by_tensor(self) -> Mapping[str, float]:
        """KL(posterior, prior) in bits of each tensor."""
        return self.layout.sums(self.kl_bits)

    def draws(self, count: int, seed: int) -> list[FloatArray]:
        """So many draws (P,) of the weights, the same ones for a seed on every device."""
        random = np.random.Generator(np.random.Philox(key=[_DRAW_KEY, seed]))
        return [self.draw(random.standard_normal(len(self.layout))) for _ in range(count)]

    def draw(self, noise: FloatArray) -> FloatArray:
        """Weights (P,) from standard normal noise (P,): mean + sd * noise."""
        weights: FloatArray = self.mean + self.sd * noise
        return weights if self.kept is None else np.where(self.kept, weights, 0.0)
