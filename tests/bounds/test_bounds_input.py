"""Bad input gives one clear line; losses, limits and length priors hold their small laws."""

from collections.abc import Callable

import numpy as np
import pytest

from mdlcode import bounds
from mdlcode.errors import MdlError


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bounds.exact_binomial(11, 10, 0, 0.05), "errors must not be above n.*got 11"),
        (lambda: bounds.exact_binomial(-1, 10, 0, 0.05), "errors must be a whole number"),
        (lambda: bounds.exact_binomial(1.5, 10, 0, 0.05), "errors must be a whole number.*got 1.5"),
        (lambda: bounds.exact_binomial(0, 0, 0, 0.05), "n must be a whole number, 1 or more, got 0"),
        (lambda: bounds.exact_binomial(1, [10, 0], 0, 0.05), "n must be a whole number"),
        (lambda: bounds.exact_binomial(1, 10, -1, 0.05), "code_bits must be 0 or more, got -1"),
        (lambda: bounds.exact_binomial(1, 10, 0, 0), "delta is a failure probability.*got 0"),
        (lambda: bounds.exact_binomial(1, 10, 0, 1), "delta is a failure probability.*got 1"),
        (lambda: bounds.exact_binomial(1, 10, np.nan, 0.05), "code_bits must be a finite number, got nan"),
        (lambda: bounds.exact_binomial(None, 10, 0, 0.05), "errors must be a finite number"),
        (lambda: bounds.exact_binomial("a", 10, 0, 0.05), "errors must be a number"),
        (lambda: bounds.maurer(35, 10, 1, 0.05), r"risk must lie in \[0, 1\] \(divide percents by 100\)"),
        (lambda: bounds.maurer(0.1, 10, -1e-9, 0.05), "kl_nats must be 0 or more"),
        (lambda: bounds.thiemann(0.1, 10, 1, 0.05, 2.0), r"lam must lie in \(0, 2\)"),
        (lambda: bounds.catoni(0.1, 10, 1, 0.05, alpha=1.0), "alpha must be above 1"),
        (lambda: bounds.certificate(0.1, 10, 10, 1, 0.5, 0.5), "delta .* below 1"),
        (lambda: bounds.sample_convergence(0.1, 0, 0.5), "draws must be a whole number"),
        (lambda: bounds.empirical_bernstein(0.1, -1, 10, 1, 0.5), "variance must be 0 or more"),
        (lambda: bounds.binomial_inverse(1, 10, 0.0), "log_level_nats .* below 0"),
        (lambda: bounds.unseen_size(10, 10), "no example is left"),
        (lambda: bounds.bounded_loss(0.5, 1.0, 1.0, 10, 0, 0.05), "low must be below high"),
        (lambda: bounds.smoothed_log_loss_bits(0.5, 0.0, 10), "unbounded"),
        (lambda: bounds.top_k_errors([[0.1, 0.9]], [2], 1), r"labels must lie in 0\.\.1"),
        (lambda: bounds.top_k_errors([[0.1, 0.9]], [0.0], 1), "whole numbers"),
        (lambda: bounds.top_k_errors([[0.1, np.nan]], [0], 1), "scores must be a finite number"),
        (lambda: bounds.top_k_errors([[0.1, 0.9]], [0], 3), "1 <= k <= K"),
        (lambda: bounds.side_by_side({"a": np.array([0.1, 0.2])}), "one case"),
    ],
)
def test_bad_input(call: Callable[[], object], words: str) -> None:
    with pytest.raises(MdlError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


def test_length_prior_obeys_kraft() -> None:
    """sum over L of 2^-(bits of the length) is at most 1; with plain 2 log2 L it would be 1.64."""
    lengths = np.arange(10**6, dtype=float)
    total = np.sum(2.0 ** -np.asarray(bounds.length_prior_bits(lengths)))
    assert 0.6 < total < 1
    assert np.sum(1 / lengths[1:] ** 2) > 1


def test_smoothed_loss_stays_in_its_range() -> None:
    p = np.linspace(0, 1, 101)
    for alpha, classes in ((0.1, 10), (0.5, 2), (1e-4, 50_257)):
        low, high = bounds.smoothed_range_bits(alpha, classes)
        loss = bounds.smoothed_log_loss_bits(p, alpha, classes)
        assert low == loss.min()
        assert high == loss.max()
        assert high - low == pytest.approx(np.log2(1 + (1 - alpha) * classes / alpha))


def test_bounded_loss_has_the_unit_of_the_loss() -> None:
    unit = bounds.chernoff_kl(0.25, 1000, 64, 0.05)
    assert bounds.bounded_loss(2.0, 1.0, 5.0, 1000, 64, 0.05) == pytest.approx(1 + 4 * unit)


def test_top_k_errors_count_ties_against_the_label() -> None:
    scores = np.array([[3.0, 2.0, 1.0], [1.0, 1.0, 1.0], [0.0, 1.0, 2.0]])
    assert [bounds.top_k_errors(scores, [0, 0, 0], k) for k in (1, 2, 3)] == [2, 2, 0]


def test_overfitting_is_what_the_paper_defines() -> None:
    """g of Theorem C.1 from its p, q and l; no overfitting gives no bits, all of it one bit each."""
    train, test = 0.02, 0.3
    mean = (train + test) / 2
    p, q = 1 / (1 + test / train), 1 / (1 + (1 - test) / (1 - train))

    def h(x: float) -> float:
        return float(-x * np.log2(x) - (1 - x) * np.log2(1 - x))

    assert bounds.overfitting_bits(train, test) == pytest.approx(1 - mean * h(p) - (1 - mean) * h(q), abs=1e-14)
    assert bounds.overfitting_bits(train, test) == pytest.approx(bounds.overfitting_bits(test, train), abs=1e-15)
    assert bounds.overfitting_bits([0.0, 0.3], [1.0, 0.3]).tolist() == [1.0, 0.0]
    assert bounds.least_entropy_bits(50_000, 0.0, 1.0) == 50_000
    assert np.all(np.diff(np.asarray(bounds.overfitting_bits(0.0, np.linspace(0, 1, 50)))) > 0)
