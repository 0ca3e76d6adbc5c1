"""Certificates of random nets: the KL, the noise and the draws are of one posterior."""

import math

import numpy as np
import pytest
import torch
from codes_table import CODES
from torch import nn

from mdlcode import bounds
from mdlcode.bayes import BayesLearner, FreshNet, KlWeight, Layout, MeanField, Normals
from mdlcode.certify import code as bound
from mdlcode.certify.stochastic import certify_stochastic
from mdlcode.certify.stochastic_net import OwnWeights, StochasticNet
from mdlcode.data import Data, View, load
from mdlcode.errors import MdlError
from mdlcode.learn import Steps


@pytest.fixture(scope="module")
def few() -> Data:
    return load("digits", View(limit=400))


@pytest.mark.parametrize("layer", [nn.Linear(6, 3), nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(2, 2, 1, bias=False)])
def test_own_weights_are_draws_of_the_posterior(layer: nn.Module) -> None:
    """Outputs of one input many times over have the mean and the covariance over places of drawn weights."""
    x = torch.randn(6) if isinstance(layer, nn.Linear) else torch.randn(2, 4, 4)
    mean = {name: value.detach() for name, value in layer.named_parameters()}
    sd = {name: torch.full_like(value, 0.3) for name, value in mean.items()}
    batch = x.expand(20_000, *x.shape)
    with OwnWeights(mean, sd, torch.Generator().manual_seed(0)) as layers, torch.no_grad():
        own = torch.func.functional_call(layer, mean, (batch,)).flatten(1)
    drawn = []
    for _ in range(4000):
        weights = {name: value + 0.3 * torch.randn_like(value) for name, value in mean.items()}
        with torch.no_grad():
            drawn.append(torch.func.functional_call(layer, weights, (x[None],)).flatten())
    direct = torch.stack(drawn)
    assert layers.seen == set(mean)
    scale = direct.std(0)
    assert torch.all((own.mean(0) - direct.mean(0)).abs() < 0.12 * scale)
    outer = scale[:, None] * scale[None]
    assert torch.all((torch.cov(own.T) - torch.cov(direct.T)).abs() < 0.15 * outer)


def posterior(sd: float, prior_sd: float = 1.0) -> MeanField:
    mean = np.concatenate([np.eye(10, 64).reshape(-1), np.zeros(10)])
    layout = Layout(("1.weight", "1.bias"), ((10, 64), (10,)))
    return MeanField(layout, mean, np.full(650, sd), Normals(np.full(650, prior_sd)))


def test_noise_and_kl_read_one_posterior(few: Data) -> None:
    """Perturb the scale: both the KL and the sampled risk move."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    made = {sd: StochasticNet(net, posterior(sd), few.shared) for sd in (0.01, 0.5)}
    quiet, loud = (certify_stochastic(each, few, "test", mc_draws=2000) for each in made.values())
    assert quiet.total_bits > loud.total_bits
    assert quiet.errors != loud.errors
    kl = bounds.gaussian_kl_nats(posterior(0.5).mean, 0.5, 0.0, 1.0) / np.log(2)
    assert loud.total_bits == pytest.approx(kl + 64)
    assert loud.risk == bounds.sample_convergence(loud.errors / 2000, 2000, 0.01)
    assert loud.tightest.value == bounds.maurer(loud.risk, 400, loud.total_bits * np.log(2), 0.04)


def test_draws_of_several_candidates_share_their_delta(few: Data) -> None:
    net = StochasticNet(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), posterior(0.1), few.shared)
    made = certify_stochastic(net, few, "test", candidates=8, mc_draws=1000)
    assert made.bits_by_part["choice"] == 3
    assert made.risk == bounds.sample_convergence(made.errors / 1000, 1000, 0.01 / 8)


def test_random_weights_outside_layers_are_refused(few: Data) -> None:
    layout = Layout(("1.weight", "2.weight", "2.bias"), ((10, 64), (10,), (10,)))
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10, bias=False), nn.LayerNorm(10))
    random = MeanField(layout, np.zeros(660), np.ones(660), Normals(np.ones(660)))
    with pytest.raises(MdlError, match=r"'2\.bias' is random but of no dense layer"):
        certify_stochastic(StochasticNet(net, random, few.shared), few, "test", mc_draws=10)


def test_fixed_layers_of_the_inputs_are_refused(few: Data) -> None:
    learner = BayesLearner(FreshNet("lenet-patches"), training=Steps(min_steps=5, max_steps=5))
    with pytest.raises(MdlError, match=r"'0\.weight' of the net is read off the inputs"):
        bound.certify_posterior(learner, few, mc_draws=10)


def test_posterior_of_a_learner_is_certified(few: Data) -> None:
    start, training = FreshNet("linear"), Steps(min_steps=150, max_steps=150, warmup=0.05)
    learner = BayesLearner(start, training=training, kl=KlWeight(weight=1.5))
    fitted = learner.fit(few.shared, few.labels).posterior
    assert isinstance(fitted, MeanField)
    assert np.ptp(fitted.sd) > 0.1 * start.sd  # trained, not left as they started
    made = bound.certify_posterior(learner, few, mc_draws=5000)
    assert made.bits_by_part["prior scales"] == 16
    assert made.evaluated == 5000
    assert made.delta + made.mc_delta == pytest.approx(0.05)
    assert made.tightest.name == "Maurer-Seeger-Langford"
    assert 0.05 < made.errors / 5000 < 0.8


def test_a_drawn_net_is_decoded_and_pays_the_ratio_of_its_densities() -> None:
    code, data = CODES["refined"], load("digits", View(limit=300))
    made = bound.certify_code(code, data)
    [drawn] = made.bounds
    assert drawn.name == "one draw"
    assert set(made.bits_by_part) >= {"prior", "1.weight"}
    assert "labels" not in made.bits_by_part
    kl_nats = max(made.total_bits, 0) * math.log(2)
    assert drawn.value == pytest.approx(float(bounds.maurer(made.errors / 300, 300, kl_nats, 0.05)))
