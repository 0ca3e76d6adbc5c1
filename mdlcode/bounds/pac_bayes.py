"""PAC-Bayes bounds on the risk of a stochastic classifier, from its mean empirical risk q and K = KL(Q || P).

Q may depend on the data in any way, the prior P may not; examples are i.i.d., the loss lies in [0, 1]. They
all follow from E exp(n kl(q || p)) <= 2 sqrt(n) (Maurer 2004 for n >= 8; for n < 8 by calculation), so they
hold for all Q at once with probability 1 - delta. A point mass on a decoded hypothesis has K = L ln 2.
"""

import numpy as np
import numpy.typing as npt

from mdlcode.bounds.inverse import kl_inverse
from mdlcode.bounds.numbers import Array, Numbers, deltas, nonnegative, plain, positive, reals, require, risks, sizes


def complexity(n: npt.ArrayLike, kl_nats: npt.ArrayLike, delta: npt.ArrayLike) -> Array:
    """c = (K + ln(2 sqrt(n) / delta)) / n, nats per example: what kl(q || p) stays below."""
    size = sizes(n)
    price: Array = np.log(2 * np.sqrt(size)) - np.log(deltas(delta))
    return (nonnegative(kl_nats, "kl_nats") + price) / size


def maurer(risk: npt.ArrayLike, n: npt.ArrayLike, kl_nats: npt.ArrayLike, delta: npt.ArrayLike) -> Numbers:
    """The Maurer-Seeger-Langford bound, at most 1: the tightest of this file.

    Shapes broadcast; risk in [0, 1], n >= 1, kl_nats 0 or more, delta in (0, 1), else MdlError.
    kl^-1(q, c), c = (K + ln(2 sqrt(n) / delta)) / n (Langford and Seeger 2001; Maurer 2004, Theorem 5).

    >>> round(maurer(0.028, 55_000, 5144, 0.035), 5)
    0.16065
    """
    return kl_inverse(risk, complexity(n, kl_nats, delta))


def one_draw(risk: npt.ArrayLike, n: npt.ArrayLike, log_ratio_nats: npt.ArrayLike, delta: npt.ArrayLike) -> Numbers:
    """A bound on the risk of a single classifier h drawn from Q, at most 1; it fails with delta over data and draw.

    Shapes broadcast; risk in [0, 1] the empirical risk of h itself, n >= 1, log_ratio_nats = ln q(h) / p(h),
    taken as 0 where it is negative, delta in (0, 1), else MdlError. kl^-1(q, c) with c as Maurer's for K =
    ln q(h) / p(h) (Rivasplata, Kuzborskij, Szepesvari and Shawe-Taylor 2020, Theorem 1). Q may be any rule that
    makes a distribution of the data, such as one fitted anew as parts of h are drawn.

    >>> round(one_draw(0.01, 60_000, 3000, 0.05), 4) == round(maurer(0.01, 60_000, 3000, 0.05), 4)
    True
    """
    return maurer(risk, n, np.maximum(reals(log_ratio_nats, "log_ratio_nats"), 0.0), delta)


def mcallester(risk: npt.ArrayLike, n: npt.ArrayLike, kl_nats: npt.ArrayLike, delta: npt.ArrayLike) -> Numbers:
    """McAllester's bound in its modern form, Maurer's through Pinsker's inequality; above 1 where vacuous.

    Shapes broadcast; risk in [0, 1], n >= 1, kl_nats 0 or more, delta in (0, 1), else MdlError.
    q + sqrt(c / 2), c = (K + ln(2 sqrt(n) / delta)) / n.

    >>> round(mcallester(0.028, 55_000, 5144, 0.035), 5)
    0.24445
    """
    return plain(risks(risk) + np.sqrt(complexity(n, kl_nats, delta) / 2))


def mcallester_2003(risk: npt.ArrayLike, n: npt.ArrayLike, kl_nats: npt.ArrayLike, delta: npt.ArrayLike) -> Numbers:
    """McAllester's bound of 2003; above 1 where it is vacuous.

    Shapes broadcast; risk in [0, 1], n >= 1, kl_nats 0 or more, delta in (0, 1), else MdlError.
    q + sqrt((K + ln(1 / delta) + ln n + 2) / (2 n - 1)) (PAC-Bayesian stochastic model selection, Theorem 1).
    Public code leaves out the 2; that is proved from n = 4 on, where 2 sqrt(n) <= n.

    >>> round(mcallester_2003(0.028, 55_000, 5144, 0.035), 5)
    0.24459
    """
    return _mcallester(risk, n, kl_nats, delta, log_n=1.0, constant=2.0)


