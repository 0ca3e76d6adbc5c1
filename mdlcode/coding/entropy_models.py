"""What symbols are coded under: distributions that know their bits and how the ANS stack takes them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeAlias

import constriction
import numpy as np

from mdlcode.errors import MdlError
from mdlcode.typing import FloatArray, IntArray

Coder: TypeAlias = "constriction.stream.stack.AnsCoder"
_CATEGORICAL = constriction.stream.model.Categorical(perfect=False)


class EntropyModel(ABC):
    """Distributions of n independent symbols."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def bits(self, symbols: IntArray) -> FloatArray:
        """-log2 of the probability of each symbol (n,). Raises MdlError for a symbol that has none."""

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
    """Rows (n, K) of probabilities of the symbols 0 .. K-1.

    >>> Categories(np.array([[0.25, 0.75]])).bits(np.array([0]))
    array([2.])
    """

    probs: FloatArray

    def __len__(self) -> int:
        return len(self.probs)

    def bits(self, symbols: IntArray) -> FloatArray:
        """As of `EntropyModel`."""
        _check_range(symbols, self.probs.shape[1])
        bits: FloatArray = -np.log2(self.probs[np.arange(len(symbols)), symbols])
        return bits

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
    """`count` symbols of 0 .. size-1, all alike (size at most 2^16).

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
        return np.full(len(symbols), np.log2(self.size))

    def entropy_bits(self) -> float:
        """As of `EntropyModel`."""
        return float(self.count * np.log2(self.size))

    def push(self, coder: Coder, symbols: IntArray) -> None:
        """As of `EntropyModel`."""
        coder.encode_reverse(symbols.astype(np.int32), constriction.stream.model.Uniform(self.size))

    def pop(self, coder: Coder) -> IntArray:
        """As of `EntropyModel`."""
        return np.asarray(coder.decode(constriction.stream.model.Uniform(self.size), self.count), dtype=np.int64)


def _check_range(symbols: IntArray, size: int) -> None:
    if len(symbols) and not (symbols.min() >= 0 and symbols.max() < size):
        raise MdlError(f"a symbol lies outside 0 .. {size - 1}")
