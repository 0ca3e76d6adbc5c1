"""From weights to few values with an exact zero, and how these values are sent."""

from abc import ABC, abstractmethod
from dataclasses import dataclass as plain_dataclass
from typing import Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode.coding.channel import Channel
from mdlcode.coding.integers import send_choice, send_float16, send_integer
from mdlcode.config import STRICT, Settings
from mdlcode.errors import MdlError
from mdlcode.learn.squeeze.compress import kmeans_levels, nearest, uniform_levels
from mdlcode.typing import FloatArray, IntArray

_GRID, _LEVELS = range(2)
_DIVISORS = 16  # the least value may be so many steps away from zero
_OFF_GRID = 1e-3  # of a step
LARGEST = 255  # steps from zero, or levels


@plain_dataclass(frozen=True)
class Alphabet:
    """The values (L,) of the symbols 0 .. L-1 of a tensor; symbol 0 is an exact zero.

    On a grid the symbols are 0, +1, -1, +2, -2, ... steps; otherwise the levels ascend.
    """

    values: FloatArray
    grid: bool

    @property
    def size(self) -> int:
        """Number of symbols."""
        return len(self.values)


def grid(step: float, furthest: int) -> Alphabet:
    """0, +step, -step, ... up to `furthest` steps.

    >>> grid(0.5, 1).values.tolist()
    [0.0, 0.5, -0.5]
    """
    steps = np.arange(1, furthest + 1)
    return Alphabet(step * np.concatenate([[0], np.stack([steps, -steps], 1).ravel()]), grid=True)


def levels(values: FloatArray) -> Alphabet:
    """0 and then the other values, which ascend."""
    return Alphabet(np.concatenate([[0.0], np.unique(values[values != 0])]), grid=False)


def send_alphabet(channel: Channel, alphabet: Alphabet | None, part: str) -> Alphabet:
    """The alphabet with its step, or all its levels, rounded to float16: what both sides predict with."""
    kind = send_choice(channel, None if alphabet is None else (_LEVELS, _GRID)[alphabet.grid], 2, part)
    scale = 2 if kind == _GRID else 1
    count = send_integer(channel, None if alphabet is None else (alphabet.size - 1) // scale, part)
    if count > LARGEST:
        raise MdlError("the message's values are of no net that was sent so: is it of another architecture?")
    if kind == _LEVELS:
        sent = send_float16(channel, None if alphabet is None else alphabet.values[1:], count, part)
        return Alphabet(np.concatenate([[0.0], sent]), grid=False)
    step = send_float16(channel, None if alphabet is None else alphabet.values[1:2], min(count, 1), part)
    return grid(float(step[0]) if count else 0.0, count)


class Quantiser(Settings, ABC):
    """Chooses the alphabet of a tensor; each weight is then taken to its nearest value."""

    @abstractmethod
    def alphabet(self, weights: FloatArray) -> Alphabet:
        """The alphabet for these weights (n,)."""


@dataclass(frozen=True, config=STRICT)
class AsTrained(Quantiser):
    """For nets that hold few values already: their grid, where there is one, else all their values."""

    kind: Literal["as-trained"] = Field(default="as-trained", kw_only=True)

    def alphabet(self, weights: FloatArray) -> Alphabet:
        """Raises MdlError where a tensor holds more than 255 values beside zero."""
        found = found_grid(weights) or levels(weights)
        if found.size > 1 + 2 * LARGEST:
            raise MdlError(f"a tensor holds {found.size} values, over 255: quantise it ('grid' or 'k-means')")
        return found


@dataclass(frozen=True, config=STRICT)
class Grid(Quantiser):
    """Whole multiples of a step, `levels` of them, of which 0 is one (an even number is one level less)."""

    kind: Literal["grid"] = Field(default="grid", kw_only=True)
    levels: int = Field(default=15, ge=3, le=2 * LARGEST + 1)

    def alphabet(self, weights: FloatArray) -> Alphabet:
        """The furthest weight is the furthest multiple."""
        step = uniform_levels(weights, self.levels)
        return grid(float(step[-1] - step[-2]), (self.levels - 1) // 2)


@dataclass(frozen=True, config=STRICT)
class KMeans(Quantiser):
    """The `levels` values, 0 one of them, that k-means finds (Han et al. 2016)."""

    kind: Literal["k-means"] = Field(default="k-means", kw_only=True)
    levels: int = Field(default=16, ge=3, le=LARGEST + 1)

    def alphabet(self, weights: FloatArray) -> Alphabet:
        """Lloyd's algorithm on the weights that are not zero, and on zero."""
        return levels(kmeans_levels(weights, self.levels))


def found_grid(weights: FloatArray) -> Alphabet | None:
    """The coarsest grid that holds all weights, to a thousandth of its step; None where there is none.

    >>> found_grid(np.array([-0.5, 0.0, 0.75])).values.tolist()
    [0.0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75]
    """
    values = np.unique(np.abs(weights[weights != 0]))
    if len(values) == 0:
        return grid(0.0, 0)
    if len(values) > LARGEST:
        return None
    for divisor in range(1, _DIVISORS + 1):
        multiples = values / (values[0] / divisor)
        steps = np.rint(multiples)
        if np.abs(multiples - steps).max() < _OFF_GRID and steps[-1] <= LARGEST:
            # The least squares fit of the step errs less than the least weight alone.
            return grid(float(values @ steps / (steps @ steps)), int(steps[-1]))
    return None


def symbols_of(weights: FloatArray, alphabet: Alphabet) -> IntArray:
    """The symbol of the nearest value for each weight; an exact zero stays one."""
    order = np.argsort(alphabet.values, kind="stable")
    symbols = np.zeros(len(weights), dtype=np.int64)
    some = np.flatnonzero(weights)
    symbols[some] = order[nearest(weights[some], alphabet.values[order])]
    return symbols
