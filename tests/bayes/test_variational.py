"""Variational inference and its code: estimators, what is learned, and what is refused."""

import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from codes_table import BAYES
from pyro import poutine
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO
from torch import nn

from mdlcode.bayes import (
    BayesLearner,
    ExpectedLength,
    FreshNet,
    Gaussian,
    KlWeight,
    Layout,
    Rates,
    Refinement,
    kl_bits,
)
from mdlcode.bayes.guides import FlowGuide, FullGuide, LowRankGuide, MeanFieldGuide
from mdlcode.bayes.handlers import Flipout, LocalReparameterisation, OneDraw
from mdlcode.bayes.models import Conjugate, LearnedGaussian
from mdlcode.bayes.priors import Horseshoe, NormalGamma, ScaleMixture
from mdlcode.bayes.svi import Elbo, Independents, LastGood, Model, isolated, negative_elbo
from mdlcode.codes import Uniform, Variational
from mdlcode.data import Data, View, load
from mdlcode.errors import MdlError, TrainingError
from mdlcode.learn import Steps

INPUT = torch.tensor([[0.3, -1.2, 0.8]])
STEPS = Steps(min_steps=300, max_steps=300, batch_size=64, warmup=0.05)
LINEAR = BayesLearner(FreshNet("linear"), training=STEPS)


def _elbo(estimator: type, seed: int, batch: int = 4000) -> tuple[float, torch.Tensor]:
    """Loss and gradient by the mean of the weights, for one fixed dense net and posterior."""
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    layout, x = Layout.of(net), INPUT.expand(batch, 3)
    prior = LearnedGaussian(torch.zeros(len(layout), dtype=torch.int64), torch.full((len(layout),), 0.5))
    made = estimator(net, layout, False, seed)
    with isolated():
        guide = Independents(prior, torch.linspace(-1, 1, len(layout)), torch.full((len(layout),), 0.2))
        loss = Elbo(Model(prior, made.logits, batch), guide, made, batch)(x, torch.zeros(batch).long(), 1.0)
    loss.backward()
    assert guide.loc.grad is not None
    return float(loss.detach()), guide.loc.grad


@pytest.mark.parametrize("estimator", [LocalReparameterisation, Flipout])
def test_estimators_agree_with_the_mean_over_plain_draws(estimator: type) -> None:
    torch.manual_seed(0)
    draws = torch.linspace(-1, 1, 26) + 0.2 * torch.randn(20_000, 26)
    hidden = torch.relu(torch.einsum("sij,j->si", draws[:, :12].view(-1, 4, 3), INPUT[0]) + draws[:, 12:16])
    logits = torch.einsum("sij,sj->si", draws[:, 16:24].view(-1, 2, 4), hidden) + draws[:, 24:]
    plain = -logits.log_softmax(1)[:, 0]
    mean = torch.linspace(-1, 1, 26).double().numpy()
    kl = float(kl_bits((mean, np.full(26, 0.2)), (np.zeros(26), np.full(26, 0.5))).sum()) * math.log(2)
    losses = [_elbo(estimator, seed)[0] - kl / 4000 for seed in range(6)]
    # Flipout has one draw for the batch of 4,000 copies, local reparameterisation one for each copy.
    near = 0.02 if estimator is LocalReparameterisation else 0.2
    assert np.mean(losses) == pytest.approx(float(plain.mean()), abs=near)


@pytest.mark.parametrize("guide", [MeanFieldGuide(), LowRankGuide(rank=2), FlowGuide()])
@pytest.mark.parametrize("positive", [False, True])
def test_the_loss_and_its_gradient_are_those_of_pyro(guide: MeanFieldGuide | FlowGuide, positive: bool) -> None:
    """The closed KL of independent weights in the one, the log ratio of one draw in the others."""
    torch.manual_seed(0)
    net = nn.Linear(3, 2)
    layout, start = Layout.of(net), torch.linspace(-1, 1, 8)
    groups = torch.zeros(8, dtype=torch.int64)
    prior = Conjugate(groups, 2.0, 1.0) if positive else LearnedGaussian(groups, torch.full((8,), 0.5))
    model = Model(prior, OneDraw(net, layout, False, 0).logits, 40)
    batch = torch.randn(5, 3), torch.tensor([0, 1, 1, 0, 1]), 0.7
    with isolated():
        made = guide.guide(model, prior, start, torch.full((8,), 0.2))
        made(*batch)

        def weighed(*arguments: Any) -> Any:
            with poutine.scale(scale=arguments[-1]):
                return made(*arguments)

        theirs: Any = (TraceMeanField_ELBO if guide.independent else Trace_ELBO)()  # type: ignore[no-untyped-call]
        found = []
        for loss in (negative_elbo, theirs.differentiable_loss):
            torch.manual_seed(1)
            value = loss(model, weighed, *batch)
            value.backward()
            found.append([value.detach(), *(each.grad.clone() for each in made.parameters() if each.grad is not None)])
            made.zero_grad()
    assert len(found[0]) == len(found[1]) > 1
    assert all(torch.allclose(one, other, rtol=1e-4, atol=1e-5) for one, other in zip(*found, strict=True))


def test_same_seed_same_posterior(digits: Data) -> None:
    one, two = (BAYES.fit(digits.shared, digits.labels).posterior for _ in range(2))
    assert np.array_equal(one.mean, two.mean)
    assert np.array_equal(one.sd, two.sd)
    assert len(np.unique(one.sd)) > 100  # each weight has learned its own
    assert one.prior.scale[0] < 0.09  # from 0.1 on


