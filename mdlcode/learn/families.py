"""Families of densities for real-valued targets: what a net's outputs or a regressor's residuals are taken to be."""

import math
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode.coding.binned import FamilyName, LocationScale
from mdlcode.config import STRICT, Settings
from mdlcode.typing import FloatArray, IntArray

# Location and scale of 0 stand for the middle of the range and a quarter of its width.
_QUARTERS = 4.0
_LEAST_SCALE_BINS = 0.25  # a narrower density would put nothing into the bins beside its own
_LARGEST_LOG = 20.0
_FIRST_DF, _LEAST_DF, _LARGEST_DF = 5.0, 1.0, 1000.0
_DF_GRID = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
_EM_STEPS = 30


@dataclass(frozen=True, config=STRICT)
class Normal(Settings):
    """exp(-z^2 / 2) / sqrt(2 pi)."""

    kind: Literal["gaussian"] = Field(default="gaussian", kw_only=True)

    @property
    def num_outputs(self) -> int:
        """Location and log scale."""
        return 2

    def nats(self, z: Tensor, outputs: Tensor) -> Tensor:
        """-log density (m,) of standardised residuals."""
        return 0.5 * z.square() + 0.5 * math.log(2 * math.pi)

    def fitted(self, z: FloatArray) -> tuple[float, float | None]:
        """The likeliest scale of residuals (m,), and degrees of freedom where there are such."""
        return float(np.sqrt(np.square(z).mean())), None


@dataclass(frozen=True, config=STRICT)
class Laplace(Settings):
    """exp(-|z|) / 2."""

    kind: Literal["laplace"] = Field(default="laplace", kw_only=True)

    @property
    def num_outputs(self) -> int:
        """Location and log scale."""
        return 2

    def nats(self, z: Tensor, outputs: Tensor) -> Tensor:
        """As of `Normal`."""
        return z.abs() + math.log(2)

    def fitted(self, z: FloatArray) -> tuple[float, float | None]:
        """As of `Normal`."""
        return float(np.abs(z).mean()), None


@dataclass(frozen=True, config=STRICT)
class StudentT(Settings):
    """Student's t, of `df` degrees of freedom, or of as many as are learned: by a net for each input."""

    kind: Literal["student-t"] = Field(default="student-t", kw_only=True)
    df: Annotated[float, Field(gt=0)] | None = None

    @property
    def num_outputs(self) -> int:
        """Location and log scale, and log degrees of freedom where they are learned."""
        return 2 if self.df is not None else 3

    def nats(self, z: Tensor, outputs: Tensor) -> Tensor:
        """As of `Normal`."""
        df = torch.full_like(z, self.df) if self.df is not None else _df(outputs[:, 2])
        constant = torch.lgamma(df / 2) - torch.lgamma((df + 1) / 2) + 0.5 * (df * math.pi).log()
        return constant + (df + 1) / 2 * torch.log1p(z.square() / df)

    def fitted(self, z: FloatArray) -> tuple[float, float | None]:
        """As of `Normal`, by expectation maximisation; the degrees of freedom are the likeliest of a few."""
        each = [(df, _t_scale(z, df)) for df in ((self.df,) if self.df is not None else _DF_GRID)]
        tensor = torch.from_numpy(z)
        nats = [float(StudentT(df).nats(tensor / s, tensor[:, None]).sum()) + len(z) * math.log(s) for df, s in each]
        df, scale = each[int(np.argmin(nats))]
        return scale, df


Family = Annotated[Normal | Laplace | StudentT, Field(discriminator="kind")]


def _t_scale(z: FloatArray, df: float) -> float:
    square = np.square(z)
    variance = square.mean()
    for _ in range(_EM_STEPS):
        variance = (square * (df + 1) / (df + square / variance)).mean()
    return float(np.sqrt(variance))


def _df(output: Tensor) -> Tensor:
    return (_LEAST_DF + (output + math.log(_FIRST_DF - _LEAST_DF)).clamp(max=_LARGEST_LOG).exp()).clamp(max=_LARGEST_DF)


@dataclass(frozen=True, config=STRICT)
class DensityHead:
    """Reads outputs (m, 2 or 3) as densities of a family over so many bins: location, log scale, degrees of freedom.

    Outputs of 0 are the middle of the range and a quarter of its width, so that both sides know the units.

    >>> head = DensityHead(Normal(), 100)
    >>> head.model(torch.zeros(1, 2)).scale, round(float(head.nats(torch.zeros(1, 2), torch.tensor([50]))), 2)
    (array([25.25]), 4.15)
    """

    family: Family
    num_bins: int

    @property
    def num_outputs(self) -> int:
        """Outputs that a net needs."""
        return self.family.num_outputs

    def nats(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """-log density (m,) at the middle of each target's bin, in nats: the loss of a training."""
        location, scale = self._placed(outputs)
        z = (targets + 0.5 - location) / scale
        return self.family.nats(z, outputs) + scale.log()

    def model(self, outputs: Tensor) -> LocationScale:
        """The distributions over bins that outputs stand for."""
        exact = outputs.detach().double().cpu()
        location, scale = (each.numpy() for each in self._placed(exact))
        df: FloatArray | None = None
        if isinstance(self.family, StudentT):
            given = self.family.df
            df = _df(exact[:, 2]).numpy() if given is None else np.full(len(location), given)
        return LocationScale(self.family.kind, location, scale, self.num_bins, df)

    def _placed(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        quarter = self.num_bins / _QUARTERS
        scale = quarter * outputs[:, 1].clamp(max=_LARGEST_LOG).exp() + _LEAST_SCALE_BINS
        return self.num_bins / 2 + quarter * outputs[:, 0], scale


def to_units(labels: IntArray, num_bins: int) -> FloatArray:
    """Targets (n,) in quarters of the range from its middle, as `DensityHead` counts.

    >>> to_units(np.array([0, 50, 99]), 100).round(2).tolist()
    [-1.98, 0.02, 1.98]
    """
    return np.asarray((labels + 0.5 - num_bins / 2) / (num_bins / _QUARTERS), dtype=np.float64)


def from_units(
    kind: FamilyName,
    location: FloatArray,
    scale: FloatArray,
    num_bins: int,
    df: FloatArray | None = None,
) -> LocationScale:
    """Densities whose location and scale (n,) are in these units."""
    quarter = num_bins / _QUARTERS
    wide = np.maximum(quarter * scale, _LEAST_SCALE_BINS)
    return LocationScale(kind, num_bins / 2 + quarter * location, wide, num_bins, df)
