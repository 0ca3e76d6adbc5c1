"""Rows of probabilities as they are sent: with a little of the uniform distribution, and few of them at once."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mdlcode.coding.entropy_models import Categories, Coder, EntropyModel, Told
from mdlcode.errors import MdlError
from mdlcode.typing import FloatArray, IntArray

_ROW_SUM_TOLERANCE = 1e-4
_MOST_SYMBOLS = 1 << 20
_ENTRIES_AT_ONCE = 1 << 17  # few enough for a processor's cache
_LEAST_AT_ONCE = 64  # rows, however long they are


def smoothing(num_symbols: int) -> float:
    """Share eps of the uniform distribution that every row of probabilities gets: max(2^-16, K 2^-20).

    No symbol costs more than about log2(K / eps) bits by it, however confident and wrong a row is. (The coder's
    own floor, one part of 2^24, would be 24 bits.)

    >>> smoothing(10) == 2**-16, smoothing(1000) == 1000 * 2**-20
    (True, True)
    """
    return max(2.0**-16, num_symbols * 2.0**-20)


def smooth(probs: FloatArray, axis: int = -1) -> FloatArray:
    """Rows (n, K) of float64 that sum to 1 and are never 0: (1 - eps) p + eps / K, after `p / sum p`.

    Rows lie along `axis` of an array of two dimensions or more. Raises MdlError for rows that are no distribution: NaN,
    negative, or a sum away from 1 by over 1e-4; and for K above 2^20, where eps would pass 1.

    >>> smooth(np.array([[1.0, 0.0]])).round(6)
    array([[9.99992e-01, 8.00000e-06]])
    """
    probs = np.ascontiguousarray(probs, dtype=np.float64)
    if probs.ndim < 2 or probs.shape[axis] < 2:
        raise MdlError(f"probabilities must have shape (labels, classes >= 2), not {probs.shape}")
    num_symbols = probs.shape[axis]
    if num_symbols > _MOST_SYMBOLS:
        raise MdlError(f"{num_symbols:,} classes are too many for the coder: give it {_MOST_SYMBOLS:,} at most")
    sums = probs.sum(axis=axis, keepdims=True)
    # A NaN fails every comparison, so one test refuses NaN, infinities and rows off 1 alike.
    if not (np.abs(sums - 1.0) <= _ROW_SUM_TOLERANCE).all() or probs.min(initial=0.0) < 0:
        raise MdlError("a predictor gave rows that are no probabilities: finite, >= 0 and of sum 1 is needed")
    eps = smoothing(num_symbols)
    smoothed: FloatArray = probs / sums
    smoothed *= 1.0 - eps
    smoothed += eps / num_symbols
    return smoothed


@dataclass(frozen=True, eq=False)
class Smoothed(EntropyModel):
    """Symbols under rows (n, K) of probabilities that are smoothed as they are needed: `Categories` of few at once.

    Raises MdlError, where bits are counted, as `smooth` does.

    >>> Smoothed(np.array([[0.25, 0.75]])).bits(np.array([1])).round(4)
    array([0.415])
    """

    probs: FloatArray

    def __len__(self) -> int:
        return len(self.probs)

    def bits(self, symbols: IntArray) -> FloatArray:
        """As of `EntropyModel`."""
        return np.concatenate([rows.bits(symbols[part]) for part, rows in self._pieces()])

    def told(self, symbols: IntArray) -> Told:
        """As of `EntropyModel`."""
        return Told.joined([rows.told(symbols[part]) for part, rows in self._pieces()])

    def entropy_bits(self) -> float:
        """As of `EntropyModel`."""
        return math.fsum(rows.entropy_bits() for _, rows in self._pieces())

    def push(self, coder: Coder, symbols: IntArray) -> None:
        """As of `EntropyModel`."""
        self.told(symbols).push(coder, symbols)

    def pop(self, coder: Coder) -> IntArray:
        """As of `EntropyModel`."""
        return np.concatenate([rows.pop(coder) for _, rows in self._pieces()])

    def _pieces(self) -> Iterator[tuple[slice, Categories]]:
        """The rows, smoothed, with their places; no rows are one piece."""
        step = max(_LEAST_AT_ONCE, _ENTRIES_AT_ONCE // max(1, self.probs.shape[-1]))
        for start in range(0, max(1, len(self)), step):
            part = slice(start, start + step)
            yield part, Categories(smooth(self.probs[part]))
