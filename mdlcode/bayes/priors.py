"""Priors over weights, as configs that make Pyro models of them."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import torch
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode.bayes.densities import Density, Normals, TwoNormals
from mdlcode.bayes.levels import scales
from mdlcode.bayes.posterior import Layout
from mdlcode.config import STRICT, Configurable, parsed
from mdlcode.errors import MdlError
from mdlcode.typing import IntArray

if TYPE_CHECKING:
    from mdlcode.bayes.models import PriorModel


class Prior(Configurable, ABC):
    """A distribution of the weights before any label."""

    @abstractmethod
    def model(self, layout: Layout, start: Tensor) -> "PriorModel":
        """A module trained with the posterior, its scales near `start` (P,) at first; its `sample` is a Pyro model."""


class CodedPrior(Prior):
    """A prior of independent weights in closed form, known from levels of 8 bits each: a code can send under it."""

    @abstractmethod
    def num_levels(self, layout: Layout) -> int:
        """How many learned numbers are sent as levels."""

    @abstractmethod
    def density(self, layout: Layout, levels: IntArray | None) -> Density:
        """The prior of each weight, from the levels sent; they are None where `num_levels` is 0."""


@dataclass(frozen=True, config=STRICT)
class Gaussian(CodedPrior):
    """N(0, scale^2) for each weight. Without a `scale` one is learned and paid for, 8 bits each.

    There is one scale for each tensor, or for each output unit or channel of it (`per` "output").
    """

    kind: Literal["gaussian"] = Field(default="gaussian", kw_only=True)
    scale: float | None = Field(default=None, gt=0)
    per: Literal["tensor", "output"] = "tensor"

    def model(self, layout: Layout, start: Tensor) -> "PriorModel":
        """One learned scale for each group, or the scale given."""
        from mdlcode.bayes.models import LearnedGaussian

        start = start if self.scale is None else torch.full_like(start, self.scale)
        return LearnedGaussian(_tensor(self._groups(layout), start.device), start, self.scale is None)

    def num_levels(self, layout: Layout) -> int:
        """One for each group, none with a given `scale`."""
        return 0 if self.scale is not None else count_of(self._groups(layout))

    def density(self, layout: Layout, levels: IntArray | None) -> Normals:
        """N(0, scale^2) for each weight."""
        groups = self._groups(layout)
        return Normals(np.full(len(groups), self.scale) if levels is None else scales(levels)[groups])

    def _groups(self, layout: Layout) -> IntArray:
        return groups_of(layout, self.per)


@dataclass(frozen=True, config=STRICT)
class ScaleMixture(CodedPrior):
    """share N(0, wide^2) + (1 - share) N(0, narrow^2) for each weight (Blundell et al. 2015).

    Both scales and the share are learned for each tensor, or each output of it, and paid for, 8 bits each.
    Weights that the predictions hardly depend on come under the narrow Gaussian, where they cost almost no bits.
    Use it with a sparse `start`: the posterior of a dense net is wider at first than the narrow Gaussian is.
    """

    kind: Literal["scale-mixture"] = Field(default="scale-mixture", kw_only=True)
    per: Literal["tensor", "output"] = "tensor"

    def model(self, layout: Layout, start: Tensor) -> "PriorModel":
        """Both scales and the odds of the wide one, for each group."""
        from mdlcode.bayes.models import LearnedMixture

        return LearnedMixture(_tensor(groups_of(layout, self.per), start.device), start)

    def num_levels(self, layout: Layout) -> int:
        """Three for each group."""
        return 3 * count_of(groups_of(layout, self.per))

    def density(self, layout: Layout, levels: IntArray | None) -> TwoNormals:
        """Two Gaussians for each weight; levels of all wide scales, all narrow ones, all odds of being wide."""
        if levels is None:
            raise MdlError("a scale mixture is learned: its levels are missing")
        wide, narrow, odds = (scales(each)[groups_of(layout, self.per)] for each in np.split(levels, 3))
        return TwoNormals(wide, narrow, odds / (1 + odds))


@dataclass(frozen=True, config=STRICT)
class SparsePrior(Gaussian):
    """As `Gaussian` for the weights that the learner's `start` left other than 0; which these are is sent as a mask.

    Worth it where whole rows, columns or kernels are 0: a mask says so in fewer bits than a mixture.
    """

    kind: Literal["sparse"] = Field(default="sparse", kw_only=True)  # type: ignore[assignment]

    def sparse_model(self, layout: Layout, start: Tensor, kept: Tensor) -> "PriorModel":
        """As `model`; of weights that are not `kept` (P,) the prior, as the posterior, is 0."""
        from mdlcode.bayes.models import LearnedSparse

        return LearnedSparse(_tensor(self._groups(layout), start.device), start, kept)


@dataclass(frozen=True, config=STRICT)
class NormalGamma(Prior):
    """N(0, 1 / t), the precision t of each tensor drawn from Gamma(shape, rate): the conjugate prior."""

    kind: Literal["normal-gamma"] = Field(default="normal-gamma", kw_only=True)
    shape: float = Field(default=1.0, gt=0)
    rate: float = Field(default=0.01, gt=0)

    def model(self, layout: Layout, start: Tensor) -> "PriorModel":
        """One precision for each tensor, a latent variable."""
        from mdlcode.bayes.models import Conjugate

        return Conjugate(_tensor(groups_of(layout, "tensor"), start.device), self.shape, self.rate)


@dataclass(frozen=True, config=STRICT)
class Horseshoe(Prior):
    """N(0, (a b)^2) with half-Cauchy a for each tensor and b for each output unit (Louizos et al. 2017)."""

    kind: Literal["horseshoe"] = Field(default="horseshoe", kw_only=True)
    scale: float = Field(default=0.1, gt=0)

    def model(self, layout: Layout, start: Tensor) -> "PriorModel":
        """One scale for each tensor and one for each unit, latent variables."""
        from mdlcode.bayes.models import GroupHorseshoe

        tensors, units = groups_of(layout, "tensor"), groups_of(layout, "output")
        return GroupHorseshoe(_tensor(tensors, start.device), _tensor(units, start.device), self.scale)


def parse_prior(value: Any) -> Any:
    """A prior from a config of one's own; an instance of `Prior` as it is. What the config names is imported."""
    return parsed(value, Prior, "prior")


AnyPrior = Annotated[Prior, BeforeValidator(parse_prior)]


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


def count_of(groups: IntArray) -> int:
    """How many groups there are.

    >>> count_of(np.array([0, 0, 1]))
    2
    """
    return int(groups[-1]) + 1


def _tensor(groups: IntArray, device: torch.device) -> Tensor:
    return torch.from_numpy(groups).to(device)
