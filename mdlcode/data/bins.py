"""Real-valued targets as whole numbers: the grid that both sides know, by its range and precision."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode.coding.binned import MOST_BINS
from mdlcode.config import STRICT, Settings
from mdlcode.errors import MdlError
from mdlcode.typing import FloatArray, IntArray

_FITS = 1e-6  # of a bin: how far the range may be from a whole number of bins


@dataclass(frozen=True, config=STRICT)
class Bins(Settings):
    """The values low, low + precision, ..., high: label k stands for low + k precision, and what is nearest to it.

    K = (high - low) / precision + 1 of them. Range and precision are shared knowledge as a list of classes is, so
    they must be stated and not be read off the labels: a wider range makes every ratio to the uniform code look
    better, and halving the precision adds about one bit a label to every code. Raises MdlError for numbers that
    are not finite, a range that is empty or no multiple of the precision, and more than 2^22 bins.

    >>> len(Bins(low=0, high=100, precision=0.5))
    201
    """

    low: float
    high: float
    precision: float

    def __post_init__(self) -> None:
        numbers = self.low, self.high, self.precision
        if not (np.isfinite(numbers).all() and self.precision > 0 and self.high > self.low):
            raise MdlError(
                f"targets from {self.low:g} to {self.high:g} at precision {self.precision:g}: the range must rise, and"
                " the precision be above 0"
            )
        steps = (self.high - self.low) / self.precision
        if steps >= MOST_BINS:
            raise MdlError(
                f"{self} has {steps + 1:,.0f} bins: {MOST_BINS:,} can be told apart, take a coarser precision"
            )
        if round(steps) < 1 or abs(steps - round(steps)) > _FITS * max(1.0, steps):
            raise MdlError(f"{self}: the range must be a whole number of precisions wide, not {steps:g}")

    @classmethod
    def proposed(cls, values: Any, precision: float) -> "Bins":
        """The range of these values at that precision, with a warning: it is read off them, and Bob gets it for free.

        State a range that was known beforehand where you can.
        """
        array = _as_reals(values, "the targets")
        low = float(np.floor(array.min() / precision) * precision)
        high = low + precision * max(1, int(np.ceil((array.max() - low) / precision)))
        bins = cls(low, high, precision)
        warnings.warn(f"the range {low:g} to {high:g} is read off the targets, and costs no bits", stacklevel=2)
        return bins

    def __len__(self) -> int:
        return round((self.high - self.low) / self.precision) + 1

    def __str__(self) -> str:
        return f"targets from {self.low:g} to {self.high:g} at precision {self.precision:g}"

    def encode(self, values: Any, what: str = "the targets") -> IntArray:
        """The label (n,) of each value, that of the nearest of the bins' values.

        Raises MdlError for values that are no real numbers, missing ones, and those outside the range.

        >>> Bins(0, 10, 0.5).encode([0, 2.7, 10])
        array([ 0,  5, 20])
        """
        array = _as_reals(values, what)
        labels = np.rint((array - self.low) / self.precision)
        outside = (labels < 0) | (labels >= len(self))
        if outside.any():
            raise MdlError(
                f"{what} hold {array[outside][0]:g}, outside of the range {self.low:g} to {self.high:g}: state a range"
                " that holds all of them"
            )
        return labels.astype(np.int64)

    def decode(self, labels: IntArray) -> FloatArray:
        """The values (n,) that labels stand for.

        >>> Bins(0, 10, 0.5).decode(np.array([0, 5])).tolist()
        [0.0, 2.5]
        """
        # Not low + k * precision: the last is to be `high`, and 0.3 to be 0.3 and not 0.30000000000000004.
        share = labels / (len(self) - 1)
        values: FloatArray = np.round(self.low + share * (self.high - self.low), _decimals(self.precision))
        return values


def _decimals(precision: float) -> int:
    """So many decimals that rounding to them moves no value by a millionth of a bin."""
    return max(0, 6 - int(np.floor(np.log10(precision))))


def _as_reals(values: Any, what: str) -> FloatArray:
    """The values as float64 (n,). Raises MdlError for what is no list of finite real numbers."""
    try:
        held: NDArray[Any] = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
        array: FloatArray = held.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise MdlError(f"{what} are no real numbers: {' '.join(str(error).split())}") from None
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or len(array) == 0:
        raise MdlError(f"{what} must be a non-empty list with one number each, not of shape {array.shape}")
    masked = isinstance(values, np.ma.MaskedArray) and bool(np.ma.getmaskarray(values).any())
    if masked or not np.isfinite(array).all():
        raise MdlError(f"{what} hold missing (NaN), masked or infinite values: drop those examples first")
    return array
