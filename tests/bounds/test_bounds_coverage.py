"""The promise itself: over many training sets a bound fails with probability delta at most (fixed seeds)."""

import numpy as np
import pytest

from mdlcode import bounds

TRIALS, N, DELTA = 4000, 200, 0.1


def chosen(risk: float, bits: int, rng: np.random.Generator) -> np.ndarray:
    """The errors of the hypothesis that looks best among 2^bits of the same risk, for each trial."""
    return np.asarray(rng.binomial(N, risk, size=(TRIALS, 2**bits)).min(axis=1))


@pytest.mark.parametrize("bits", [0, 3, 6])
@pytest.mark.parametrize("risk", [0.02, 0.2, 0.5, 0.9])
def test_occam_bounds_cover(risk: float, bits: int) -> None:
    """The worst selection for a bound: all hypotheses are equally bad and the luckiest is taken."""
    k = chosen(risk, bits, np.random.default_rng(bits))
    failures = {
        name: np.mean(np.asarray(bound) < risk) for name, bound in bounds.occam_bounds(k, N, bits, DELTA).items()
    }
    assert max(failures.values()) <= DELTA + 3 * np.sqrt(DELTA * (1 - DELTA) / TRIALS)


def test_occam_bound_is_not_wasteful() -> None:
    """With one hypothesis the exact bound fails nearly as often as it may; bits that are not paid show."""
    rng = np.random.default_rng(1)
    alone = np.mean(bounds.exact_binomial(chosen(0.2, 0, rng), N, 0, DELTA) < 0.2)
    assert 0.06 <= alone <= 0.11
    assert np.mean(bounds.exact_binomial(chosen(0.2, 6, rng), N, 0, DELTA) < 0.2) > 0.5


def test_stochastic_bounds_cover() -> None:
    """A Gibbs posterior over 64 hypotheses with a uniform prior, of which half are better than the others."""
    rng = np.random.default_rng(2)
    risks = np.repeat([0.3, 0.2], 32)
    k = rng.binomial(N, risks, size=(TRIALS, 64))
    weights = np.exp(-4.0 * (k - k.min(axis=1, keepdims=True)))
    posterior = weights / weights.sum(axis=1, keepdims=True)  # (trials, hypotheses)
    kl_nats = np.maximum(np.sum(posterior * np.log(np.maximum(posterior, 1e-300) * 64), axis=1), 0)
    risk, empirical = posterior @ risks, np.sum(posterior * k, axis=1) / N
    for name, bound in bounds.stochastic_bounds(empirical, N, kl_nats, DELTA).items():
        assert np.mean(np.asarray(bound) < risk) <= DELTA, name


def test_sampled_risks_cover() -> None:
    """A risk estimated from few draws: the limit fails rarely, the estimate itself every other time."""
    rng = np.random.default_rng(3)
    estimate = rng.binomial(50, 0.3, size=TRIALS) / 50
    assert np.mean(bounds.sample_convergence(estimate, 50, DELTA) < 0.3) <= DELTA
    assert np.mean(estimate < 0.3) > 0.3


def test_subsampled_and_bernstein_cover() -> None:
    rng = np.random.default_rng(4)
    losses = rng.beta(0.5, 2.0, size=(TRIALS, N))  # mean 0.2
    part = losses[:, :40]
    mean, variance = losses.mean(axis=1), losses.var(axis=1, ddof=1)
    assert np.mean(bounds.subsampled(part.mean(axis=1), 40, N, 0, DELTA) < 0.2) <= DELTA
    assert np.mean(bounds.empirical_bernstein(mean, variance, N, 0, DELTA) < 0.2) <= DELTA
    assert np.mean(bounds.chernoff_kl(mean, N, 0, DELTA) < 0.2) <= DELTA
