"""Symbols from a small alphabet, adaptive (KT), in a few vectorised steps."""

import numpy as np

from mdlcode.coding.channel import Channel
from mdlcode.coding.counts import send_adaptive_counts
from mdlcode.coding.integers import pieces
from mdlcode.coding.subsets import send_subsets
from mdlcode.typing import IntArray
from mdlcode.weights.masks import WIDTH


def send_symbols(channel: Channel, symbols: IntArray | None, count: int, size: int, part: str) -> IntArray:
    """The symbols (count,) from 0 .. size-1, at the length of the adaptive code of Krichevsky & Trofimov (KT).

    For each symbol of the alphabet in turn, first its number of occurrences is sent, then its places among
    those that are still free. In exact arithmetic that costs -log2 of the probability of the sequence under a
    Dirichlet(1/2, ..., 1/2) prior, and no counts have to be paid for separately.
    """
    result = np.full(count, size - 1, dtype=np.int64)
    free = np.arange(count)  # places whose symbol is not sent yet
    for symbol in range(size - 1):
        bounds = pieces(np.array([0, len(free)]), WIDTH)
        taken = None if symbols is None else np.flatnonzero(symbols[free] == symbol)
        known = None if taken is None else np.diff(np.searchsorted(taken, bounds))
        counts = send_adaptive_counts(channel, known, np.diff(bounds), part, others=size - 1 - symbol)
        places = send_subsets(channel, taken, bounds, counts, part)
        result[free[places]] = symbol
        free = np.delete(free, places)
    return result