def test_on_random_labels_the_weights_say_nothing() -> None:
    data = load("digits", View(limit=500, label_noise=1.0))
    training = Steps(min_steps=1000, max_steps=1000, warmup=0.05)
    learner = BayesLearner(FreshNet("mlp-small"), training=training, kl=KlWeight(annealing=0.0))
    length = ExpectedLength.of(learner.fit(data.shared, data.labels), data.shared, data.labels, 4)
    assert length.kl_bits < 60
    assert length.total_bits < Uniform().codelength(data).total_bits + 130


def test_variational_beats_uniform_on_digits_and_reports_its_parts() -> None:
    data = load("digits", View(limit=600))
    learner = replace(LINEAR, training=replace(STEPS, max_steps=600, min_steps=600))
    transmission = Variational(learner, extra_draws=4).measure(data)
    length = transmission.codelength
    assert length.compression_ratio < 0.7
    assert set(length.bits_by_part) == {"prior", "1.weight", "1.bias", "labels"}
    assert length.bits_by_part["prior"] == 16
    assert transmission.received.traces["label_bits_by_draw"].shape == (4,)
    assert "message less spare bits" in transmission.received.notes[1]


def test_expected_length_bounds_the_mean_from_above() -> None:
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        length = ExpectedLength({"w": 100.0}, random.normal(50, 5, 6), 0.0)
        covered += length.upper_bits >= 150
    assert covered / 300 == pytest.approx(0.95, abs=0.04)


PRIORS = [ScaleMixture(), NormalGamma(), Horseshoe(), Gaussian(scale=0.2), Gaussian(per="output")]


@pytest.mark.parametrize("prior", PRIORS)
def test_every_prior_learns(prior: object, digits: Data) -> None:
    learner = replace(LINEAR, prior=prior)
    length = ExpectedLength.of(learner.fit(digits.shared, digits.labels), digits.shared, digits.labels, 4)
    assert length.label_bits < 0.9 * 120 * math.log2(10)
    assert 0 < length.kl_bits < length.total_bits < length.upper_bits


@pytest.mark.parametrize("guide", [LowRankGuide(rank=2), FlowGuide(), FullGuide()])
def test_every_guide_learns_but_has_no_message(guide: object, digits: Data) -> None:
    start = FreshNet("linear", sd=0.02)
    learner = replace(LINEAR, start=start, guide=guide, estimator="one-draw", rates=Rates(lr=3e-3))
    length = ExpectedLength.of(learner.fit(digits.shared, digits.labels), digits.shared, digits.labels, 8)
    assert math.isfinite(length.upper_bits)
    assert length.label_bits < 1.5 * 120 * math.log2(10)
    with pytest.raises(MdlError, match="no message"):
        Variational(learner)


class Odd(nn.Module):
    """A dense layer's weight used behind the back of F.linear."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1) @ self.layer.weight.T + self.layer.bias


def odd(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return Odd()


def normed(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.LayerNorm(10))


def test_weights_of_any_layer_are_random_and_statistics_are_paid(digits: Data) -> None:
    quick = replace(STEPS, max_steps=20, min_steps=20)
    odd_net = replace(LINEAR, start=FreshNet("test_variational:odd"), training=quick)
    assert len(odd_net.fit(digits.shared, digits.labels).posterior.layout) == 650
    convolutions = replace(LINEAR, start=FreshNet("convnet-small"), training=quick)
    posterior = convolutions.fit(digits.shared, digits.labels).posterior
    channels = 16 + 32 + 48 + 48 + 64 + 64
    assert len(posterior.others.tensors) == 12
    assert 2 * 3 * channels < posterior.others.bits < 2 * 16 * channels
    assert (posterior.others.tensors["1.running_var"] != 1).any()
    plain = replace(LINEAR, start=FreshNet("test_variational:normed"), training=quick)
    assert "2.weight" in plain.fit(digits.shared, digits.labels).posterior.layout.names


def test_nan_brings_back_the_last_good_state_or_says_that_there_is_none() -> None:
    modules = nn.ModuleList([nn.Linear(1, 1)])
    kept = LastGood(modules)
    kept.note(torch.tensor(1.0))
    assert not kept.fails(100)
    before = modules[0].weight.detach().clone()
    with torch.no_grad():
        modules[0].weight.fill_(math.nan)
    kept.note(torch.tensor(math.nan))
    with pytest.warns(UserWarning, match="the state of step 100 is kept"):
        assert kept.fails(200)
    assert torch.equal(modules[0].weight, before)
    fresh = LastGood(modules)
    fresh.note(torch.tensor(math.inf))
    with pytest.raises(TrainingError, match="lower the learning rate"):
        fresh.fails(100)


def test_a_training_that_explodes_is_an_error(digits: Data) -> None:
    with pytest.raises(TrainingError, match="lower the learning rate"):
        replace(LINEAR, rates=Rates(lr=1e30)).fit(digits.shared, digits.labels)


def test_pyro_is_not_imported_before_a_training() -> None:
    script = "import sys, mdlcode.codes.presets; sys.exit('pyro' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("estimator", ["local", "flipout"])
def test_a_bias_is_refitted_where_all_weights_of_its_layer_are_known(estimator: str, digits: Data) -> None:
    ten = Steps(epochs=1, min_steps=10, batch_size=32, warmup=0.05)
    learner = replace(LINEAR, estimator=estimator, training=ten)
    posterior = learner.fit(digits.shared, digits.labels).posterior
    known = np.full(len(posterior.mean), np.nan)
    known[:640] = posterior.mean[:640]  # the biases come last
    again = learner.refitted(digits.shared, digits.labels, posterior, Refinement(training=ten), known)
    assert np.array_equal(again.mean[:640], posterior.mean[:640])
    assert not np.array_equal(again.mean[640:], posterior.mean[640:])
