"""The promise itself: a bound fails with probability delta at most, and none of its mutants keeps the promise.

Failure probabilities are exact sums wherever errors are binomial, so that selections among 2^200 hypotheses and a
delta of 1e-60 can be looked at: there is no price that a loose bound's slack hides. A mutant is the bound with one
price left out; each must fail more often than delta in a case that the bound itself survives.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.stats import binom, hypergeom

from mdlcode import bounds

CERTAIN = 1 - 1e-9  # a delta that costs nothing
ROUNDING = 1 + 1e-9


@dataclass(frozen=True)
class Case:
    """The luckiest of 2^bits independent hypotheses of equal risk, on n examples: the worst choice for a bound."""

    n: int
    risk: float
    bits: float
    delta: float

    def least_errors(self) -> tuple[np.ndarray, np.ndarray]:
        """What may be seen below the risk, and how probable each is."""
        top = int(np.ceil(self.n * self.risk))
        k = np.arange(max(0, top - int(40 * np.sqrt(self.n * self.risk))), top)  # lower ones never happen
        with np.errstate(divide="ignore"):
            cdf = -np.expm1(2.0**self.bits * np.log1p(-binom.cdf(k, self.n, self.risk)))
        return k, np.diff(cdf, prepend=0.0)


SMALL = [
    Case(n, risk, bits, delta)
    for n in (10, 60, 200)
    for risk in (0.02, 0.2, 0.5, 0.9)
    for bits in (0, 6, 30)
    for delta in (0.3, 0.1, 1e-3, 1e-12)
]
# A risk of 1/2 suits the bounds of Pinsker's kind, a small one the quadratic kind.
LARGE = [
    Case(n, risk, bits, delta) for n, risk in ((20_000, 0.5), (10**7, 0.01)) for bits, delta in ((200, 0.1), (0, 1e-60))
]

Mutant = Callable[[Case], Case]
PRICES: dict[str, Mutant] = {
    "no delta": lambda case: replace(case, delta=CERTAIN),
    "half of ln 1 / delta": lambda case: replace(case, delta=case.delta**0.5),
    "no bits": lambda case: replace(case, bits=0),
    "half the bits": lambda case: replace(case, bits=case.bits / 2),
}


def occam_failures(case: Case, paid: Case, examples: int = 1) -> dict[str, float]:
    """How often each bound, told what is `paid` and so many times the examples, fails in a case."""
    k, probability = case.least_errors()
    told = bounds.occam_bounds(examples * k, examples * case.n, paid.bits, paid.delta)
    return {name: float(probability @ (np.asarray(each) < case.risk)) for name, each in told.items()}


@pytest.mark.parametrize("case", [*SMALL, *LARGE])
def test_occam_and_pac_bayes_bounds_cover(case: Case) -> None:
    failures = occam_failures(case, case)
    assert len(failures) == 12
    assert max(failures.values()) <= case.delta * ROUNDING


@pytest.mark.parametrize("price", PRICES)
def test_no_bound_covers_without_its_price(price: str) -> None:
    excess: dict[str, float] = {}
    for case in LARGE:
        for name, failure in occam_failures(case, PRICES[price](case)).items():
            excess[name] = max(excess.get(name, 0.0), failure / case.delta)
    assert len(excess) == 12
    assert min(excess.values()) > 2, excess


def test_no_bound_covers_with_twice_the_examples() -> None:
    failures = [occam_failures(case, case, examples=2) for case in LARGE]
    for name in failures[0]:
        assert max(each[name] / case.delta for each, case in zip(failures, LARGE, strict=True)) > 2, name


def test_exact_binomial_is_not_wasteful() -> None:
    """It fails nearly as often as it may, where errors are fine enough to hit the level."""
    for delta in (0.1, 1e-6, 1e-30):
        case = Case(20_000, 0.5, 0, delta)
        assert 0.9 * delta < occam_failures(case, case)["exact binomial"] <= delta * ROUNDING


@pytest.mark.parametrize("delta", [0.3, 0.05, 1e-9])
@pytest.mark.parametrize("risk", [0.05, 0.3])
def test_the_test_set_bound_covers(risk: float, delta: float) -> None:
    k, probability = Case(500, risk, 0, delta).least_errors()
    assert probability @ (np.asarray(bounds.held_out(k, 500, delta)) < risk) <= delta * ROUNDING
    for wrong in (bounds.held_out(k, 500, delta**0.5), bounds.held_out(2 * k, 1000, delta), k / 500):
        assert probability @ (np.asarray(wrong) < risk) > delta


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.5, 6.5)])
def test_bounds_on_other_losses_cover(low: float, high: float) -> None:
    """Two-valued losses vary most."""
    for case in SMALL:
        k, probability = case.least_errors()
        mean, truth = low + (high - low) * k / case.n, low + (high - low) * case.risk

        def failure(paid: Case, mean: np.ndarray = mean, truth: float = truth, seen: np.ndarray = probability) -> float:
            bound = bounds.bounded_loss(mean, low, high, paid.n, paid.bits, paid.delta)
            return float(seen @ (np.asarray(bound) < truth - 1e-12))

        assert failure(case) <= case.delta * ROUNDING
        if case == Case(200, 0.5, 30, 1e-12):
            assert all(failure(mutant(case)) > 2 * case.delta for mutant in PRICES.values())


@pytest.mark.parametrize("delta", [0.05, 1e-3, 1e-9])
@pytest.mark.parametrize("risk", [0.1, 0.3])
def test_sampled_risks_cover(risk: float, delta: float) -> None:
    """What m draws say of the mean empirical risk of a stochastic net."""
    m = 500
    k, probability = Case(m, risk, 0, delta).least_errors()
    assert probability @ (np.asarray(bounds.sample_convergence(k / m, m, delta)) < risk) <= delta
    for wrong in (bounds.sample_convergence(k / m, m, CERTAIN), k / m):
        assert probability @ (np.asarray(wrong) < risk) > delta
    if delta < 0.01:  # else the 2 in ln(2 / delta) hides it
        assert probability @ (np.asarray(bounds.sample_convergence(k / m, 2 * m, delta)) < risk) > delta


def test_certificates_of_sampled_risks_cover() -> None:
    """Luck with the data and luck with the draws, each at a level of its own; leaving out either one shows."""
    n, m, risk, delta, mc_delta = 60, 40, 0.3, 1e-6, 1e-5
    k, drawn = np.arange(n + 1)[:, None], np.arange(m + 1)[None]
    probability = binom.pmf(k, n, risk) * binom.pmf(drawn, m, k / n)

    def failure(delta: float, mc_delta: float) -> float:
        return float((probability * (np.asarray(bounds.certificate(drawn / m, m, n, 0, delta, mc_delta)) < risk)).sum())

    assert failure(delta, mc_delta) <= delta + mc_delta
    plain = np.asarray(bounds.maurer(drawn / m, n, 0, delta))  # as if the draws had told the empirical risk
    assert (probability * (plain < risk)).sum() > delta + mc_delta
    assert failure(0.5, 0.4) > delta + mc_delta


@pytest.mark.parametrize(
    ("case", "prices"),
    [
        (Case(400, 0.3, 20, 0.1), []),
        (Case(3000, 0.5, 600, 1e-3), ["no bits", "half the bits"]),
        (Case(400, 0.5, 0, 1e-30), ["no delta"]),
    ],
)
def test_subsampled_bounds_cover(case: Case, prices: list[str]) -> None:
    """The luckiest of 2^bits hypotheses, of whose n outcomes every other one is looked at."""
    m = case.n // 2
    k, probability = case.least_errors()
    k, probability = k[probability > 1e-6 * case.delta], probability[probability > 1e-6 * case.delta]
    drawn = np.arange(m + 1)
    seen = probability @ hypergeom.pmf(drawn[None], case.n, k[:, None], m)  # (m + 1,)

    def failure(paid: Case) -> float:
        limit = np.asarray(bounds.subsampled(drawn / m, m, case.n, paid.bits, paid.delta))
        return float(seen @ (limit < case.risk))

    assert failure(case) <= case.delta
    for price in prices:
        assert failure(PRICES[price](case)) > 2 * case.delta, price


@dataclass(frozen=True)
class Lottery:
    """A posterior that makes the one-draw bound as bad as it can be, under a prior over endless hypotheses.

    Under the prior the errors of a hypothesis are binomial. The posterior weighs each hypothesis that looks better
    than it is by e^(n kl) / v, so that n kl = ln q / p + ln v exactly; what mass is left goes to the others.
    """

    n: int
    risk: float
    log_v: float

    def draw(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Errors that may be seen, their probability, and ln q / p."""
        k = np.arange(int(np.ceil(self.n * self.risk)))
        log_ratio = self.n * np.asarray(bounds.binary_kl(k / self.n, self.risk)) - self.log_v
        return k, np.exp(binom.logpmf(k, self.n, self.risk) + log_ratio), log_ratio


