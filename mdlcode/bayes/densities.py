"""Priors of weights as numbers, the same ones for Alice and Bob: what a posterior is measured against."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from mdlcode.errors import MdlError
from mdlcode.typing import FloatArray, IntArray

_NODES = np.linspace(-8.0, 8.0, 129)  # of a trapezoid rule over a Gaussian, whose error falls exponentially
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


class Density(ABC):
    """Independent densities of P weights, each a mixture of Gaussians round zero."""

    @property
    @abstractmethod
    def scale(self) -> FloatArray:
        """The widest deviation (P,) of each."""

    @property
    @abstractmethod
    def components(self) -> list[tuple[FloatArray, FloatArray]]:
        """Share (P,) and deviation (P,) of each Gaussian."""

    @abstractmethod
    def kl_bits(self, mean: FloatArray, sd: FloatArray) -> FloatArray:
        """KL(N(mean, sd^2) || density) in bits of each weight (P,)."""

    @abstractmethod
    def take(self, which: IntArray | slice) -> "Density":
        """Those of some of the weights."""

    def __len__(self) -> int:
        return len(self.scale)


@dataclass(frozen=True, eq=False)
class Normals(Density):
    """N(0, sd^2) of each weight.

    >>> Normals(np.full(2, 2.0)).kl_bits(np.zeros(2), np.ones(2)).round(4)  # 1 - 3/8 / ln 2
    array([0.459, 0.459])
    """

    sd: FloatArray  # (P,)

    def __post_init__(self) -> None:
        _require_positive("the prior's deviation", self.sd)

    @property
    def scale(self) -> FloatArray:
        """As of `Density`."""
        return self.sd

    @property
    def components(self) -> list[tuple[FloatArray, FloatArray]]:
        """As of `Density`."""
        return [(np.ones_like(self.sd), self.sd)]

    def kl_bits(self, mean: FloatArray, sd: FloatArray) -> FloatArray:
        """As of `Density`, in closed form."""
        return kl_bits((mean, sd), (np.zeros_like(mean), self.sd))

    def take(self, which: IntArray | slice) -> "Normals":
        """As of `Density`."""
        return Normals(self.sd[which])


@dataclass(frozen=True, eq=False)
class TwoNormals(Density):
    """share N(0, wide^2) + (1 - share) N(0, narrow^2) of each weight: most weights are near 0, a few are large.

    >>> one = np.ones(1)
    >>> TwoNormals(one, 0.1 * one, 0.5 * one).kl_bits(0 * one, 0.1 * one).round(2)  # nearly the narrow one
    array([0.72])
    """

    wide: FloatArray  # (P,)
    narrow: FloatArray  # (P,)
    share: FloatArray  # (P,)

    def __post_init__(self) -> None:
        _require_positive("the prior's wide deviation", self.wide)
        _require_positive("the prior's narrow deviation", self.narrow)
        if not ((self.share > 0) & (self.share < 1)).all():
            raise MdlError("a share of a scale mixture is not between 0 and 1")

    @property
    def scale(self) -> FloatArray:
        """As of `Density`."""
        return np.maximum(self.wide, self.narrow)

    @property
    def components(self) -> list[tuple[FloatArray, FloatArray]]:
        """As of `Density`."""
        return [(self.share, self.wide), (1 - self.share, self.narrow)]

    def kl_bits(self, mean: FloatArray, sd: FloatArray) -> FloatArray:
        """As of `Density`, by quadrature: exact to about 1e-6 bits while sd is at most 5 narrow deviations."""
        weights = np.exp(-0.5 * _NODES**2)
        weights /= weights.sum()
        inner = sum(weight * self._log(mean + sd * node) for weight, node in zip(weights, _NODES, strict=True))
        nats: FloatArray = -_HALF_LOG_2PI - 0.5 - np.log(sd) - inner
        return nats / math.log(2)

    def take(self, which: IntArray | slice) -> "TwoNormals":
        """As of `Density`."""
        return TwoNormals(self.wide[which], self.narrow[which], self.share[which])

    def _log(self, weights: FloatArray) -> FloatArray:
        logs = [np.log(share) - np.log(sd) - _HALF_LOG_2PI - 0.5 * (weights / sd) ** 2 for share, sd in self.components]
        density: FloatArray = np.logaddexp(*logs)
        return density


def kl_bits(posterior: tuple[FloatArray, FloatArray], prior: tuple[FloatArray, FloatArray]) -> FloatArray:
    """KL(N(m, s^2) || N(m0, s0^2)) in bits, each weight apart; pairs of mean and standard deviation.

    log2(s0 / s) + ((s^2 + (m - m0)^2) / s0^2 - 1) / (2 ln 2)

    >>> one, two = np.ones(1), 2 * np.ones(1)
    >>> kl_bits((0 * one, one), (0 * one, two)).round(4)  # 1 - 3/8 / ln 2
    array([0.459])
    """
    (mean, sd), (prior_mean, prior_sd) = posterior, prior
    square = (sd**2 + (mean - prior_mean) ** 2) / prior_sd**2
    return np.log2(prior_sd / sd) + (square - 1) / (2 * math.log(2))


def _require_positive(name: str, values: FloatArray) -> None:
    """Raises MdlError, with its name, for a deviation that is not finite and positive."""
    if not np.isfinite(values).all():
        raise MdlError(f"{name} is not finite for each of {len(values)} weights")
    if not (values > 0).all():
        where = int(np.argmin(values))
        raise MdlError(f"{name} collapsed to zero at weight {where}, so it has no density: lower the rate")
