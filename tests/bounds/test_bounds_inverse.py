"""The inverses against 60-digit decimal arithmetic: never below the truth, and next to it."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdlcode import bounds

rates = st.one_of(
    st.floats(0, 1),
    st.floats(-12, 0).map(lambda e: 10.0**e),
    st.floats(-12, -0.01).map(lambda e: 1 - 10.0**e),
)
budgets = st.floats(-10, 2).map(lambda e: 10.0**e)


def exact_kl(q: float, p: float) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        a, b, total = Decimal(q), Decimal(p), Decimal(0)
        if a > 0:
            total += a * (a / b).ln()
        if a < 1:
            total += (1 - a) * ((1 - a) / (1 - b)).ln()
        return total


def exact_tail(k: int, n: int, p: float) -> Decimal:
    """P[Bin(n, p) <= k]."""
    with localcontext() as context:
        context.prec = 60
        rate, term, total = Decimal(p), (1 - Decimal(p)) ** n, Decimal(0)
        for i in range(k + 1):
            total += term
            term *= rate / (1 - rate) * (n - i) / (i + 1)
        return total


@given(rates, budgets)
@settings(max_examples=300)
def test_kl_inverse_is_the_upper_end(q: float, c: float) -> None:
    p = bounds.kl_inverse(q, c)
    assert q <= p <= 1
    if p < 1:
        assert exact_kl(q, p) >= Decimal(c)
        below = p - 1e-13 * p - 1e-15
        assert below < q or exact_kl(q, below) < Decimal(c)


@given(rates, budgets)
@settings(max_examples=300)
def test_lower_kl_inverse_is_the_lower_end(q: float, c: float) -> None:
    p = bounds.kl_inverse_lower(q, c)
    assert 0 <= p <= q
    if p > 0:
        assert exact_kl(q, p) >= Decimal(c)
        assert exact_kl(q, min(p * (1 + 1e-10), q)) <= Decimal(c)


@given(st.integers(1, 250), st.floats(0, 1), st.floats(0.7, 5000))
@settings(max_examples=150)
def test_binomial_inverse_is_the_upper_end(n: int, share: float, nats: float) -> None:
    k = min(int(share * (n + 1)), n - 1)
    p = bounds.binomial_inverse(k, n, -nats)
    if p < 1:
        level = Decimal(-nats).exp()
        assert exact_tail(k, n, p) <= level
        assert exact_tail(k, n, p * (1 - 1e-11) - 1e-16) > level


@pytest.mark.parametrize(("q", "c"), [(0.0, 1e-9), (0.0, 0.3), (0.0, 50.0)])
def test_closed_form_without_errors(q: float, c: float) -> None:
    assert bounds.kl_inverse(q, c) == pytest.approx(-np.expm1(-c), rel=1e-14)
    assert bounds.kl_inverse_lower(1 - q, c) == pytest.approx(np.exp(-c), rel=1e-13)


def test_closed_ends() -> None:
    assert bounds.kl_inverse(1.0, 0.3) == 1
    assert bounds.kl_inverse_lower(0.0, 0.3) == 0
    assert bounds.kl_inverse(0.3, 0.0) == pytest.approx(0.3, abs=1e-15)
    assert bounds.binomial_inverse(5, 5, -3.0) == 1
    assert bounds.binomial_inverse(0, 1000, -70.0) == pytest.approx(-np.expm1(-0.07), rel=1e-14)


@pytest.mark.parametrize(("q", "p", "nats"), [(0.5, 0.5, 0.0), (0.0, 1.0, np.inf), (1.0, 0.25, np.log(4)), (0, 0, 0)])
def test_binary_kl(q: float, p: float, nats: float) -> None:
    assert bounds.binary_kl(q, p) == pytest.approx(nats, abs=1e-16)


def test_extremes_give_probabilities() -> None:
    """n from 1 to 10^9, no bits to 10^7, no errors to all errors: no warning, nothing outside [q, 1]."""
    n = np.array([1, 2, 10, 10**4, 10**9], dtype=float)[:, None, None]
    bits = np.array([0, 1, 60, 1000, 1e7])[None, :, None]
    k = np.floor(n * np.array([0, 1e-8, 0.01, 0.5, 0.999, 1]))
    for bound in (bounds.exact_binomial(k, n, bits, 0.05), bounds.chernoff_kl(k / n, n, bits, 0.05)):
        assert bound.shape == (5, 5, 6)
        assert np.all(bound >= k / n)
        assert np.all(bound <= 1)


def test_large_samples_agree_with_the_other_tail() -> None:
    """Either side of the level where the method changes, it is the same smooth function of the level."""
    n, level = 10**9, -40 + np.array([-2e-6, -1e-6, 1e-6, 2e-6])
    for k in (1, 30, 10**4, 10**8, 5 * 10**8):
        p = bounds.binomial_inverse(k, n, level)
        assert np.all(np.diff(p) < 0)
        assert np.diff(p)[1] / 2 == pytest.approx(np.mean(np.diff(p)[[0, 2]]), rel=1e-2)
