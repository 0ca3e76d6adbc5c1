"""Levels of 8 bits on a logarithmic scale: how learned scales and odds of a prior are sent."""

import numpy as np

from mdlcode.typing import FloatArray, IntArray

# A level stands for 2^(level / 16 - 12), so from 2^-12 to nearly 2^4.
_PER_OCTAVE, _LEAST_LOG2 = 16, -12.0
_MOST_LEVEL = 255


def scales(levels: IntArray) -> FloatArray:
    """The prior deviations that levels 0 .. 255 stand for.

    >>> scales(np.array([0, 192, 255])).round(4)
    array([2.00000e-04, 1.00000e+00, 1.53217e+01])
    """
    values: FloatArray = 2.0 ** (levels / _PER_OCTAVE + _LEAST_LOG2)
    return values


def scale_levels(deviations: FloatArray) -> IntArray:
    """The nearest levels, on the log scale, of prior deviations.

    >>> scale_levels(np.array([1.0, 1e-9]))
    array([192,   0])
    """
    levels = np.rint((np.log2(deviations) - _LEAST_LOG2) * _PER_OCTAVE)
    return np.clip(levels, 0, _MOST_LEVEL).astype(np.int64)
