"""What symbols are coded under: distributions that know their bits and how the ANS stack takes them.

The coder holds a probability as a whole number of parts of 2^24, at least one part. The bits that are counted
are -log2 of these parts, worked out as the coder does (constriction's "fast" categorical model, its uniform model
and its leaky quantizer), so that a ledger and a message never disagree about what a symbol costs.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import constriction
import numpy as np
from numpy.typing import NDArray

from mdlcode.errors import MdlError
from mdlcode.typing import BoolArray, FloatArray, IntArray

Coder: TypeAlias = "constriction.stream.stack.AnsCoder"
PRECISION_BITS = 24
PARTS = 1 << PRECISION_BITS  # the parts that all symbols of one distribution share
_TOLD_AT_ONCE = 1 << 16
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

    def told(self, symbols: IntArray) -> "EntropyModel":
        """What is to be held of it once these symbols (n,) are told: enough for their `bits` and to `push` them."""
        return self


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
        return bits_of_parts(self._reach(symbols)[1])

    def told(self, symbols: IntArray) -> "Told":
        """As of `EntropyModel`: 9 bytes a symbol, however many others there are."""
        below, parts = (each.astype(np.uint32) for each in self._reach(symbols))
        return Told(below, parts, self.probs.argmax(axis=1) == symbols, min(self.probs.shape[1], 3))

    def _reach(self, symbols: IntArray) -> tuple[FloatArray, FloatArray]:
        """How many of the parts of 2^24 lie below each symbol (n,), and how many it has."""
        num_symbols = self.probs.shape[1]
        _check_range(symbols, num_symbols)
        sums = np.add.accumulate(self.probs, axis=1)  # (n, K), one after another as the coder adds them
        share, row = (PARTS - num_symbols) / sums[:, -1], np.arange(len(symbols))
        below = np.where(symbols > 0, np.floor(sums[row, symbols - 1] * share) + symbols, 0)
        last = symbols == num_symbols - 1
        return below, np.where(last, PARTS, np.floor(sums[row, symbols] * share) + symbols + 1) - below

    def entropy_bits(self) -> float:
        """As of `EntropyModel`."""
        return float(-(self.probs * np.log2(self.probs)).sum())

    def push(self, coder: Coder, symbols: IntArray) -> None:
        """As of `EntropyModel`."""
        coder.encode_reverse(symbols.astype(np.int32), _CATEGORICAL, self.probs)

    def pop(self, coder: Coder) -> IntArray:
        """As of `EntropyModel`."""
        return np.asarray(coder.decode(_CATEGORICAL, self.probs), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Told(EntropyModel):
    """Symbols (n,) that were told under `Categories`: the parts of 2^24 `below` each of them, and its own `parts`.

    `hits` says which of them were the likeliest. They are pushed as the middle one of `num_symbols` = 3 (or as the
    first or last, where nothing lies below or above), in parts that the coder shares out to the same reach.

    >>> rows = np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]])
    >>> told = Categories(rows).told(np.array([2, 0]))
    >>> told.bits(np.array([2, 0])).round(3).tolist(), told.hits.tolist()
    ([1.737, 0.515], [False, True])
    """

    below: NDArray[np.uint32]
    parts: NDArray[np.uint32]
    hits: BoolArray
    num_symbols: int

    @classmethod
    def joined(cls, pieces: "Sequence[Told]") -> "Told":
        """Those of the pieces, one after the other; at least one, all of as many symbols."""
        if len(pieces) == 1:
            return pieces[0]
        below, parts, hits = (
            np.concatenate([getattr(each, name) for each in pieces]) for name in ("below", "parts", "hits")
        )
        return cls(below, parts, hits, pieces[0].num_symbols)

    def __len__(self) -> int:
        return len(self.parts)

    def bits(self, symbols: IntArray) -> FloatArray:
        """As of `EntropyModel`, of the symbols that were told."""
        return bits_of_parts(self.parts.astype(np.float64))

    def entropy_bits(self) -> float:
        """As of `EntropyModel`: their bits, of what is known here."""
        return float(bits_of_parts(self.parts.astype(np.float64)).sum())

    def push(self, coder: Coder, symbols: IntArray) -> None:
        """As of `EntropyModel`, of the symbols that were told."""
        for start in reversed(range(0, len(self), _TOLD_AT_ONCE)):
            piece = slice(start, start + _TOLD_AT_ONCE)
            below, parts = (each[piece].astype(np.float64) for each in (self.below, self.parts))
            above = PARTS - below - parts
            first, last = below == 0, above == 0
            place = np.where(first, 0, np.where(last, self.num_symbols - 1, 1))
            # The coder gives each symbol one part of its own, so a middle one that is not meant takes a neighbour's.
            others = [below, above] if self.num_symbols == 2 else [below - last, first | last, above - first]
            rows = np.stack(others, axis=1)
            rows[np.arange(len(rows)), place] += parts
            coder.encode_reverse(place.astype(np.int32), _CATEGORICAL, rows - 1)

    def pop(self, coder: Coder) -> IntArray:
        """Raises MdlError: what the others were is forgotten."""
        raise MdlError("what was told can't be received under what is left of its distribution")


@dataclass(frozen=True, eq=False)
class Alike(EntropyModel):
    """`count` symbols that all have the one `row` (K,) of probabilities, coded as `Categories` of so many rows.

    >>> Alike(np.array([0.25, 0.75]), count=2).bits(np.array([0, 0]))
    array([2., 2.])
    """

    row: FloatArray
    count: int

    def __len__(self) -> int:
        return self.count

    def bits(self, symbols: IntArray) -> FloatArray:
        """As of `EntropyModel`."""
        return self.told(symbols).bits(symbols)

    def told(self, symbols: IntArray) -> Told:
        """As of `EntropyModel`."""
        size = len(self.row)
        _check_range(symbols, size)
        sums = np.add.accumulate(self.row)
        inner = np.floor(sums[:-1] * ((PARTS - size) / sums[-1])) + np.arange(1, size)
        edges = np.concatenate([[0], inner, [PARTS]]).astype(np.uint32)
        return Told(edges[symbols], np.diff(edges)[symbols], symbols == self.row.argmax(), min(size, 3))

    def entropy_bits(self) -> float:
        """As of `EntropyModel`."""
        return self.count * Categories(self.row[None]).entropy_bits()

    def push(self, coder: Coder, symbols: IntArray) -> None:
        """As of `EntropyModel`."""
        coder.encode_reverse(symbols.astype(np.int32), self._model())

    def pop(self, coder: Coder) -> IntArray:
        """As of `EntropyModel`."""
        return np.asarray(coder.decode(self._model(), self.count), dtype=np.int64)

    def _model(self) -> "constriction.stream.model.Categorical":
        return constriction.stream.model.Categorical(self.row, perfect=False)


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
