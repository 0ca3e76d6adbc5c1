"""The binary relative entropy and its inverses: what every tight bound is made of."""

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from mdlcode.bounds.numbers import Array, Numbers, nonnegative, plain, reals, risks
from mdlcode.errors import MdlError

EPS = float(np.finfo(np.float64).eps)
TINY = 1e-300  # stands for 0 in a denominator whose numerator is multiplied by 0
ROUNDING = 16 * EPS  # what rounding can cost an inverse, relative to it; it is added to the upper end


def binary_kl(risk: npt.ArrayLike, bound: npt.ArrayLike) -> Numbers:
    """kl(q || p) in nats, the relative entropy of two coins; infinite where p excludes what q allows.

    Any shapes that broadcast, values in [0, 1], else MdlError.
    kl(q || p) = q ln(q / p) + (1 - q) ln((1 - q) / (1 - p)), with 0 ln 0 = 0 (Langford 2005, section 3).

    >>> round(binary_kl(0.5, 0.25), 6)
    0.143841
    """
    q, p = np.broadcast_arrays(risks(risk), risks(bound))
    return plain(q * _log_ratio(q, p, q - p) + (1 - q) * _log_ratio(1 - q, 1 - p, p - q))


def kl_inverse(risk: npt.ArrayLike, budget_nats: npt.ArrayLike) -> Numbers:
    """The largest p with kl(q || p) <= budget, from above: never below the true inverse, at most 1.

    Shapes broadcast; q in [0, 1], budget in nats per example, 0 or more, else MdlError.
    kl^-1(q, c) = sup {p : kl(q || p) <= c}; closed forms kl^-1(0, c) = 1 - e^-c and kl^-1(1, c) = 1
    (Langford 2005; Maurer 2004). Newton's method on a convex function stays on the upper side.

    >>> round(kl_inverse(0.02, 0.05), 10)
    0.0985721677
    """
    q = risks(risk)
    return plain(risk_at(q, risk_exponent(q, 1 - q, nonnegative(budget_nats, "budget_nats"))))


def kl_inverse_lower(risk: npt.ArrayLike, budget_nats: npt.ArrayLike) -> Numbers:
    """The smallest p with kl(q || p) <= budget, from below: never above the true inverse, at least 0.

    Shapes broadcast; q in [0, 1], budget in nats per example, 0 or more, else MdlError.
    inf {p : kl(q || p) <= c} = 1 - kl^-1(1 - q, c); at q = 1 it is e^-c.

    >>> round(kl_inverse_lower(1.0, 0.05), 6)
    0.951229
    """
    q = risks(risk)
    exponent = risk_exponent(1 - q, q, nonnegative(budget_nats, "budget_nats"))
    low = np.minimum(np.exp(-exponent * (1 + ROUNDING)) * (1 - ROUNDING), q)
    return plain(np.where(low < TINY, 0.0, low))


def kl_inverse_slopes(risk: float, budget_nats: float) -> tuple[float, float]:
    """How kl^-1(q, c) changes with q and with c, for whoever trains on the bound: two derivatives.

    Risk in [0, 1], budget in nats per example, else MdlError, as it is for a budget of 0 and a bound of 1, which have
    no slope. From kl(q || p) = c by the implicit function theorem (as in Reeb et al. 2018): dp/dc = p (1 - p) / (p - q)
    and dp/dq = dp/dc ln(p (1 - q) / (q (1 - p))), where q = 0 is taken as 1e-300.

    >>> [round(each, 4) for each in kl_inverse_slopes(0.3, 0.06)]
    [1.0655, 1.466]
    """
    q, p = float(risks(risk)), float(reals(kl_inverse(risk, budget_nats), "bound"))
    if not q < p < 1:
        raise MdlError(f"kl^-1({q:g}, {budget_nats:g}) is {p:g}, where it has no slope")
    by_budget = p * (1 - p) / (p - q)
    return by_budget * float(np.log(p) - np.log(max(q, TINY)) + np.log1p(-q) - np.log1p(-p)), by_budget


def risk_at(q: Array, exponent: Array) -> Array:
    """p = 1 - e^-exponent, rounded up, between q and 1."""
    return np.clip(-np.expm1(-exponent) * (1 + ROUNDING), q, 1.0)


def risk_exponent(q: Array, rest: Array, budget: Array) -> Array:
    """-ln(1 - p) at the upper end p of {p : kl(q || p) <= budget}; infinite at q = 1. (rest is 1 - q.)

    The exponent v keeps its digits where p is so close to 1 that 1 - p is lost. kl is convex and increasing
    in v above q, so Newton's steps from the right approach the root from the right and do not pass it.
    """
    certain = rest == 0
    q, rest = np.where(certain, 0.0, q), np.where(certain, 1.0, np.maximum(rest, TINY))
    shape = np.broadcast_shapes(q.shape, budget.shape)
    q, rest, budget = (np.broadcast_to(values, shape).ravel() for values in (q, rest, budget))
    v = _start(q, rest, budget)
    far = np.arange(v.size)
    for _ in range(60):
        p = -np.expm1(-v[far])
        gap = excess(q[far], rest[far], p, v[far])
        error = upper_kl(q[far], rest[far], gap, v[far]) - budget[far]
        step = np.where(gap > 0, error * p / np.maximum(gap, TINY), 0.0)  # d kl / d v = (p - q) / p
        v[far] -= step
        far = far[np.abs(step) > np.maximum(1e-9 * gap, 8 * EPS * v[far])]
        if far.size == 0:
            break
    return np.where(certain, np.inf, v.reshape(shape))


def excess(q: Array, rest: Array, p: Array, v: Array) -> Array:
    """p - q, from whichever of p and 1 - p = e^-v has the digits; 0 where rounding would make it negative."""
    return np.maximum(np.where(q <= 0.5, p - q, rest - np.exp(-v)), 0.0)


def upper_kl(q: Array, rest: Array, gap: Array, v: Array) -> Array:
    """kl(q || p) for p = q + gap = 1 - e^-v at or above q, without cancellation at either end."""
    fall = np.where(gap < rest / 2, -np.log1p(-np.minimum(gap / rest, 0.5)), v + np.log(rest))
    return rest * fall - q * np.log1p(gap / np.maximum(q, TINY))


def _start(q: Array, rest: Array, budget: Array) -> Array:
    """A v at or right of the root: the least of Pinsker's, the quadratic and the large-budget bound."""
    half = budget / 2
    p = np.minimum(q + np.sqrt(half), (np.sqrt(q + half) + np.sqrt(half)) ** 2)
    near = np.where(p < 1, -np.log1p(-np.minimum(p, 1 - EPS)), np.inf)
    far: Array = (budget + entr(q) + entr(rest)) / rest
    return np.minimum(near, far)


def _log_ratio(x: Array, y: Array, difference: Array) -> Array:
    """ln(x / y) from difference = x - y where the two are close; 0 at x = 0 and inf at y = 0 < x."""
    close = np.abs(difference) < y / 2
    near = np.log1p(np.where(close, difference / np.where(close, y, 1.0), 0.0))
    far = np.log(np.maximum(x, TINY)) - np.log(np.maximum(y, TINY))
    return np.where(close, near, np.where(x == 0, 0.0, np.where(y == 0, np.inf, far)))
