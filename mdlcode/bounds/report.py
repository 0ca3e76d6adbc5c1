"""All bounds side by side. Vacuous ones stay in and are marked; nothing is clipped.

The tightest is marked, and marking it costs no failure probability: the exact binomial bound is never above
the others for a decoded net, nor Maurer's for a stochastic one, so each report's guarantee is that of one
bound.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mdlcode.bounds import occam, pac_bayes
from mdlcode.bounds.catoni_bounds import catoni
from mdlcode.bounds.numbers import Numbers, counts, nonnegative, reals, sizes
from mdlcode.errors import MdlError


@dataclass(frozen=True)
class Bound:
    """One bound by name; vacuous where it is 1 or more, since every error rate is at most 1."""

    name: str
    value: float
    tightest: bool

    @property
    def vacuous(self) -> bool:
        """Whether it says nothing."""
        return self.value >= 1


def occam_bounds(
    errors: npt.ArrayLike, n: npt.ArrayLike, code_bits: npt.ArrayLike, delta: npt.ArrayLike
) -> dict[str, Numbers]:
    """Every bound on a decoded hypothesis, by name: the Occam bounds, then PAC-Bayes with K = L ln 2.

    Shapes broadcast; whole 0 <= errors <= n, code_bits 0 or more of a prefix-free code, delta in (0, 1), else
    MdlError.

    >>> round(occam_bounds(470, 60_000, 33_174, 0.05)["exact binomial"], 6)
    0.345584
    """
    size = sizes(n)
    k = counts(errors, size)
    risk, variance = k / size, occam.error_variance(k, size)
    return {
        "exact binomial": occam.exact_binomial(k, size, code_bits, delta),
        "Chernoff-kl": occam.chernoff_kl(risk, size, code_bits, delta),
        "Hoeffding": occam.hoeffding(risk, size, code_bits, delta),
        "empirical Bernstein": occam.empirical_bernstein(risk, variance, size, code_bits, delta),
    } | stochastic_bounds(risk, size, nonnegative(code_bits, "code_bits") * occam.LN2, delta)


def draw_bounds(
    errors: npt.ArrayLike, n: npt.ArrayLike, log_ratio_bits: npt.ArrayLike, delta: npt.ArrayLike
) -> dict[str, Numbers]:
    """Every bound on one classifier that was drawn from a posterior, by name, from log2 q / p of that draw.

    Shapes broadcast; whole 0 <= errors <= n, delta in (0, 1), else MdlError.

    >>> round(draw_bounds(600, 60_000, 3000, 0.05)["one draw"], 4)
    0.0616
    """
    size = sizes(n)
    nats = reals(log_ratio_bits, "log_ratio_bits") * occam.LN2
    return {"one draw": pac_bayes.one_draw(counts(errors, size) / size, size, nats, delta)}


def stochastic_bounds(
    risk: npt.ArrayLike, n: npt.ArrayLike, kl_nats: npt.ArrayLike, delta: npt.ArrayLike
) -> dict[str, Numbers]:
    """Every bound on a stochastic classifier of this mean empirical risk and KL(Q || P), by name.

    Shapes broadcast; risk in [0, 1] (an upper bound on it where it was sampled), n >= 1, kl_nats 0 or more,
    delta in (0, 1), else MdlError. The lambda of Thiemann's bound is its best one, which is free.

    >>> round(stochastic_bounds(0.028, 55_000, 5144, 0.035)["Maurer-Seeger-Langford"], 5)
    0.16065
    """
    given = (risk, n, kl_nats, delta)
    return {
        "Maurer-Seeger-Langford": pac_bayes.maurer(*given),
        "Catoni 1.2.6": catoni(*given),
        "quadratic": pac_bayes.quadratic(*given),
        "Thiemann lambda": pac_bayes.thiemann(*given, pac_bayes.best_lambda(*given)),
        "Tolstikhin-Seldin": pac_bayes.tolstikhin_seldin(*given),
        "McAllester": pac_bayes.mcallester(*given),
        "McAllester 2003": pac_bayes.mcallester_2003(*given),
        "McAllester 1999": pac_bayes.mcallester_1999(*given),
    }


def side_by_side(bounds: Mapping[str, Numbers]) -> tuple[Bound, ...]:
    """The bounds of one case as rows in the given order, the first least one marked as the tightest.

    Values are single numbers, else MdlError (index the arrays to one case first).

    >>> rows = side_by_side(occam_bounds(470, 60_000, 33_174, 0.05))
    >>> [(row.name, round(row.value, 4)) for row in rows if row.tightest]
    [('exact binomial', 0.3456)]
    """
    if not bounds or any(np.ndim(value) for value in bounds.values()):
        raise MdlError("a report is about one case: give the bounds of a single (errors, n, bits, delta)")
    best = min(bounds, key=lambda name: float(reals(bounds[name], name)))
    return tuple(Bound(name, float(value), name == best) for name, value in bounds.items())