def test_the_bound_on_one_draw_covers_and_pays_for_everything() -> None:
    delta, n = 0.1, 1000
    worst: dict[str, float] = {}
    for log_v in np.arange(3.2, 12, 0.1):
        k, probability, ratio = Lottery(n, 0.5, float(log_v)).draw()
        assert probability.sum() < 1
        told = {
            "as it is": (ratio, delta),
            "no delta": (ratio, CERTAIN),
            "no sqrt(n)": (ratio - np.log(2 * np.sqrt(n)), delta),
            "half the ratio": (ratio / 2, delta),
            "no ratio": (0 * ratio, delta),
        }
        for name, (paid, chance) in told.items():
            failure = float(probability @ (np.asarray(bounds.one_draw(k / n, n, paid, chance)) < 0.5))
            worst[name] = max(worst.get(name, 0.0), failure)
    assert worst.pop("as it is") <= delta
    assert len(worst) == 4
    assert min(worst.values()) > 2 * delta, worst


@pytest.mark.parametrize("sharpness", [0.5, 2.0, 8.0])
def test_bounds_on_gibbs_posteriors_cover(sharpness: float) -> None:
    """2^40 hypotheses, half of them worse, weighed by e^(-b errors), to a KL of 4, 13 and 25 nats.

    Among so many, those with k errors are a Poisson number; a draw of these numbers is a draw of the data.
    """
    trials, n, delta, size = 500, 200, 0.1, 2.0**40
    risks, k, random = np.array([0.3, 0.2]), np.arange(201), np.random.default_rng(2)
    expected = size / 2 * binom.pmf(k[None], n, risks[:, None])  # (2, n + 1)
    many = expected > 1e6
    counts = np.where(many, expected, random.poisson(np.where(many, 0, expected), size=(trials, 2, n + 1)))
    log_weights = -sharpness * k - np.log(np.sum(counts * np.exp(-sharpness * k), axis=(1, 2), keepdims=True))
    posterior = counts * np.exp(log_weights)  # (trials, 2, n + 1)
    kl_nats = np.sum(posterior * (log_weights + np.log(size)), axis=(1, 2))
    risk = posterior.sum(axis=2) @ risks
    empirical = np.clip(np.sum(posterior * k, axis=(1, 2)) / n, 0, 1)
    for name, bound in bounds.stochastic_bounds(empirical, n, kl_nats, delta).items():
        assert np.mean(np.asarray(bound) < risk) <= delta, name
    assert np.mean(np.asarray(bounds.maurer(empirical, n, 0 * kl_nats, delta)) < risk) == float(sharpness > 1)
    assert np.mean(np.asarray(bounds.maurer(empirical, n, kl_nats / 2, delta)) < risk) == float(sharpness > 1)


def test_bernstein_and_chernoff_cover_losses_between() -> None:
    random = np.random.default_rng(4)
    losses = random.beta(0.5, 2.0, size=(4000, 200))  # mean 0.2
    mean, variance = losses.mean(axis=1), losses.var(axis=1, ddof=1)
    assert np.mean(bounds.empirical_bernstein(mean, variance, 200, 0, 0.1) < 0.2) <= 0.1
    assert np.mean(bounds.chernoff_kl(mean, 200, 0, 0.1) < 0.2) <= 0.1
    assert np.mean(bounds.chernoff_kl(mean, 200, 0, CERTAIN) < 0.2) > 0.3
