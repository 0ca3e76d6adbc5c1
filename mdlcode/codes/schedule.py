"""Time steps of a prequential code: after how many labels the learners are trained again."""

from itertools import pairwise
from math import ceil
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from mdlcode.config import STRICT, Settings
from mdlcode.errors import MdlError


@dataclass(frozen=True, config=STRICT)
class Geometric(Settings):
    """Time steps first, first * ratio, first * ratio^2, ..., n.

    >>> Geometric(first=8).stops(100)
    [8, 16, 32, 64, 100]
    """

    kind: Literal["geometric"] = Field(default="geometric", kw_only=True)
    first: int = Field(default=8, ge=1)
    ratio: float = Field(default=2.0, gt=1)

    def stops(self, num_labels: int) -> list[int]:
        """The time steps t_1 < ... < t_S = n."""
        stops, exact = [min(self.first, num_labels)], float(self.first)
        while stops[-1] < num_labels:
            exact = max(exact * self.ratio, stops[-1] + 1)
            stops.append(min(round(exact), num_labels))
        return stops


@dataclass(frozen=True, config=STRICT)
class Listed(Settings):
    """The given time steps, and n after the last.

    >>> Listed((10, 50)).stops(100)
    [10, 50, 100]
    """

    kind: Literal["listed"] = Field(default="listed", kw_only=True)
    steps: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1)

    def __post_init__(self) -> None:
        if any(later <= earlier for earlier, later in pairwise(self.steps)):
            raise MdlError(f"time steps must rise, these do not: {', '.join(map(str, self.steps))}")

    def stops(self, num_labels: int) -> list[int]:
        """The time steps t_1 < ... < t_S = n. Raises MdlError where they go past n."""
        if self.steps[-1] > num_labels:
            raise MdlError(f"time step {self.steps[-1]} lies past the {num_labels} labels: leave it out")
        return [*self.steps, *([num_labels] if self.steps[-1] < num_labels else [])]


@dataclass(frozen=True, config=STRICT)
class Portions(Settings):
    """Time steps at the given shares of n, rounded up.

    >>> Portions((0.1, 0.5)).stops(25)
    [3, 13, 25]
    """

    kind: Literal["portions"] = Field(default="portions", kw_only=True)
    shares: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(min_length=1)

    def __post_init__(self) -> None:
        if any(later <= earlier for earlier, later in pairwise(self.shares)):
            raise MdlError(f"shares must rise, these do not: {', '.join(map(str, self.shares))}")

    def stops(self, num_labels: int) -> list[int]:
        """The time steps t_1 < ... < t_S = n; shares of the same label are one time step."""
        return sorted({ceil(share * num_labels) for share in (*self.shares, 1.0)})


# The time steps of Blier & Ollivier 2018, appendix D: 8 .. 32768 on MNIST, 10 .. 40960 on CIFAR-10.
# The portions of Voita & Titov 2020 (arXiv 2003.12298) for probing.
NAMED: dict[str, Geometric | Listed | Portions] = {
    "paper-mnist": Geometric(first=8),
    "paper-cifar10": Geometric(first=10),
    "probing": Portions((0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5)),
}


def _named(value: Any) -> Any:
    if isinstance(value, str):
        if value not in NAMED:
            raise MdlError(f"no schedule named '{value}': {', '.join(NAMED)}")
        return NAMED[value]
    return value


Schedule = Annotated[Annotated[Geometric | Listed | Portions, Field(discriminator="kind")], BeforeValidator(_named)]
