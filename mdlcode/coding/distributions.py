"""Distributions of counts, made with +, -, * and / alone, which every machine rounds alike.

Alice and Bob need the same probabilities to the last bit; logarithms and gamma functions differ between
libraries, so each distribution starts from the ratios p(x + 1) / p(x) of neighbours.
"""

from functools import lru_cache

import numpy as np

from mdlcode.typing import FloatArray


def from_ratios(ratios: FloatArray) -> FloatArray:
    """Probabilities (n + 1,) whose neighbours have the ratios p(x + 1) / p(x), (n,), all above 0.

    >>> from_ratios(np.array([3.0, 1.0, 1 / 3])) * 8
    array([1., 3., 3., 1.])
    """
    falling = np.flatnonzero(ratios < 1)
    mode = int(falling[0]) if len(falling) else len(ratios)  # products away from it stay below 1
    probs = np.ones(len(ratios) + 1)
    probs[mode + 1 :] = np.multiply.accumulate(ratios[mode:])
    probs[:mode] = np.multiply.accumulate(1 / ratios[:mode][::-1])[::-1]
    total: np.float64 = np.add.accumulate(probs)[-1]
    return probs / total


@lru_cache(maxsize=1024)
def beta_binomial(size: int, ones: float, zeros: float) -> FloatArray:
    """Probabilities (size + 1,) of how many of `size` are 1, where `ones` and `zeros` were seen before.

    C(n, x) B(x + a, n - x + b) / B(a, b): with a = b = 1/2 and a uniform choice among the C(n, x) sets,
    the sequential code of Krichevsky & Trofimov 1981, sent in one step.

    >>> beta_binomial(4, 1.0, 1.0)
    array([0.2, 0.2, 0.2, 0.2, 0.2])
    """
    x = np.arange(size)
    return from_ratios((size - x) * (x + ones) / ((x + 1) * (size - x - 1 + zeros)))


@lru_cache(maxsize=1 << 12)
def split(count: int, left: int, right: int) -> FloatArray:
    """Probabilities (count + 1,) of how many of `count` items lie among the first `left` of all places.

    The hypergeometric distribution C(left, x) C(right, count - x) / C(left + right, count): every set of
    places is as probable.

    >>> split(1, 2, 2)
    array([0.5, 0.5])
    """
    low, high = max(0, count - right), min(count, left)
    x = np.arange(low, high)
    probs = np.zeros(count + 1)
    probs[low : high + 1] = from_ratios((count - x) * (left - x) / ((x + 1) * (right - count + x + 1)))
    return probs


def next_largest(probs: FloatArray, left: int, bound: int, equal: int) -> FloatArray:
    """Probabilities (n + 1,) of the next of some draws from `probs`, which are sent from the largest down.

    The draws are sent in falling order. `left` of them were not sent yet; the last one that was sent is
    `bound`, and `equal` of those sent so far are equal to it. The number of draws that equal the bound is
    binomial; for the draws below it P(largest <= x) = F(x)^left, F being the distribution function of one
    draw. Sending a sorted list costs log2(n! / product of (multiplicity!)) bits less than sending the draws
    in a given order. At the start `bound` is n and `equal` is 0.

    >>> next_largest(np.array([0.5, 0.5]), left=2, bound=1, equal=0)
    array([0.25, 0.75])
    """
    result = np.zeros(len(probs))
    below = np.add.accumulate(probs[: bound + 1])
    result[bound] = 1.0
    if bound and below[bound - 1] > 0:
        again = _one_more(left + equal, float(probs[bound] / below[bound - 1]), equal)
        result[:bound] = (1 - again) * np.diff(_power(below[:-1] / below[-2], left), prepend=0.0)
        result[bound] = again
    return result


def _one_more(draws: int, odds: float, equal: int) -> float:
    """P(m > equal | m >= equal) for a binomial m of `draws` draws with these odds."""
    x = np.arange(draws)
    probs = from_ratios((draws - x) / (x + 1) * odds)
    at_least = np.add.accumulate(probs[::-1])[::-1]
    return float(at_least[equal + 1] / at_least[equal]) if at_least[equal] > 0 else 1.0


def _power(base: FloatArray, exponent: int) -> FloatArray:
    """base^exponent by squaring, for the reason that the file gives."""
    result = np.ones_like(base)
    while exponent:
        if exponent % 2:
            result = result * base
        base, exponent = base * base, exponent // 2
    return result
