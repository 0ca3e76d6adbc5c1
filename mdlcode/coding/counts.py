"""How many items each row has: one by one and adaptive, or under a fitted distribution, sorted or not."""

from functools import lru_cache

import numpy as np

from mdlcode.coding.channel import Channel
from mdlcode.coding.distributions import beta_binomial, next_largest
from mdlcode.coding.integers import send_choice
from mdlcode.typing import FloatArray, IntArray

# Pseudo-counts a and b of a fitted distribution: 1/16, ... , 4096 in steps of an eighth of an octave.
_GRID = np.array([round(2.0 ** (index / 8 - 4), 4) for index in range(129)])
_WIDE = 4
KT = 0.5


def send_adaptive_counts(
    channel: Channel, counts: IntArray | None, sizes: IntArray, part: str, others: int = 1
) -> IntArray:
    """Counts (n,) of items in rows of `sizes` (n,), each expected as it was in the rows before.

    The pseudo-counts start at 1/2 for the items and 1/2 for each of the `others`, the symbols that are
    still to come: the code of Krichevsky & Trofimov 1981 for an alphabet of `others` + 1.
    """
    ones, zeros = KT, KT * others
    sent = np.zeros(len(sizes), dtype=np.int64)
    for index, size in enumerate(sizes.tolist()):
        known = None if counts is None else counts[index : index + 1]
        sent[index] = channel.send(known, _row(beta_binomial(size, ones, zeros)), part)[0] if size else 0
        ones, zeros = ones + int(sent[index]), zeros + size - int(sent[index])
    return sent


def send_fitted_counts(channel: Channel, counts: IntArray | None, size: int, runs: IntArray, part: str) -> IntArray:
    """Counts (n,) from 0 to `size` under a beta-binomial distribution whose a and b are sent first.

    `runs` (sum n) are the lengths of stretches within which both sides know that the counts never rise. Each
    count is then sent as the largest of those left in its stretch, so that their order costs nothing.
    """
    best = None if counts is None else _fit(np.bincount(counts).tobytes(), size)
    ones = _GRID[send_choice(channel, None if best is None else best[0], len(_GRID), part)]
    zeros = _GRID[send_choice(channel, None if best is None else best[1], len(_GRID), part)]
    probs = beta_binomial(size, float(ones), float(zeros))
    if (runs == 1).all():
        return channel.send(counts, np.tile(probs, (len(runs), 1)), part)
    return _send_falling(channel, counts, probs, runs, part)


def _send_falling(channel: Channel, counts: IntArray | None, probs: FloatArray, runs: IntArray, part: str) -> IntArray:
    sent: list[int] = []
    for run in runs.tolist():
        bound, equal = len(probs) - 1, 0
        for left in range(run, 0, -1):
            known = None if counts is None else counts[len(sent) : len(sent) + 1]
            count = int(channel.send(known, _row(next_largest(probs, left, bound, equal)), part)[0])
            bound, equal = count, equal + 1 if count == bound else 1
            sent.append(count)
    return np.array(sent, dtype=np.int64)


@lru_cache(maxsize=64)  # the same counts are measured in several orders and contexts
def _fit(histogram: bytes, size: int) -> tuple[int, int]:
    """Where on the grid a and b are likeliest: from the moments, then downhill in ever smaller steps."""
    times = np.frombuffer(histogram, dtype=np.int64)
    values = np.flatnonzero(times)
    times = times[values]

    def bits(at: tuple[int, int]) -> float:
        probs = beta_binomial(size, float(_GRID[at[0]]), float(_GRID[at[1]]))
        return -float(times @ np.log2(probs[values] + 1e-30))

    best = _moments(values, times, size)
    least, step = bits(best), _WIDE
    while step:
        moves = [(best[0] + i * step, best[1] + j * step) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
        inside = [move for move in moves if all(0 <= each < len(_GRID) for each in move)]
        lengths = [bits(move) for move in inside]
        if min(lengths) < least:
            least, best = min(lengths), inside[int(np.argmin(lengths))]
        else:
            step //= 2
    return best


def _moments(values: IntArray, times: IntArray, size: int) -> tuple[int, int]:
    """The grid's point nearest to the beta-binomial distribution with the counts' mean and variance."""
    centre = float(np.average(values, weights=times))
    mean = float(np.clip(centre / size, 1e-4, 1 - 1e-4))
    variance = float(np.average((values - centre) ** 2, weights=times))
    spread = variance / (size * mean * (1 - mean))  # 1 for a binomial distribution
    total = float(np.clip((size - spread) / max(spread - 1, 1e-3), 0.1, 1e5))
    ones, zeros = (int(np.abs(np.log(_GRID / (total * share))).argmin()) for share in (mean, 1 - mean))
    return ones, zeros


def _row(probs: FloatArray) -> FloatArray:
    return probs[None]
