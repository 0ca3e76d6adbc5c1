"""Gibbs classifiers on fixed features: the integral, the KL, the prior's innocence and the bound."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from mdlcode import bounds
from mdlcode.certify.gibbs import accuracy, trapezoidal
from mdlcode.certify.linear_gibbs import Coordinates, ReadoutPosterior, gibbs_error
from mdlcode.certify.readout import GaussianReadout
from mdlcode.certify.stochastic_readout import certify_readout
from mdlcode.data import Data, Shared
from mdlcode.errors import MdlError
from mdlcode.learn.feature_maps import FeatureMap, RandomFilters
from mdlcode.typing import IntArray

SMALL = GaussianReadout(RandomFilters(filters=8, size=3), directions=40, steps=40)


class Flat(FeatureMap):
    """Inputs as they are."""

    def features(self, inputs: Tensor) -> Tensor:
        return inputs.flatten(1)


class Whole(FeatureMap):
    """What no bound holds for: features that depend on the batch."""

    def features(self, inputs: Tensor) -> Tensor:
        flat = inputs.float().flatten(1)
        return flat - flat.mean(0)


def stripes(count: int, seed: int = 0) -> tuple[Tensor, IntArray]:
    """Noisy pictures of three orientations."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    y, x = np.mgrid[:10, :10]
    waves = np.stack([np.sin(2 * x), np.sin(2 * y), np.sin(1.4 * (x + y))])[labels]
    pixels = 128 + 50 * waves[:, None] + 40 * random.standard_normal((count, 1, 10, 10))
    return torch.from_numpy(pixels.clip(0, 255).astype(np.uint8)), labels


def posterior_of(num_features: int, num_directions: int, num_classes: int) -> ReadoutPosterior:
    generator = torch.Generator().manual_seed(3)
    basis = torch.linalg.qr(torch.randn(num_features, num_directions, generator=generator, dtype=torch.float64))[0]
    mean = torch.randn(num_directions, num_classes, generator=generator, dtype=torch.float64)
    variance = torch.rand(num_directions, generator=generator, dtype=torch.float64) + 0.05
    return ReadoutPosterior(basis, mean - mean.mean(1, keepdim=True), variance)


def at_inputs(posterior: ReadoutPosterior, features: Tensor) -> Coordinates:
    within = features @ posterior.basis
    return Coordinates(within, features.square().sum(1) - within.square().sum(1))


@pytest.mark.parametrize("num_classes", [2, 3, 10, 200])
def test_the_integral_is_within_what_it_says(num_classes: int) -> None:
    generator = torch.Generator().manual_seed(0)
    mean = 2 * torch.randn(50, num_classes, generator=generator, dtype=torch.float64)
    sd = torch.logspace(-3, 1, 50, dtype=torch.float64)
    labels = torch.randint(0, num_classes, (50,), generator=generator)
    exact = accuracy(mean, sd, labels, trapezoidal(num_classes, 1e-13))
    for tolerance in (1e-2, 1e-4, 1e-8):
        rule = trapezoidal(num_classes, tolerance)
        assert rule.error <= tolerance
        assert (accuracy(mean, sd, labels, rule) - exact).abs().max() <= rule.error
    totals = sum(accuracy(mean, sd, torch.full((50,), k), trapezoidal(num_classes, 1e-10)) for k in range(num_classes))
    torch.testing.assert_close(totals, torch.ones(50, dtype=torch.float64), rtol=0, atol=num_classes * 1e-10)


