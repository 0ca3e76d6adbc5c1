"""Calibration on what Bob has: temperatures weighed by how well they did on the labels already sent."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode.codes.mixture import Bayes, Mixture, Switch
from mdlcode.config import STRICT, Settings
from mdlcode.typing import FloatArray


@dataclass(frozen=True, config=STRICT)
class Identity(Settings):
    """Predictions as they are."""

    kind: Literal["none"] = Field(default="none", kw_only=True)

    @property
    def rule(self) -> Mixture:
        """There is one variant, so no rule matters."""
        return Bayes()

    @property
    def prior(self) -> FloatArray:
        """All weight on the one variant."""
        return np.ones(1)

    @property
    def temperatures(self) -> tuple[float, ...]:
        """The one that changes nothing."""
        return (1.0,)

    @property
    def uniform_shares(self) -> tuple[float, ...]:
        """Nothing of the uniform distribution."""
        return (0.0,)


_GRID = Field(min_length=1, max_length=100)
_Temperatures = Annotated[tuple[Annotated[float, Field(ge=0.01, le=100)], ...], _GRID]
_Shares = Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], _GRID]


@dataclass(frozen=True, config=STRICT)
class Temperature(Settings):
    """A mixture of softmax(log p / T) and of a little of the uniform distribution, over a grid.

    The variants' weights start from a prior at T = 1, exp(-(ln T)^2 / (2 width^2)), and follow their
    likelihood label by label. They follow the switch distribution, since later nets need other
    temperatures: against the best fixed variant g it costs at most log2(2 / prior_g) bits. Densities of real-valued
    targets are made wider or narrower, by sqrt(T) a Gaussian.
    """

    kind: Literal["temperature"] = Field(default="temperature", kw_only=True)
    temperatures: _Temperatures = (0.5, 0.6, 0.72, 0.85, 1.0, 1.2, 1.45, 1.75, 2.1, 2.5, 3.0)
    uniform_shares: _Shares = (0.0, 0.003, 0.03, 0.2)
    width: float = Field(default=0.5, gt=0.01)

    @property
    def rule(self) -> Mixture:
        """The switch distribution."""
        return Switch()

    @property
    def prior(self) -> FloatArray:
        """Prior weights of the variants (G,), temperature by uniform share."""
        over_t = np.exp(-np.square(np.log(self.temperatures)) / (2 * self.width**2))
        both = np.repeat(over_t, len(self.uniform_shares))
        weights: FloatArray = both / both.sum()
        return weights


Calibration = Annotated[Identity | Temperature, Field(discriminator="kind")]
