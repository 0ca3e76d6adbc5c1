"""Priors over weights, as configs that make Pyro distributions."""

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from mdlcode.bayes.posterior import SCALE_LEVELS, Layout
from mdlcode.config import STRICT
from mdlcode.typing import FloatArray, IntArray

if TYPE_CHECKING:
    from pyro.distributions.torch_distribution import TorchDistributionMixin

# A level stands for 2^(level / 16 - 12), so from 2^-12 to nearly 2^4.
_PER_OCTAVE, _LEAST_LOG2 = 16, -12.0
_START = 0.1


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
    return np.clip(levels, 0, SCALE_LEVELS - 1).astype(np.int64)


@dataclass(frozen=True, config=STRICT)
class Gaussian:
    """N(0, scale^2) for each weight. Without a `scale` one is learned and paid for, 8 bits each.

    There is one scale for each tensor, or for each output unit or channel of it (`per` "output").
    """

    kind: Literal["gaussian"] = Field(default="gaussian", kw_only=True)
    scale: float | None = Field(default=None, gt=0)
    per: Literal["tensor", "output"] = "tensor"

    def groups(self, layout: Layout) -> IntArray:
        """The number (P,) of the scale that each weight has."""
        counts = [shape[0] if self.per == "output" and len(shape) > 1 else 1 for shape in layout.shapes]
        starts = np.cumsum([0, *counts[:-1]])
        each = [
            start + np.repeat(np.arange(count), size // count)
            for start, count, size in zip(starts, counts, layout.sizes, strict=True)
        ]
        return np.concatenate(each).astype(np.int64)

    def learned(self, layout: Layout, device: torch.device) -> "LearnedGaussian":
        """The prior as a module whose parameters are trained with the posterior."""
        groups = self.groups(layout)
        start = torch.full((int(groups.max()) + 1,), np.log(self.scale or _START), device=device)
        return LearnedGaussian(torch.from_numpy(groups).to(device), start, fixed=self.scale is not None)


class LearnedGaussian(nn.Module):
    """N(0, exp(log_scale)^2), the scales shared within groups of weights."""

    def __init__(self, groups: Tensor, log_scale: Tensor, fixed: bool) -> None:
        super().__init__()
        self.groups: Tensor
        self.register_buffer("groups", groups)
        self.log_scale = nn.Parameter(log_scale, requires_grad=not fixed)

    def distribution(self) -> "TorchDistributionMixin":
        """The prior of the flat weights (P,), one event."""
        from pyro.distributions import Normal

        deviations = self.log_scale.exp()[self.groups]
        prior: TorchDistributionMixin = Normal(torch.zeros_like(deviations), deviations).to_event(1)  # type: ignore[no-untyped-call]
        return prior