def test_two_classes_have_a_closed_form() -> None:
    mean = torch.randn(100, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sd = torch.linspace(0.1, 3, 100, dtype=torch.float64)
    made = accuracy(mean, sd, torch.ones(100, dtype=torch.int64), trapezoidal(2, 1e-9))
    closed = torch.special.ndtr((mean[:, 1] - mean[:, 0]) / (sd * math.sqrt(2)))
    torch.testing.assert_close(made, closed, rtol=0, atol=1e-9)


def test_error_is_that_of_draws_of_all_weights_and_kl_that_of_a_dense_gaussian() -> None:
    """The prior over D x (K - 1) weights in a basis of contrasts, drawn and compared without any shortcut."""
    posterior, num_draws = posterior_of(7, 3, 4), 100_000
    basis, features = posterior.basis, torch.randn(5, 7, generator=torch.Generator().manual_seed(5)).double()
    contrasts = torch.linalg.qr(torch.cat([torch.ones(4, 1), torch.eye(4)[:, :3]], dim=1).double())[0][:, 1:]
    mean = (basis @ posterior.mean @ contrasts).reshape(-1)  # (D (K - 1),)
    spread = torch.eye(7).double() + basis @ torch.diag(posterior.variance - 1) @ basis.T
    covariance = torch.kron(spread, torch.eye(3).double())
    dense = torch.distributions.MultivariateNormal(mean, covariance)
    prior = torch.distributions.MultivariateNormal(torch.zeros(21).double(), torch.eye(21).double())
    expected = torch.distributions.kl_divergence(dense, prior)
    assert sum(posterior.kl_nats().values()) == pytest.approx(float(expected), rel=1e-9)
    torch.manual_seed(0)
    weights = dense.sample((num_draws,)).reshape(num_draws, 7, 3)
    chosen = (features @ weights @ contrasts.T).argmax(2)  # (draws, 5)
    labels = torch.tensor([0, 1, 2, 3, 0])
    drawn = (chosen != labels).double().mean()
    exact = gibbs_error(posterior, at_inputs(posterior, features), labels)
    assert exact == pytest.approx(float(drawn), abs=5 * 0.5 / math.sqrt(num_draws))


def test_slopes_of_the_inverse_are_those_of_differences() -> None:
    for risk, budget in ((0.01, 0.2), (0.3, 0.06), (0.6, 0.001)):
        by_risk, by_budget = bounds.kl_inverse_slopes(risk, budget)
        step = 1e-6 * budget
        up, down = bounds.kl_inverse([risk + step, risk], budget), bounds.kl_inverse([risk - step, risk], budget)
        assert by_risk == pytest.approx((up[0] - down[0]) / (2 * step), rel=1e-3)  # type: ignore[index]
        more, less = (bounds.kl_inverse(risk, budget + sign * step) for sign in (1, -1))
        assert by_budget == pytest.approx((more - less) / (2 * step), rel=1e-3)
    with pytest.raises(MdlError, match="no slope"):
        bounds.kl_inverse_slopes(1.0, 0.1)


def test_the_certificate_covers_pays_and_is_above_its_risk() -> None:
    inputs, labels = stripes(600)
    test_inputs, test_labels = stripes(2000, seed=1)
    data = Data("stripes", Shared(inputs, 3), labels, test_inputs, test_labels)
    made, paid = certify_readout(SMALL, data), certify_readout(SMALL, data, candidates=64)
    assert made.risk < 0.15
    assert made.risk < made.tightest.value < 0.6
    assert made.test is not None
    assert made.test.errors / made.test.n < made.tightest.value
    assert made.errors == math.ceil(600 * made.risk)
    assert set(made.bits_by_part) == {"KL mean", "KL covariance"}
    assert made.tightest.value == bounds.maurer(made.risk, 600, made.total_bits * math.log(2), 0.05)
    assert paid.total_bits == pytest.approx(made.total_bits + 6)
    assert paid.tightest.value > made.tightest.value == paid.unpaid_bound


def test_training_on_the_bound_lowers_it() -> None:
    inputs, labels = stripes(300)

    def after(steps: int) -> float:
        posterior, at = GaussianReadout(SMALL.features, directions=40, steps=steps).fit(inputs, labels, 3)
        risk = gibbs_error(posterior, at, torch.from_numpy(labels))
        return float(bounds.maurer(risk, 300, sum(posterior.kl_nats().values()), 0.05))

    assert after(60) < after(1) - 0.02


def test_random_labels_cost_more_than_they_save() -> None:
    inputs, labels = stripes(300)
    shuffled = np.random.default_rng(0).permutation(labels)
    made = certify_readout(SMALL, Data("noise", Shared(inputs, 3), shuffled))
    assert made.tightest.value > 0.6  # the risk of any classifier is 2/3


def test_fit_is_the_same_twice_and_more_directions_than_there_are_features_are_none() -> None:
    inputs, labels = stripes(50)
    wide = GaussianReadout(Flat(), directions=500, steps=3)
    (one, _), (two, at) = (wide.fit(inputs.float() / 255, labels, 3) for _ in range(2))
    assert torch.equal(one.mean, two.mean)
    assert one.basis.shape == (100, 50)
    torch.testing.assert_close(one.basis.T @ one.basis, torch.eye(50), rtol=0, atol=1e-5)
    torch.testing.assert_close(at.within, inputs.flatten(1).float() / 255 @ two.basis, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("features", "inputs", "line"),
    [
        (Whole(), torch.rand(80, 1, 4, 4), "depend on the others in its batch"),
        (Flat(), torch.full((80, 4), math.inf), "not finite"),
        (RandomFilters(), torch.rand(80, 7), "images of 1 or 3 channels"),
    ],
)
def test_features_that_no_bound_holds_for_are_refused(features: FeatureMap, inputs: Tensor, line: str) -> None:
    with pytest.raises(MdlError, match=line):
        GaussianReadout(features).fit(inputs, np.arange(80) % 2, 2)
