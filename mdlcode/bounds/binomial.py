"""The exact inverse of a binomial tail, at levels far below the smallest float."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincc, gammaln, ndtri_exp, rel_entr

from mdlcode.bounds.inverse import excess, risk_at, risk_exponent, upper_kl
from mdlcode.bounds.numbers import Array, Numbers, counts, plain, reals, require, sizes

# Below this log-level the tail starts 9 standard deviations away and FRACTION_TERMS give it to 1e-12;
# above it the incomplete beta function is the faster of the two.
DEEP_NATS = -40.0
FRACTION_TERMS = 13  # an odd number overestimates the tail (DLMF 8.17.22), so that its inverse errs upwards
SMALL_RISK = 0.01  # below it 1 - p has lost digits of p
CLOSE_NATS = 1e-5  # the last step still cubes this error
SLACK = 1e-12  # relative; covers the rounding of the library's incomplete beta function

Tail: TypeAlias = Callable[[Array, Array, Array, Array], tuple[Array, Array]]


def binomial_inverse(errors: npt.ArrayLike, n: npt.ArrayLike, log_level_nats: npt.ArrayLike) -> Numbers:
    """The largest p for which k errors or fewer among n have probability e^log_level or more, from above.

    Shapes broadcast; whole 0 <= errors <= n, log_level_nats below 0 (as far as wanted), else MdlError.
    sup {p : ln P[Bin(n, p) <= k] >= log_level}, the upper end of Clopper and Pearson's interval (Langford
    2005, section 3). Closed at k = 0: 1 - e^(log_level / n), and at k = n: 1. At most 1, at least k / n
    (the supremum is below it only at levels above 1/2).

    >>> round(binomial_inverse(100, 10_000, np.log(0.05)), 6)
    0.011797
    """
    size = sizes(n)
    level = reals(log_level_nats, "log_level_nats")
    require(level < 0, level, "log_level_nats", "is the log of a probability and must be below 0")
    k, size, level = np.broadcast_arrays(counts(errors, size), size, level)
    result = np.where(k == 0, risk_at(np.zeros_like(level), -level / size), 1.0)
    inner, deep = (k > 0) & (k < size), level < DEEP_NATS
    for part, tail in ((inner & deep, _deep_tail), (inner & ~deep, _beta_tail)):
        if np.any(part):
            result[part] = _invert(k[part], size[part], level[part], tail)
    return plain(result)


def _invert(k: Array, n: Array, level: Array, tail: Tail) -> Array:
    """Halley's method on ln P(v) = level, P(v) = P[Bin(n, 1 - e^-v) <= k].

    It starts where n kl((k + 1/2) / n || p) = z^2 / 2, z the normal quantile of this level: the root lies
    between the same for k and for k + 1 (Zubkov and Serov 2013).
    P is the survival function of v = -ln(1 - X), X ~ Beta(k + 1, n - k), whose density f has the slope
    f' / f = -n (p - k / n) / p; so ln P is concave with (ln P)' = -h, (ln P)'' = -h (h + f' / f), h = f / P.
    """
    q = k / n
    z = np.minimum(ndtri_exp(level), 0.0)
    v = risk_exponent((k + 0.5) / n, (n - k - 0.5) / n, z**2 / (2 * n))
    far = np.arange(v.size)
    for _ in range(40):
        p = -np.expm1(-v[far])
        log_cdf, hazard = tail(k[far], n[far], p, v[far])
        error = level[far] - log_cdf
        bend = 1 - n[far] * (p - q[far]) / (p * hazard)
        step = error / (hazard * np.maximum(1 - error * bend / 2, 0.5))
        v[far] = np.maximum(v[far] - step, v[far] / 8)  # levels near 1 could throw it below 0
        far = far[np.abs(error) > CLOSE_NATS - 1e-13 * level[far]]
        if far.size == 0:
            break
    return risk_at(q, v * (1 + SLACK))


def _deep_tail(k: Array, n: Array, p: Array, v: Array) -> tuple[Array, Array]:
    """ln P[Bin(n, p) <= k] and h = (n - k) pmf / P by the incomplete beta function's continued fraction."""
    a, b, x = n - k, k + 1, np.exp(-v)  # P = I_x(a, b), DLMF 8.17.5
    excess_errors = (n + 1) * p - k  # a p - b x + 1; the even part of 8.17.22 needs no other difference
    fraction = np.full_like(v, np.inf)
    for m in range(FRACTION_TERMS, -1, -1):  # from the inside
        top = (a + m) * (a + b + m) * (m + 1) * np.maximum(b - m - 1, 0) * (x / (a + 2 * m + 1)) ** 2
        middle = m + m * (b - m) * x / np.maximum(a + 2 * m - 1, 1)
        middle += (a + m) * (excess_errors + m * (1 + p)) / (a + 2 * m + 1)
        fraction = middle + top / fraction
    q, rest = k / n, a / n
    log_pmf = _log_pmf_at_mean(k, n) - n * upper_kl(q, rest, excess(q, rest, p, v), v)
    return log_pmf + np.log(a * p / fraction), fraction / p


def _beta_tail(k: Array, n: Array, p: Array, v: Array) -> tuple[Array, Array]:
    """ln P[Bin(n, p) <= k] and h = (n - k) pmf / P from the library's incomplete beta function."""
    small = p < SMALL_RISK
    cdf = np.empty_like(p)
    cdf[small] = betaincc(k[small] + 1, (n - k)[small], p[small])
    cdf[~small] = betainc((n - k)[~small], k[~small] + 1, np.exp(-v[~small]))
    log_cdf = np.log(cdf)
    log_pmf = _log_pmf_at_mean(k, n) - rel_entr(k, n * p) - rel_entr(n - k, n * np.exp(-v))
    return log_cdf, (n - k) * np.exp(log_pmf - log_cdf)


def _log_pmf_at_mean(k: Array, n: Array) -> Array:
    """ln P[Bin(n, k / n) = k] without the cancellation of log-factorials (Loader 2000); 0 < k < n."""
    stirling = _stirling_error(n) - _stirling_error(k) - _stirling_error(n - k)
    return stirling + 0.5 * np.log(n / (2 * np.pi * k * (n - k)))


def _stirling_error(n: Array) -> Array:
    """ln n! - ln(sqrt(2 pi n) (n / e)^n), by its series where that is exact to rounding."""
    series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / 1680 / n**2) / n**2) / n**2) / n
    small = np.minimum(n, 32.0)
    exact = gammaln(small + 1) - (small + 0.5) * np.log(small) + small - 0.5 * np.log(2 * np.pi)
    return np.where(n < 32, exact, series)
