"""Occam bounds: one decoded hypothesis, a prefix-free code of L bits fixed before the data, i.i.d. examples.

P[risk of h > bound] <= delta 2^-L(h) for each h, and Kraft's inequality sums these to delta at most: the
bound holds for all hypotheses at once, also for the one that was chosen by looking at the data. The errors
must be those of the decoded hypothesis, and code_bits everything the decoder reads.
"""

import numpy as np
import numpy.typing as npt

from mdlcode.bounds.binomial import binomial_inverse
from mdlcode.bounds.inverse import kl_inverse
from mdlcode.bounds.numbers import (
    Array,
    Numbers,
    counts,
    deltas,
    nonnegative,
    plain,
    require,
    risks,
    sizes,
)

LN2 = float(np.log(2))
UNIFORM_LENGTH_PRIOR_BITS = 72.0  # a length uniform over 2^72 of them, Zhou et al. 2019, Remark 4.2


def length_prior_bits(length_bits: npt.ArrayLike) -> Numbers:
    """The bits that say where a message of this length ends: 2 log2(L + 2), for whole L from 0 up.

    Any shape, length 0 or more, else MdlError. -log2 m(L) of the prior m(L) = (L + 2)^-2, which sums to
    pi^2 / 6 - 1 < 1. (2 log2 L alone is no prior: it sums to pi^2 / 6 from L = 1.)

    >>> round(length_prior_bits(33_120), 2)
    30.03
    """
    return plain(2 * np.log2(nonnegative(length_bits, "length_bits") + 2))


def occam_kl_nats(code_bits: npt.ArrayLike, prior_bits: npt.ArrayLike) -> Numbers:
    """KL(point mass at h || prior) in nats of a hypothesis whose code has this length, with its length prior.

    Shapes broadcast; bits 0 or more, else MdlError. KL <= |h| ln 2 - ln m(|h|) (Zhou et al. 2019, Theorem
    4.1), for any injective code and any prior m on lengths, both fixed before the data; prior_bits is
    -log2 m(|h|): UNIFORM_LENGTH_PRIOR_BITS, or length_prior_bits. A prefix-free code has prior_bits = 0.

    >>> round(occam_kl_nats(65_736, UNIFORM_LENGTH_PRIOR_BITS), 2)
    45614.63
    """
    return plain((nonnegative(code_bits, "code_bits") + nonnegative(prior_bits, "prior_bits")) * LN2)


def log_inverse_level(code_bits: npt.ArrayLike, delta: npt.ArrayLike) -> Array:
    """L ln 2 + ln(1 / delta) in nats, minus the log of the level delta 2^-L that underflows as a number."""
    return nonnegative(code_bits, "code_bits") * LN2 - np.log(deltas(delta))


def exact_binomial(errors: npt.ArrayLike, n: npt.ArrayLike, code_bits: npt.ArrayLike, delta: npt.ArrayLike) -> Numbers:
    """The exact binomial Occam bound on the risk of a decoded hypothesis: the tightest here, at most 1.

    Shapes broadcast; whole 0 <= errors <= n, code_bits 0 or more, delta in (0, 1), else MdlError.
    sup {p : P[Bin(n, p) <= errors] >= delta 2^-L}; 0-1 loss (Langford 2005, Occam's razor bound).

    >>> round(exact_binomial(470, 60_000, 33_174, 0.05), 6)
    0.345584
    """
    return binomial_inverse(errors, n, -log_inverse_level(code_bits, delta))


def chernoff_kl(risk: npt.ArrayLike, n: npt.ArrayLike, code_bits: npt.ArrayLike, delta: npt.ArrayLike) -> Numbers:
    """The relative-entropy Chernoff Occam bound, at most 1: as the binomial one, for any loss in [0, 1].

    Shapes broadcast; risk in [0, 1], n >= 1, code_bits 0 or more, delta in (0, 1), else MdlError.
    kl^-1(q, (L ln 2 + ln(1 / delta)) / n) (Langford 2005; McAllester 2013).

    >>> round(chernoff_kl(470 / 60_000, 60_000, 33_174, 0.05), 6)
    0.345629
    """
    return kl_inverse(risk, log_inverse_level(code_bits, delta) / sizes(n))


