"""Columns in canonical order: only which columns there are is sent, not their order."""

import numpy as np
from numpy.typing import NDArray

from mdlcode.coding.channel import Channel
from mdlcode.coding.counts import KT
from mdlcode.coding.distributions import beta_binomial
from mdlcode.typing import IntArray

Mask = NDArray[np.bool_]


def send_sorted(channel: Channel, mask: Mask | None, features: int, units: int, part: str) -> Mask:
    """The mask (features, units) whose columns, read as binary numbers from the first feature down, never rise.

    The features are sent one by one. Columns that agree in all features so far form a group of neighbours.
    Within a group the columns that have the next feature come first, so that one count for each group is
    enough, and the order of equal columns costs nothing. The counts are sent under two adaptive densities, one
    for groups whose columns are empty so far and one for all others.
    """
    sent = np.zeros((features, units), dtype=bool)
    starts, seen = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    past = np.full((2, 2), KT)  # by whether a group has ones: ones, zeros
    for feature in range(features):
        sizes = np.diff(starts, append=units)
        probs = np.zeros((len(sizes), int(sizes.max()) + 1))
        for row, size, which in zip(probs, sizes.tolist(), seen.tolist(), strict=True):
            row[: size + 1] = beta_binomial(size, *past[which].tolist())
        known = None if mask is None else np.add.reduceat(mask[feature].astype(np.int64), starts)
        ones = channel.send(known, probs, part)
        sent[feature] = _ones_first(ones, starts, units)
        for which in (0, 1):
            past[which] += ones[seen == which].sum(), (sizes - ones)[seen == which].sum()
        starts, seen = _split(starts, sizes, ones, seen)
    return sent


def group_sizes(mask: Mask) -> IntArray:
    """How many columns of (features, units) agree, group by group of equal neighbours.

    >>> group_sizes(np.array([[True, True, False]]))
    array([2, 1])
    """
    differ = np.flatnonzero((mask[:, 1:] != mask[:, :-1]).any(axis=0)) + 1
    return np.diff(np.concatenate([[0], differ, [mask.shape[1]]]))


def _ones_first(ones: IntArray, starts: IntArray, units: int) -> Mask:
    sizes = np.diff(starts, append=units)
    place = np.arange(units) - np.repeat(starts, sizes)
    return place < np.repeat(ones, sizes)


def _split(starts: IntArray, sizes: IntArray, ones: IntArray, seen: IntArray) -> tuple[IntArray, IntArray]:
    parts = np.stack([ones, sizes - ones], 1).ravel()
    begin = np.stack([starts, starts + ones], 1).ravel()
    marked = np.stack([np.ones_like(seen), seen], 1).ravel()
    return begin[parts > 0], marked[parts > 0]
