"""Priors over weights, as configs that make Pyro models of them."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode.bayes.posterior import Layout
from mdlcode.config import STRICT
from mdlcode.errors import MdlError
from mdlcode.typing import FloatArray, IntArray

if TYPE_CHECKING:
    from mdlcode.bayes.models import PriorModel

# A level stands for 2^(level / 16 - 12), so from 2^-12 to nearly 2^4.
_PER_OCTAVE, _LEAST_LOG2 = 16, -12.0
_MOST_LEVEL = 255


def scales(levels: IntArray) -> FloatArray:
    """The prior deviations that levels 0 .. 255 stand for.

    >>> scales(np.array([0, 192, 255])).round(4)
    array([2.00000e-04, 1.00000e+00, 1.53217e+01])
    """
    values: FloatArray = 2.0 ** (levels / _PER_OCTAVE + _LEAST_LOG2)
    return values


def scale_levels(deviations: FloatArray) -> IntArray:
    """The nearest levels, on the log scale, of prior deviations.

    >>> scale_levels(np.array([1.0, 1e-9]))
    array([192,   0])
    """
    levels = np.rint((np.log2(deviations) - _LEAST_LOG2) * _PER_OCTAVE)
    return np.clip(levels, 0, _MOST_LEVEL).astype(np.int64)


@dataclass(frozen=True, config=STRICT)
class Gaussian:
    """N(0, scale^2) for each weight. Without a `scale` one is learned and paid for, 8 bits each.

    There is one scale for each tensor, or for each output unit or channel of it (`per` "output").
    """

    kind: Literal["gaussian"] = Field(default="gaussian", kw_only=True)
    scale: float | None = Field(default=None, gt=0)
    per: Literal["tensor", "output"] = "tensor"

    # Whether the KL from a mean-field posterior is in closed form, and so has a code of its own.
    closed: ClassVar[bool] = True

    def groups(self, layout: Layout) -> IntArray:
        """The number (P,) of the scale that each weight has."""
        return groups_of(layout, self.per)

    def model(self, layout: Layout, device: torch.device, start: float) -> "PriorModel":
        """A module trained with the posterior, its scales from `start` on, whose `sample` is a Pyro model."""
        from mdlcode.bayes.models import LearnedGaussian

        return LearnedGaussian(_tensor(self.groups(layout), device), self.scale or start, self.scale is None)


@dataclass(frozen=True, config=STRICT)
class ScaleMixture:
    """share N(0, (narrow scale)^2) + (1 - share) N(0, scale^2), the scales learned (Blundell et al. 2015)."""

    kind: Literal["scale-mixture"] = Field(default="scale-mixture", kw_only=True)
    share: float = Field(default=0.5, gt=0, lt=1)
    narrow: float = Field(default=0.1, gt=0, lt=1)
    closed: ClassVar[bool] = False

    def model(self, layout: Layout, device: torch.device, start: float) -> "PriorModel":
        """As of `Gaussian`."""
        from mdlcode.bayes.models import LearnedMixture

        return LearnedMixture(_tensor(groups_of(layout, "tensor"), device), start, self.share, self.narrow)


@dataclass(frozen=True, config=STRICT)
class NormalGamma:
    """N(0, 1 / t), the precision t of each tensor drawn from Gamma(shape, rate): the conjugate prior."""

    kind: Literal["normal-gamma"] = Field(default="normal-gamma", kw_only=True)
    shape: float = Field(default=1.0, gt=0)
    rate: float = Field(default=0.01, gt=0)
    closed: ClassVar[bool] = False

    def model(self, layout: Layout, device: torch.device, start: float) -> "PriorModel":
        """As of `Gaussian`."""
        from mdlcode.bayes.models import Conjugate

        return Conjugate(_tensor(groups_of(layout, "tensor"), device), self.shape, self.rate)


@dataclass(frozen=True, config=STRICT)
class Horseshoe:
    """N(0, (a b)^2) with half-Cauchy a for each tensor and b for each output unit (Louizos et al. 2017)."""

    kind: Literal["horseshoe"] = Field(default="horseshoe", kw_only=True)
    scale: float = Field(default=0.1, gt=0)
    closed: ClassVar[bool] = False

    def model(self, layout: Layout, device: torch.device, start: float) -> "PriorModel":
        """As of `Gaussian`."""
        from mdlcode.bayes.models import GroupHorseshoe

        tensors, units = groups_of(layout, "tensor"), groups_of(layout, "output")
        return GroupHorseshoe(_tensor(tensors, device), _tensor(units, device), self.scale)


@dataclass(frozen=True, config=STRICT)
class NormalJeffreys:
    """p(z) ~ 1 / z for each group's scale: improper, so it raises MdlError wherever it is asked for."""

    kind: Literal["normal-jeffreys"] = Field(default="normal-jeffreys", kw_only=True)
    closed: ClassVar[bool] = False

    def __post_init__(self) -> None:
        raise MdlError("normal-Jeffreys is a prior without density (its integral is infinite): take 'horseshoe'")

    def model(self, layout: Layout, device: torch.device, start: float) -> "PriorModel":
        """Never: there is no such object."""
        raise NotImplementedError


Prior = Annotated[Gaussian | ScaleMixture | NormalGamma | Horseshoe | NormalJeffreys, Field(discriminator="kind")]


def groups_of(layout: Layout, per: Literal["tensor", "output"]) -> IntArray:
    """Numbers (P,) that count the tensors, or the output units and channels of the tensors that have some.

    >>> groups_of(Layout(("weight", "bias"), ((2, 2), (2,))), "output")
    array([0, 0, 1, 1, 2, 2])
    """
    counts = [shape[0] if per == "output" and len(shape) > 1 else 1 for shape in layout.shapes]
    starts = np.cumsum([0, *counts[:-1]])
    each = [
        start + np.repeat(np.arange(count), size // count)
        for start, count, size in zip(starts, counts, layout.sizes, strict=True)
    ]
    return np.concatenate(each).astype(np.int64)


def _tensor(groups: IntArray, device: torch.device) -> Tensor:
    return torch.from_numpy(groups).to(device)
