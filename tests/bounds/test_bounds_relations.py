"""What theorems say of the bounds, held on random cases: order, monotony, never below the risk."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdlcode import bounds

Case = tuple[int, int, float, float]
ROUNDING = 1e-9
LN2 = np.log(2)


@st.composite
def cases(draw: Any) -> Case:
    """(errors, n, bits, delta), n from 1 to 10^9 and bits from 0 to 10^7, both on a log scale."""
    n = int(10 ** draw(st.floats(0, 9)))
    k = min(n, int((n + 1) * draw(st.floats(0, 1)) ** draw(st.sampled_from([1, 4]))))
    return k, n, 10 ** draw(st.floats(0, 7)) - 1, draw(st.floats(1e-6, 0.5))


Bounded = Callable[[float, float, float, float], Any]


def from_risk(bound: Bounded) -> Bounded:
    return lambda k, n, bits, delta: bound(k / n, n, bits, delta)


def from_nats(bound: Callable[..., Any], *more: float) -> Bounded:
    return lambda k, n, bits, delta: bound(k / n, n, bits * LN2, delta, *more)


def bernstein(k: float, n: float, bits: float, delta: float) -> Any:
    return bounds.empirical_bernstein(k / n, bounds.error_variance(k, n), n, bits, delta)


EVERY: dict[str, Bounded] = {
    "exact_binomial": bounds.exact_binomial,
    "chernoff_kl": from_risk(bounds.chernoff_kl),
    "hoeffding": from_risk(bounds.hoeffding),
    "empirical_bernstein": bernstein,
    "subsampled": lambda k, n, bits, delta: bounds.subsampled(k / n, n, n, bits, delta),
    "bounded_loss": lambda k, n, bits, delta: bounds.bounded_loss(k / n, 0, 1, n, bits, delta),
    "maurer": from_nats(bounds.maurer),
    "mcallester": from_nats(bounds.mcallester),
    "mcallester_2003": from_nats(bounds.mcallester_2003),
    "mcallester_1999": from_nats(bounds.mcallester_1999),
    "quadratic": from_nats(bounds.quadratic),
    "tolstikhin_seldin": from_nats(bounds.tolstikhin_seldin),
    "thiemann": from_nats(bounds.thiemann, 1.0),
    "catoni": from_nats(bounds.catoni),
    "catoni_uniform": lambda k, n, bits, delta: bounds.catoni_uniform(k / n, n, bits * LN2, delta, 2 * n),
    "certificate": lambda k, n, bits, delta: bounds.certificate(k / n, 1000, n, bits * LN2, delta, 0.01),
}
CAPPED = ("exact_binomial", "chernoff_kl", "bounded_loss", "maurer", "certificate")


@pytest.mark.parametrize("name", EVERY)
@given(case=cases(), more=st.floats(1, 100))
@settings(max_examples=60)
def test_monotone_and_never_below_the_risk(name: str, case: Case, more: float) -> None:
    k, n, bits, delta = case
    bound = EVERY[name]
    value = bound(k, n, bits, delta)
    assert value >= k / n
    slack = ROUNDING if name != "catoni" else 1e-5 * value  # its search is as fine as this
    assert bound(k, n, bits + more, delta) >= value - slack
    assert bound(k, n, bits, delta / more) >= value - slack
    if k < n:
        assert bound(k + 1, n, bits, delta) >= value - slack or name == "empirical_bernstein"
    if name in CAPPED:
        assert value <= 1


@pytest.mark.parametrize("name", [name for name in EVERY if name != "empirical_bernstein"])
@given(case=cases(), times=st.integers(2, 50))
@settings(max_examples=40)
def test_falls_with_n_at_fixed_risk(name: str, case: Case, times: int) -> None:
    k, n, bits, delta = case
    value = EVERY[name](k, n, bits, delta)
    slack = ROUNDING if name != "catoni" else 1e-5 * value
    assert EVERY[name](times * k, times * n, bits, delta) <= value + slack


@given(cases())
@settings(max_examples=200)
def test_order_of_the_bounds(case: Case) -> None:
    k, n, bits, delta = case
    value = bounds.occam_bounds(k, n, bits, delta)
    for below, above in (
        ("exact binomial", "Chernoff-kl"),
        ("Chernoff-kl", "Maurer-Seeger-Langford"),
        ("Chernoff-kl", "Hoeffding"),
        ("Chernoff-kl", "Catoni 1.2.6"),
        ("Maurer-Seeger-Langford", "quadratic"),
        ("Maurer-Seeger-Langford", "McAllester"),
        ("quadratic", "Tolstikhin-Seldin"),
        ("McAllester", "McAllester 2003"),
        ("McAllester 2003", "McAllester 1999"),
    ):
        assert value[below] <= value[above] * (1 + ROUNDING), (below, above)
    assert value["Thiemann lambda"] == pytest.approx(value["quadratic"], rel=1e-9)


@given(cases())
@settings(max_examples=200)
def test_the_tightest_is_known_beforehand(case: Case) -> None:
    """Else marking the least of several bounds would have to be paid for in delta."""
    k, n, bits, delta = case
    value = bounds.occam_bounds(k, n, bits, delta)
    assert min(value.values()) >= value["exact binomial"] * (1 - ROUNDING)
    stochastic = bounds.stochastic_bounds(k / n, n, bits * LN2, delta)
    assert min(stochastic.values()) >= stochastic["Maurer-Seeger-Langford"] * (1 - ROUNDING)


@given(st.integers(1, 10**9), st.floats(0, 1e7), st.floats(1e-6, 0.99))
@settings(max_examples=100)
def test_binomial_and_chernoff_agree_without_errors(n: int, bits: float, delta: float) -> None:
    binomial, chernoff = bounds.exact_binomial(0, n, bits, delta), bounds.chernoff_kl(0.0, n, bits, delta)
    assert binomial == pytest.approx(chernoff, rel=1e-12)


@given(st.floats(1e-6, 0.999), st.floats(1e-6, 5))
@settings(max_examples=100)
def test_catoni_over_all_lambda_is_the_kl_inverse(q: float, c: float) -> None:
    """Its infimum is at lambda / n = logit(p) - logit(q), p = kl^-1(q, c); every other lambda is above."""
    n, delta = 1000, 0.05
    kl_nats = n * (c + 0.01)
    given_ = (q, n, kl_nats, delta)
    p = bounds.maurer(*given_)
    if p < 1 - 1e-9:
        best = n * (np.log(p / q) + np.log((1 - q) / (1 - p)))
        assert bounds.catoni_uniform(*given_, best) == pytest.approx(p, rel=1e-8)
    others = bounds.catoni_uniform(*given_, n * np.geomspace(1e-3, 30, 50))
    assert np.all(others >= p * (1 - ROUNDING))


@given(st.floats(0, 1), st.floats(0, 1e5), st.floats(0.01, 1.99))
@settings(max_examples=100)
def test_the_best_lambda_is_the_quadratic_bound(q: float, kl_nats: float, lam: float) -> None:
    given_ = (q, 60_000, kl_nats, 0.05)
    assert bounds.thiemann(*given_, lam) >= bounds.quadratic(*given_) * (1 - ROUNDING)


@given(st.floats(0, 1), st.integers(1, 10**6), st.floats(0, 1e5))
@settings(max_examples=60)
def test_catoni_search_is_as_good_as_a_fine_grid(q: float, n: int, kl_nats: float) -> None:
    """The theorem's own definition as a plain minimum over a grid of lambda."""
    alpha, lam = 1 + 1e-4, np.geomspace(1 + 1e-9, 1e9, 4000)
    inside = q + alpha / lam * (kl_nats - np.log(0.05) + 2 * np.log(np.log(alpha**2 * lam) / np.log(alpha)))
    grid = np.min(-np.expm1(-lam / n * inside) / -np.expm1(-lam / n))
    assert bounds.catoni(q, n, kl_nats, 0.05) <= grid * (1 + 1e-5)
    assert bounds.catoni(q, n, kl_nats, 0.05) >= grid * (1 - 1e-3)


@given(cases())
@settings(max_examples=60)
def test_arrays_and_scalars_are_one(case: Case) -> None:
    k, n, bits, delta = case
    alone = bounds.occam_bounds(k, n, bits, delta)
    together = bounds.occam_bounds([k, 0, n], n, [[bits], [2.0]], delta)
    for name, values in together.items():
        assert type(alone[name]) is float
        assert values.shape == (2, 3)
        assert values[0, 0] == pytest.approx(alone[name], rel=1e-12)


def test_vacuous_bounds_stay_in_the_report() -> None:
    rows = bounds.side_by_side(bounds.occam_bounds(30_000, 60_000, 1e6, 0.05))
    by_name = {row.name: row for row in rows}
    assert by_name["Hoeffding"].value > 1
    assert by_name["Hoeffding"].vacuous
    assert not by_name["exact binomial"].vacuous
    assert [row.name for row in rows if row.tightest] == ["exact binomial"]
    assert len(rows) == 12
