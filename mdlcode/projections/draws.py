"""Random integers that are the same on every device, thread count and version of numpy."""

import numpy as np
from numpy.typing import NDArray

from mdlcode.typing import FloatArray, IntArray


class Draws:
    """What is drawn from a seed by the counter-based generator Philox (Salmon et al. 2011).

    Only its raw 64-bit words are used, a stream that numpy keeps the same in all versions (NEP 19). What
    is made of them is integers: no rounding tells one machine from another.

    >>> Draws(seed=0).signs(8).tolist()
    [1, 1, -1, 1, 1, -1, -1, 1]
    """

    def __init__(self, seed: int, stream: int = 0) -> None:
        """Different streams of a seed are independent."""
        self._philox = np.random.Philox(key=np.array([seed, stream], dtype=np.uint64))

    def words(self, count: int) -> NDArray[np.uint64]:
        """Uniform words (count,) of 64 bits."""
        return np.asarray(self._philox.random_raw(count), dtype=np.uint64)

    def signs(self, count: int) -> NDArray[np.int8]:
        """Signs (count,), each -1 or 1 with equal probability."""
        bits = np.unpackbits(self._bytes(-(-count // 64)), count=count, bitorder="little")
        return (2 * bits.astype(np.int8) - 1).astype(np.int8)

    def permutation(self, count: int) -> IntArray:
        """A permutation of 0 .. count-1: the order of as many words."""
        return np.argsort(self.words(count), kind="stable")

    def normals(self, count: int) -> FloatArray:
        """Numbers (count,) of mean 0 and variance 1, nearly normal: quarters, from the bits set in a word."""
        ones = np.unpackbits(self._bytes(count)).reshape(count, 64).sum(1, dtype=np.int64)
        quarters: FloatArray = (ones - 32) / 4
        return quarters

    def _bytes(self, words: int) -> NDArray[np.uint8]:
        return self.words(words).astype("<u8").view(np.uint8)
