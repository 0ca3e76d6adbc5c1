"""Whole numbers, floats of 16 bits and counts, as the heads of weight codes need them."""

import numpy as np

from mdlcode.coding.channel import Channel
from mdlcode.errors import MdlError
from mdlcode.typing import FloatArray, IntArray

_LENGTHS = 32  # bits of the longest whole number, as a count from 0


def send_choice(channel: Channel, choice: int | None, options: int, part: str) -> int:
    """One of `options`, at log2(options) bits."""
    if options == 1:
        return 0
    return int(channel.send_uniform(None if choice is None else np.array([choice]), 1, options, part)[0])


def send_integer(channel: Channel, value: int | None, part: str) -> int:
    """A whole number from 0 to 2^31 - 1: 5 bits for its length, then its bits below the first one.

    >>> from mdlcode.coding.channel import Ledger
    >>> ledger = Ledger()
    >>> send_integer(ledger, 6, "count"), ledger.codelength(2).total_bits
    (6, 7.0)
    """
    length = send_choice(channel, None if value is None else value.bit_length(), _LENGTHS, part)
    if length < 2:
        return length
    below = None if value is None else np.array([value >> shift & 1 for shift in range(length - 1)])
    bits = channel.send_uniform(below, length - 1, 2, part)
    return (1 << length - 1) + sum(int(bit) << shift for shift, bit in enumerate(bits))


def send_float16(channel: Channel, values: FloatArray | None, count: int, part: str) -> FloatArray:
    """The values (n,) rounded to float16, 16 bits each.

    Raises MdlError where one is beyond 65,504, float16's largest.
    """
    halves = None
    if values is not None:
        if len(values) and np.abs(values).max() > np.finfo(np.float16).max:
            raise MdlError(f"a value of size {np.abs(values).max():.3g} is beyond float16: use weights float32")
        halves = values.astype("<f2").view("<u2").astype(np.int64)
    return channel.send_uniform(halves, count, 1 << 16, part).astype("<u2").view("<f2").astype(np.float64)


def pieces(bounds: IntArray, longest: int) -> IntArray:
    """The same bounds (n + 1,) with more between them, so that no row is longer than `longest`.

    >>> pieces(np.array([0, 3, 10]), 4)
    array([ 0,  3,  6, 10])
    """
    if (np.diff(bounds) <= longest).all():
        return np.unique(bounds)
    cuts = [
        np.linspace(low, high, -(-(high - low) // longest) + 1).astype(np.int64)[:-1]
        for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        if high > low
    ]
    return np.concatenate([*cuts, bounds[-1:]])