def hoeffding(risk: npt.ArrayLike, n: npt.ArrayLike, code_bits: npt.ArrayLike, delta: npt.ArrayLike) -> Numbers:
    """Hoeffding's Occam bound, for any loss in [0, 1]; above 1 where it is vacuous.

    Shapes broadcast; risk in [0, 1], n >= 1, code_bits 0 or more, delta in (0, 1), else MdlError.
    q + sqrt((L ln 2 + ln(1 / delta)) / (2 n)) (Blumer et al. 1987; McAllester 2013).

    >>> round(hoeffding(470 / 60_000, 60_000, 33_174, 0.05), 6)
    0.445607
    """
    return plain(risks(risk) + np.sqrt(log_inverse_level(code_bits, delta) / (2 * sizes(n))))


def empirical_bernstein(
    risk: npt.ArrayLike,
    variance: npt.ArrayLike,
    n: npt.ArrayLike,
    code_bits: npt.ArrayLike,
    delta: npt.ArrayLike,
) -> Numbers:
    """The empirical Bernstein Occam bound, good for losses that vary little; above 1 where it is vacuous.

    Shapes broadcast; risk in [0, 1], its unbiased sample variance (see error_variance), n >= 1, code_bits 0
    or more, delta in (0, 1), else MdlError. Infinite at n = 1, where there is no variance to read.
    q + sqrt(2 V A / n) + 7 A / (3 (n - 1)), A = ln(2 / delta) + L ln 2, any loss in [0, 1] (Maurer and Pontil
    2009, Theorem 4, at the level delta 2^-L).

    >>> round(empirical_bernstein(0.01, 0.0001, 10_000, 0, 0.05), 6)
    0.011132
    """
    size, spread = sizes(n), nonnegative(variance, "variance")
    level = log_inverse_level(code_bits, delta) + LN2
    more = np.maximum(size - 1, 1)
    bound = risks(risk) + np.sqrt(2 * spread * level / size) + 7 * level / (3 * more)
    return plain(np.where(size > 1, bound, np.inf))


def error_variance(errors: npt.ArrayLike, n: npt.ArrayLike) -> Numbers:
    """The unbiased sample variance of n zeros and ones, k (n - k) / (n (n - 1)); 0 at n = 1.

    Shapes broadcast; whole 0 <= errors <= n, else MdlError.

    >>> error_variance(1, 2)
    0.5
    """
    size = sizes(n)
    k = counts(errors, size)
    return plain(k * (size - k) / (size * np.maximum(size - 1, 1)))


def held_out(errors: npt.ArrayLike, n: npt.ArrayLike, delta: npt.ArrayLike) -> Numbers:
    """The test-set bound: what errors on n fresh examples say of a hypothesis fixed before them; at most 1.

    Shapes broadcast; whole 0 <= errors <= n, delta in (0, 1), else MdlError.
    sup {p : P[Bin(n, p) <= errors] >= delta} (Langford 2005, Theorem 3.3): no bits, since nothing was chosen.

    >>> round(held_out(231, 10_000, 0.05), 5)
    0.02573
    """
    return binomial_inverse(errors, n, np.log(deltas(delta)))


def unseen_size(n: npt.ArrayLike, seen: npt.ArrayLike) -> Numbers:
    """The n of a bound whose prior was learnt on the first `seen` of n examples: what it did not see.

    Shapes broadcast; whole 0 <= seen < n, else MdlError. The errors must be those on the same unseen part.

    >>> unseen_size(60_000, 30_000)
    30000.0
    """
    size, used = sizes(n), nonnegative(seen, "seen")
    require(used < size, used, "seen", "must be below n: no example is left to bound with")
    return plain(size - used)
