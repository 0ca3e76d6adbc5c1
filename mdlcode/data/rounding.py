"""Numbers in float32, and whether they can still be told apart."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdlcode.errors import MdlError
from mdlcode.typing import FloatArray

_LOST_SHARE = 0.01  # of a feature's deviation, the largest rounding to float32 that is taken


class Rounding:
    """Rounds arrays (m, ..., F) to float32, one after the other, and notes what each feature loses.

    >>> rounding = Rounding()
    >>> rounding.of(np.array([[1e9], [1e9 + 1]])).dtype
    dtype('float32')
    >>> rounding.check()
    Traceback (most recent call last):
    ...
    mdlcode.errors.MdlError: float32 can't tell the values of feature 0 apart (around 1000000000, deviation 0.5): ...
    """

    def __init__(self) -> None:
        self._count = 0
        self._lost: FloatArray
        self._low: FloatArray
        self._high: FloatArray
        self._mean: FloatArray
        self._squares: FloatArray  # of what the values differ from their mean by, summed

    def of(self, array: NDArray[Any]) -> FloatArray:
        """The values in float32."""
        with np.errstate(over="ignore", invalid="ignore"):
            rounded: FloatArray = array.astype(np.float32)
            if array.ndim > 1 and array.dtype.itemsize >= 4 and array.size:
                wide = array.reshape(-1, array.shape[-1])  # features, or the last axis of images and series
                self._note(wide, np.abs(wide - rounded.reshape(wide.shape).astype(np.float64)).max(axis=0))
        return rounded

    def _note(self, wide: NDArray[Any], lost: FloatArray) -> None:
        """Means and squares of pieces are put together as Chan, Golub & LeVeque 1979 have it."""
        count, low, high = len(wide), wide.min(axis=0), wide.max(axis=0)
        mean, squares = wide.mean(axis=0, dtype=np.float64), count * wide.var(axis=0, dtype=np.float64)
        if self._count:
            total, apart = self._count + count, mean - self._mean
            squares = squares + self._squares + np.square(apart) * (self._count * count / total)
            mean = self._mean + apart * (count / total)
            lost, low = np.maximum(lost, self._lost), np.minimum(low, self._low)
            high, count = np.maximum(high, self._high), total
        self._count, self._lost, self._low, self._high = count, lost, low, high
        self._mean, self._squares = mean, squares

    def check(self) -> None:
        """Raises MdlError for a feature whose differences were lost in the rounding."""
        if not self._count:
            return
        with np.errstate(invalid="ignore"):
            deviation = np.sqrt(self._squares / self._count)
            bad = np.flatnonzero((self._high > self._low) & (self._lost > _LOST_SHARE * deviation))
        if len(bad):
            raise MdlError(
                f"float32 can't tell the values of feature {bad[0]} apart (around {self._low[bad[0]]:.10g}, deviation"
                f" {deviation[bad[0]]:.3g}): subtract its mean first"
            )
