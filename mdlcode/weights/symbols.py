"""Codes for the symbols of a quantised tensor; symbol 0 is the exact zero."""

from abc import ABC, abstractmethod
from typing import Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode.coding.channel import Channel
from mdlcode.coding.integers import send_integer
from mdlcode.config import STRICT, Settings
from mdlcode.errors import MdlError
from mdlcode.typing import IntArray
from mdlcode.weights.compositions import send_symbols
from mdlcode.weights.masks import Order, send_mask
from mdlcode.weights.quantisers import Alphabet

_AT_ONCE = 1 << 16
_WIDEST = 8  # bits of a gap: each of the 2^b gaps is one symbol more
Shape = tuple[int, ...]


class SymbolCode(Settings, ABC):
    """Sends the symbols of one tensor."""

    @abstractmethod
    def transmit(
        self, channel: Channel, symbols: IntArray | None, shape: Shape, alphabet: Alphabet, order: Order
    ) -> IntArray:
        """The symbols (n,), flat; `order` is what both sides know of the order of rows and columns."""


@dataclass(frozen=True, config=STRICT)
class FixedWidth(SymbolCode):
    """log2(number of values) bits for each weight."""

    kind: Literal["fixed-width"] = Field(default="fixed-width", kw_only=True)

    def transmit(
        self, channel: Channel, symbols: IntArray | None, shape: Shape, alphabet: Alphabet, order: Order
    ) -> IntArray:
        """As the class says; all bits are of part "values"."""
        return channel.send_uniform(symbols, int(np.prod(shape)), alphabet.size, "values")


@dataclass(frozen=True, config=STRICT)
class Entropy(SymbolCode):
    """First how often each symbol comes, then each weight at -log2 of its symbol's share."""

    kind: Literal["entropy"] = Field(default="entropy", kw_only=True)

    def transmit(
        self, channel: Channel, symbols: IntArray | None, shape: Shape, alphabet: Alphabet, order: Order
    ) -> IntArray:
        """As the class says; the counts are of part "levels"."""
        often = None if symbols is None else np.bincount(symbols, minlength=alphabet.size).tolist()
        counts = [
            send_integer(channel, None if often is None else often[index], "levels") for index in range(alphabet.size)
        ]
        row = np.array(counts, dtype=np.float64) / max(sum(counts), 1)
        size, sent = int(np.prod(shape)), []
        for start in range(0, size, _AT_ONCE):
            known = None if symbols is None else symbols[start : start + _AT_ONCE]
            sent.append(channel.send(known, np.tile(row, (min(_AT_ONCE, size - start), 1)), "values"))
        return np.concatenate(sent)


@dataclass(frozen=True, config=STRICT)
class Adaptive(SymbolCode):
    """Which weights are not zero, by the cheapest context, then their values; no counts are sent.

    Both are adaptive codes (Krichevsky & Trofimov 1981) in the enumerative form that decodes at once.
    On a grid a value is a size and a sign.
    """

    kind: Literal["adaptive"] = Field(default="adaptive", kw_only=True)

    def transmit(
        self, channel: Channel, symbols: IntArray | None, shape: Shape, alphabet: Alphabet, order: Order
    ) -> IntArray:
        """As the class says; parts "masks" and "values"."""
        places = None if symbols is None else np.flatnonzero(symbols)
        taken = send_mask(channel, places, shape, "masks", order)
        held = None if symbols is None else symbols[taken] - 1
        result = np.zeros(int(np.prod(shape)), dtype=np.int64)
        if not alphabet.grid:
            result[taken] = 1 + send_symbols(channel, held, len(taken), alphabet.size - 1, "values")
            return result
        size, sign = (None, None) if held is None else (held // 2, held % 2)
        size = send_symbols(channel, size, len(taken), (alphabet.size - 1) // 2, "values")
        result[taken] = 1 + 2 * size + send_symbols(channel, sign, len(taken), 2, "values")
        return result


@dataclass(frozen=True, config=STRICT)
class Gaps(SymbolCode):
    """Gaps between weights that are not zero, adaptive, and their values at fixed width (Zhou et al. 2019).

    A gap is a number below 2^b, b = ceil(log2(90th percentile of the gaps)) and at most 8; a longer one
    is made of fillers, each 2^b places long. The published code starts its adaptive counts at 1, ours at
    1/2.
    """

    kind: Literal["gaps"] = Field(default="gaps", kw_only=True)

    def transmit(
        self, channel: Channel, symbols: IntArray | None, shape: Shape, alphabet: Alphabet, order: Order
    ) -> IntArray:
        """As the class says; parts "masks" (gaps) and "values"."""
        size = int(np.prod(shape))
        taken = None if symbols is None else np.flatnonzero(symbols)
        gaps = None if taken is None else np.diff(taken, prepend=-1) - 1
        width = send_integer(channel, None if gaps is None else _width(gaps), "masks")
        known = None if gaps is None else _with_fillers(gaps, 1 << width)
        count = send_integer(channel, None if known is None else len(known), "masks")
        if width > _WIDEST or count > 2 * size:
            raise MdlError("the message's gaps do not fit the net: is it of another architecture?")
        steps = send_symbols(channel, known, count, (1 << width) + 1, "masks")
        ends = np.cumsum(steps + (steps < 1 << width)) - 1
        places = ends[steps < 1 << width]
        if len(places) and places[-1] >= size:
            raise MdlError("the message's gaps do not fit the net: is it of another architecture?")
        result = np.zeros(size, dtype=np.int64)
        held = None if symbols is None else symbols[places] - 1
        result[places] = 1 + channel.send_uniform(held, len(places), alphabet.size - 1, "values")
        return result


def _width(gaps: IntArray) -> int:
    return min(int(np.ceil(np.log2(max(np.percentile(gaps, 90), 1.0)))), _WIDEST)


def _with_fillers(gaps: IntArray, longest: int) -> IntArray:
    """Each gap as so many times `longest`, the filler's symbol, and then the rest, which is below it."""
    fillers = gaps // longest
    symbols = np.full(len(gaps) + int(fillers.sum()), longest)
    symbols[np.cumsum(fillers + 1) - 1] = gaps % longest
    return symbols
