"""Catoni's bounds: one whose lambda comes from a grid that is paid for, one for all lambda at once."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mdlcode.bounds.inverse import kl_inverse
from mdlcode.bounds.numbers import Array, Numbers, deltas, nonnegative, plain, positive, require, risks, sizes
from mdlcode.bounds.pac_bayes import complexity

GOLDEN = (np.sqrt(5) - 1) / 2
SEARCH_STEPS = 18  # shrinks a bracket of 4 in ln lambda to 7e-4, where the bound is flat to 1e-6 of itself


def catoni(
    risk: npt.ArrayLike,
    n: npt.ArrayLike,
    kl_nats: npt.ArrayLike,
    delta: npt.ArrayLike,
    alpha: npt.ArrayLike = 1 + 1e-4,
) -> Numbers:
    """Catoni's Theorem 1.2.6 with its lambda grid paid, as in Zhou et al.; above 1 where it is vacuous.

    Shapes broadcast; risk in [0, 1], n >= 1, kl_nats 0 or more, delta in (0, 1), alpha > 1 and fixed before
    the data (the default is that of the published code), else MdlError. The infimum over lambda > 1 of
    Phi^-1_{lambda / n}(q + (alpha / lambda) (K + ln(1 / delta) + 2 ln(ln(alpha^2 lambda) / ln alpha))),
    Phi^-1_a(x) = (1 - e^(-a x)) / (1 - e^-a) (Catoni 2007; equation (3) of Zhou et al. 2019).
    Every lambda > 1 is valid, so a search for a good one can only lose tightness.

    >>> round(catoni(0.015, 60_000, 45_564.72, 0.05), 4)
    0.5691
    """
    q, size, grid = risks(risk), sizes(n), reals_above_one(alpha)
    budget = nonnegative(kl_nats, "kl_nats") - np.log(deltas(delta))
    q, size, grid, budget = np.broadcast_arrays(q, size, grid, budget)

    def bound(log_lam: Array) -> Array:
        lam_per_example = np.exp(log_lam) / size
        union = 2 * np.log(2 + log_lam / np.log(grid))
        return phi_inverse(lam_per_example, q, grid * (budget + union) / size)

    return plain(_golden_minimum(bound, _log_lambda_without_union(q, size, grid, budget)))


def catoni_uniform(
    risk: npt.ArrayLike, n: npt.ArrayLike, kl_nats: npt.ArrayLike, delta: npt.ArrayLike, lam: npt.ArrayLike
) -> Numbers:
    """Catoni's bound for all lambda > 0 at once, at the price of ln(2 sqrt n); above 1 where it is vacuous.

    Shapes broadcast; risk in [0, 1], n >= 1, kl_nats 0 or more, delta in (0, 1), lam above 0, else MdlError.
    Phi^-1_{lambda / n}(q + (K + ln(2 sqrt(n) / delta)) / lambda): its least value over lambda is Maurer's
    bound (Rodriguez-Galvez et al. 2023), so it serves to show what one lambda costs.

    >>> round(catoni_uniform(0.015, 60_000, 45_564.72, 0.05, lam=266_000), 4)
    0.569
    """
    q, size = risks(risk), sizes(n)
    return plain(phi_inverse(positive(lam, "lam") / size, q, complexity(size, kl_nats, delta)))


def phi_inverse(a: Array, q: Array, budget: Array) -> Array:
    """Phi^-1_a(q + budget / a) = (1 - e^-(a q + budget)) / (1 - e^-a), budget in nats per example."""
    bound: Array = np.expm1(-(a * q + budget)) / np.expm1(-a)
    return bound


def reals_above_one(alpha: npt.ArrayLike) -> Array:
    """alpha as an array; raises MdlError unless it is above 1."""
    grid = positive(alpha, "alpha")
    require(grid > 1, grid, "alpha", "must be above 1")
    return grid


def _log_lambda_without_union(q: Array, size: Array, alpha: Array, budget: Array) -> Array:
    """ln of the lambda that is best if the union term did not vary: lambda / n = logit(p) - logit(q)."""
    union = 2 * np.log(2 + np.log(size) / np.log(alpha))
    p = np.clip(kl_inverse(q, alpha * (budget + union) / size), 1e-17, 1 - 1e-16)
    inner = np.clip(q, 1e-17, 1 - 1e-9)  # below p also at q = 1, where lambda wants to be large
    slope = np.log(p / inner) + np.log((1 - inner) / (1 - p))
    best: Array = np.log(size * np.clip(slope, 1e-9, 40.0))
    return best


def _golden_minimum(function: Callable[[Array], Array], centre: Array) -> Array:
    """The least value found by golden-section search on [centre - 3, centre + 1], cut at lambda = 1."""
    low, high = np.maximum(centre - 3, 0.0), np.maximum(centre + 1, 0.0)
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(SEARCH_STEPS):
        lower = at_left < at_right
        low, high = np.where(lower, low, left), np.where(lower, right, high)
        point = np.where(lower, high - GOLDEN * (high - low), low + GOLDEN * (high - low))
        value = function(point)
        left, right = np.where(lower, point, right), np.where(lower, left, point)
        at_left, at_right = np.where(lower, value, at_right), np.where(lower, at_left, value)
    return np.asarray(np.minimum(at_left, at_right), dtype=np.float64)