def mcallester_1999(risk: npt.ArrayLike, n: npt.ArrayLike, kl_nats: npt.ArrayLike, delta: npt.ArrayLike) -> Numbers:
    """McAllester's bound of 1999, the loosest of the three; above 1 where it is vacuous.

    Shapes broadcast; risk in [0, 1], n >= 1, kl_nats 0 or more, delta in (0, 1), else MdlError.
    q + sqrt((K + ln(1 / delta) + (5/2) ln n + 8) / (2 n - 1)) (PAC-Bayesian model averaging).

    >>> round(mcallester_1999(0.028, 55_000, 5144, 0.035), 5)
    0.24506
    """
    return _mcallester(risk, n, kl_nats, delta, log_n=2.5, constant=8.0)


def _mcallester(
    risk: npt.ArrayLike,
    n: npt.ArrayLike,
    kl_nats: npt.ArrayLike,
    delta: npt.ArrayLike,
    log_n: float,
    constant: float,
) -> Numbers:
    size = sizes(n)
    total = nonnegative(kl_nats, "kl_nats") - np.log(deltas(delta)) + log_n * np.log(size) + constant
    return plain(risks(risk) + np.sqrt(total / (2 * size - 1)))


def quadratic(risk: npt.ArrayLike, n: npt.ArrayLike, kl_nats: npt.ArrayLike, delta: npt.ArrayLike) -> Numbers:
    """The quadratic bound; above 1 where it is vacuous.

    Shapes broadcast; risk in [0, 1], n >= 1, kl_nats 0 or more, delta in (0, 1), else MdlError.
    (sqrt(q + c / 2) + sqrt(c / 2))^2, c = (K + ln(2 sqrt(n) / delta)) / n: Maurer's bound through
    kl(q || p) >= (p - q)^2 / (2 p) (Perez-Ortiz et al. 2021).

    >>> round(quadratic(0.028, 55_000, 5144, 0.035), 5)
    0.24014
    """
    half = complexity(n, kl_nats, delta) / 2
    return plain((np.sqrt(risks(risk) + half) + np.sqrt(half)) ** 2)


def tolstikhin_seldin(risk: npt.ArrayLike, n: npt.ArrayLike, kl_nats: npt.ArrayLike, delta: npt.ArrayLike) -> Numbers:
    """The relaxed kl bound: fast where q is small, looser than the quadratic; above 1 where it is vacuous.

    Shapes broadcast; risk in [0, 1], n >= 1, kl_nats 0 or more, delta in (0, 1), else MdlError.
    q + sqrt(2 q c) + 2 c, c = (K + ln(2 sqrt(n) / delta)) / n (Tolstikhin and Seldin 2013).

    >>> round(tolstikhin_seldin(0.028, 55_000, 5144, 0.035), 5)
    0.28784
    """
    q, c = risks(risk), complexity(n, kl_nats, delta)
    return plain(q + np.sqrt(2 * q * c) + 2 * c)


def thiemann(
    risk: npt.ArrayLike, n: npt.ArrayLike, kl_nats: npt.ArrayLike, delta: npt.ArrayLike, lam: npt.ArrayLike
) -> Numbers:
    """The lambda bound, linear in q and K; it holds for all lambda in (0, 2) at once; above 1 where vacuous.

    Shapes broadcast; risk in [0, 1], n >= 1, kl_nats 0 or more, delta and lam / 2 in (0, 1), else MdlError.
    q / (1 - lambda / 2) + c / (lambda (1 - lambda / 2)), c = (K + ln(2 sqrt(n) / delta)) / n (Thiemann et al.
    2017). best_lambda gives the least value, the quadratic bound.

    >>> round(thiemann(0.028, 55_000, 5144, 0.035, lam=1.0), 5)
    0.2434
    """
    lam_ = positive(lam, "lam")
    require(lam_ < 2, lam_, "lam", "must lie in (0, 2)")
    return plain((risks(risk) + complexity(n, kl_nats, delta) / lam_) / (1 - lam_ / 2))


def best_lambda(risk: npt.ArrayLike, n: npt.ArrayLike, kl_nats: npt.ArrayLike, delta: npt.ArrayLike) -> Numbers:
    """The lambda in (0, 1] at which the lambda bound is least, 2 / (sqrt(2 q / c + 1) + 1).

    Shapes broadcast; risk in [0, 1], n >= 1, kl_nats 0 or more, delta in (0, 1), else MdlError.

    >>> best_lambda(0.0, 100, 10, 0.05)
    1.0
    """
    return plain(2 / (np.sqrt(2 * risks(risk) / complexity(n, kl_nats, delta) + 1) + 1))
