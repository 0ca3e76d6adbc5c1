"""Which places of a row are taken, given how many: log2 C(n, k) bits, in a few vectorised steps."""

import numpy as np

from mdlcode.coding.channel import Channel
from mdlcode.coding.distributions import split
from mdlcode.errors import MdlError
from mdlcode.typing import FloatArray, IntArray

_NODES_AT_ONCE = 1 << 14
_WIDTH_BITS = 20


def send_subsets(
    channel: Channel,
    taken: IntArray | None,
    bounds: IntArray,
    counts: IntArray,
    part: str,
) -> IntArray:
    """The places taken, ascending; `counts[i]` of them lie in bounds[i] .. bounds[i + 1] - 1.

    All rows are halved at once, and again: each time one sends how many of a row's items lie in its first
    half, so that log2(row length) calls send everything. Under the hypergeometric split that is exactly
    the enumerative code (Cover 1973), log2 C(n, k) bits for each row.

    >>> from mdlcode.coding.channel import Ledger
    >>> ledger = Ledger()
    >>> send_subsets(ledger, np.array([2, 5]), np.array([0, 4, 8]), np.array([1, 1]), "mask")
    array([2, 5])
    >>> round(ledger.codelength(2).total_bits, 3)
    4.0
    """
    low, high, count = bounds[:-1], bounds[1:], counts
    found: list[IntArray] = []
    while len(low):
        if (count > high - low).any():
            raise MdlError("more items than places: the message is of another net, or altered")
        full = count == high - low
        found.append(_ranges(low[full], high[full]))
        open_ = (count > 0) & ~full
        low, high, count = low[open_], high[open_], count[open_]
        middle = (low + high) // 2
        known = None if taken is None else np.searchsorted(taken, middle) - np.searchsorted(taken, low)
        first = _send_splits(channel, known, (count, middle - low, high - middle), part)
        low, high = np.stack([low, middle], 1).ravel(), np.stack([middle, high], 1).ravel()
        count = np.stack([first, count - first], 1).ravel()
    return np.sort(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)


def _send_splits(
    channel: Channel,
    first: IntArray | None,
    nodes: tuple[IntArray, IntArray, IntArray],
    part: str,
) -> IntArray:
    """How many of each node's items lie in its first half; nodes are (count, left places, right places)."""
    received = [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(nodes[0]), _NODES_AT_ONCE):
        here = slice(start, start + _NODES_AT_ONCE)
        probs = _table(*(each[here] for each in nodes))
        received.append(channel.send(None if first is None else first[here], probs, part))
    return np.concatenate(received)


def _table(count: IntArray, left: IntArray, right: IntArray) -> FloatArray:
    """A row of probabilities for each node, each kind of node worked out once."""
    keys, which = np.unique((count << 2 * _WIDTH_BITS) + (left << _WIDTH_BITS) + right, return_inverse=True)
    items, below = keys >> 2 * _WIDTH_BITS, (1 << _WIDTH_BITS) - 1
    rows = np.zeros((len(keys), int(items.max()) + 1))
    sides = zip(items.tolist(), (keys >> _WIDTH_BITS & below).tolist(), (keys & below).tolist(), strict=True)
    for row, (number, before, after) in zip(rows, sides, strict=True):
        row[: number + 1] = split(number, before, after)
    return rows[which]


def _ranges(low: IntArray, high: IntArray) -> IntArray:
    """All whole numbers from each low to before its high."""
    lengths = high - low
    starts = np.repeat(low - np.cumsum(lengths) + lengths, lengths)
    return starts + np.arange(len(starts))
