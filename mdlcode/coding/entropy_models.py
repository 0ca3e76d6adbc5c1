"""What symbols are coded under: distributions that know their bits and how the ANS stack takes them.

The coder holds a probability as a whole number of parts of 2^24, at least one part. The bits that are counted
are -log2 of these parts, worked out as the coder does (constriction's "fast" categorical model, its uniform model
and its leaky quantizer), so that a ledger and a message never disagree about what a symbol costs.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeAlias

import constriction
import numpy as np

from mdlcode.errors import MdlError
from mdlcode.typing import FloatArray, IntArray

Coder: TypeAlias = "constriction.stream.stack.AnsCoder"
PRECISION_BITS = 24
PARTS = 1 << PRECISION_BITS  # the parts that all symbols of one distribution share
_CATEGORICAL = constriction.stream.model.Categorical(perfect=False)


class EntropyModel(ABC):
    """Distributions of n independent symbols."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def bits(self, symbols: IntArray) -> FloatArray:
        """-log2 of the coder's probability of each symbol (n,). Raises MdlError for a symbol that has none."""

    @abstractmethod
    def entropy_bits(self) -> float:
        """About how many bits one draw of all takes."""

    @abstractmethod
    def push(self, coder: Coder, symbols: IntArray) -> None:
        """Puts the symbols on an ANS stack, so that `pop` gives them back."""

    @abstractmethod
    def pop(self, coder: Coder) -> IntArray:
        """Takes the symbols (n,) from an ANS stack; from random words it is a draw of them."""


@dataclass(frozen=True, eq=False)
class Categories(EntropyModel):
    """Rows (n, K) of probabilities of the symbols 0 .. K-1, for 2 <= K < 2^24 - 1.

    The coder gives every symbol one part of 2^24 and shares out the others: symbol k reaches from
    floor(s (p_0 + ... + p_{k-1})) + k to floor(s (p_0 + ... + p_k)) + k + 1, with s = (2^24 - K) / (p_0 + ... +
    p_{K-1}); the last symbol gets all that is left.

    >>> Categories(np.array([[0.25, 0.75]])).bits(np.array([0]))
    array([2.])
    """

    probs: FloatArray

    def __len__(self) -> int:
        return len(self.probs)

    def bits(self, symbols: IntArray) -> FloatArray:
        """As of `EntropyModel`."""
        num_symbols = self.probs.shape[1]
        _check_range(symbols, num_symbols)
        sums = np.add.accumulate(self.probs, axis=1)  # (n, K), one after another as the coder adds them
        share, row = (PARTS - num_symbols) / sums[:, -1], np.arange(len(symbols))
        below = np.where(symbols > 0, np.floor(sums[row, symbols - 1] * share) + symbols, 0)
        last = symbols == num_symbols - 1
        return bits_of_parts(np.where(last, PARTS, np.floor(sums[row, symbols] * share) + symbols + 1) - below)

    def entropy_bits(self) -> float:
        """As of `EntropyModel`."""
        return float(-(self.probs * np.log2(self.probs)).sum())

    def push(self, coder: Coder, symbols: IntArray) -> None:
        """As of `EntropyModel`."""
        coder.encode_reverse(symbols.astype(np.int32), _CATEGORICAL, self.probs)

    def pop(self, coder: Coder) -> IntArray:
        """As of `EntropyModel`."""
        return np.asarray(coder.decode(_CATEGORICAL, self.probs), dtype=np.int64)


@dataclass(frozen=True)
class Even(EntropyModel):
    """`count` symbols of 0 .. size-1, all alike (size at most 2^16) but for the last, which gets the rest of 2^24.

    >>> Even(count=2, size=8).bits(np.array([0, 7]))
    array([3., 3.])
    """

    count: int
    size: int

    def __len__(self) -> int:
        return self.count

    def bits(self, symbols: IntArray) -> FloatArray:
        """As of `EntropyModel`."""
        _check_range(symbols, self.size)
        each = PARTS // self.size
        return bits_of_parts(np.where(symbols == self.size - 1, PARTS - (self.size - 1) * each, each))

    def entropy_bits(self) -> float:
        """As of `EntropyModel`."""
        return float(self.count * np.log2(self.size))

    def push(self, coder: Coder, symbols: IntArray) -> None:
        """As of `EntropyModel`."""
        coder.encode_reverse(symbols.astype(np.int32), constriction.stream.model.Uniform(self.size))

    def pop(self, coder: Coder) -> IntArray:
        """As of `EntropyModel`."""
        return np.asarray(coder.decode(constriction.stream.model.Uniform(self.size), self.count), dtype=np.int64)


def bits_of_parts(parts: FloatArray | IntArray) -> FloatArray:
    """-log2 of probabilities that are given in parts of 2^24.

    >>> bits_of_parts(np.array([1, PARTS]))
    array([24.,  0.])
    """
    bits: FloatArray = PRECISION_BITS - np.log2(parts)
    return bits


def _check_range(symbols: IntArray, size: int) -> None:
    if len(symbols) and not (symbols.min() >= 0 and symbols.max() < size):
        raise MdlError(f"a symbol lies outside 0 .. {size - 1}")
