"""Certificates: what is evaluated is what was decoded, every bit that it depends on is paid, n is right."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from codes_table import CODES
from torch import Tensor, nn

from mdlcode import bounds
from mdlcode.bayes import BayesLearner, FreshNet, KlWeight, Layout, MeanField, Normals
from mdlcode.certify import code as bound
from mdlcode.certify import hypothesis
from mdlcode.certify.certificate import Certificate, certify, rest
from mdlcode.certify.errors import count_errors
from mdlcode.certify.stochastic import certify_stochastic
from mdlcode.certify.stochastic_net import OwnWeights, StochasticNet
from mdlcode.certify.tensors import certify_tensors
from mdlcode.codes import BestOf, Code, Prequential, Subspace, TwoPart, Uniform
from mdlcode.codes.best_of import best_net
from mdlcode.data import Data, Given, Shared, View, load
from mdlcode.errors import MdlError, MessageError
from mdlcode.experiments.compare import compare, measure_each
from mdlcode.learn import (
    Affine,
    FrequencyLearner,
    Mirror,
    NetLearner,
    NetPredictor,
    Prediction,
    Regularisation,
    Steps,
    SubspaceLearner,
    Views,
)
from mdlcode.nets import build
from mdlcode.weights import Float16, Float32, Quantised
from mdlcode.weights.net_file import pack_net

SMALL = NetLearner(arch="linear", training=Steps(min_steps=60))
HIDDEN: list[nn.Module] = []


@pytest.fixture(scope="module")
def few() -> Data:
    return load("digits", View(limit=400))


class Smuggled(nn.Module):
    """A batch norm in a plain list, where `.eval()` does not reach it."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = [nn.BatchNorm1d(64)]
        self.readout = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.readout(self.hidden[0](x.flatten(1)))
        return logits


def test_batch_statistics_are_found_out(few: Data) -> None:
    reached = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 10)).train()
    predictor = NetPredictor(reached, few.shared, bf16=False)
    count_errors(predictor, few.shared.inputs, few.labels)
    assert not any(layer.training for layer in reached.modules())
    with pytest.raises(MdlError, match="one input than for a batch"):
        count_errors(NetPredictor(Smuggled(), few.shared, bf16=False), few.shared.inputs, few.labels)


def test_errors_are_totals_and_a_ragged_batch_counts_its_own(few: Data) -> None:
    predictor = NetPredictor(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), few.shared, bf16=False)
    inputs = few.shared.inputs.repeat(2, 1, 1, 1)[:501]  # one batch of 500 and one of a single input
    labels = np.tile(few.labels, 2)[:501]
    alone = [int(predictor.predict(each[None]).argmax()) for each in inputs]
    assert count_errors(predictor, inputs, labels) == int(np.sum(np.array(alone) != labels))


def test_a_net_that_predicts_nan_has_no_errors_to_count(few: Data) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    nn.init.constant_(net[1].bias, float("nan"))
    with pytest.raises(MdlError, match="NaN"):
        count_errors(NetPredictor(net, few.shared, bf16=False), few.shared.inputs, few.labels)


def test_certificate_of_a_message_pays_what_the_ledger_counts(few: Data) -> None:
    code = TwoPart(SMALL, Quantised())
    length = code.codelength(few)
    made = bound.certify_code(code, few, candidates=4)
    assert made.total_bits == pytest.approx(length.model_bits + 64 + 2)  # the moments of one channel, log2 4
    assert made.bits_by_part["choice"] == 2
    assert (made.n, made.evaluated) == (400, 400)
    assert made.tightest.name == "exact binomial"
    assert made.tightest.value == bounds.exact_binomial(made.errors, 400, made.total_bits, 0.05)
    assert made.tightest.value == min(each.value for each in made.bounds)


def test_compare_has_bound_columns_for_codes_that_send_a_net(few: Data) -> None:
    sent, unsent = compare(few, [TwoPart(SMALL, Quantised()), Prequential((FrequencyLearner(),))])
    assert sent.bound == bounds.exact_binomial(sent.train_errors, 400, sent.bound_bits, 0.05)
    assert sent.bound_name == "exact binomial"
    assert (unsent.train_errors, unsent.bound_bits, unsent.bound) == (None, None, None)


@pytest.mark.parametrize("name", [name for name, code in CODES.items() if code.sends_net])
def test_there_is_one_path_to_a_certificate(name: str, digits: Data) -> None:
    """`compare` says what `bound` says to the last digit, or refuses for the same reason."""
    [result] = compare(digits, [CODES[name]])
    made, refusal = certified(CODES[name], digits)
    if made is None:
        assert (result.bound, result.notes[-1]) == (None, f"no bound on the test error: {refusal}")
    else:
        assert (result.train_errors, result.bound_bits) == (made.errors, made.total_bits)
        assert (result.bound, result.bound_name) == (made.tightest.value, made.tightest.name)


def certified(code: Code, data: Data) -> tuple[Certificate | None, str]:
    """The certificate, or why there is none."""
    try:
        return bound.certify_code(code, data), ""
    except MdlError as error:
        return None, str(error)


def test_comparing_refuses_unpaid_statistics_too() -> None:
    data = load("digits", View(limit=100))
    code = Subspace(SubspaceLearner(arch="lenet-patches", dimension=20, training=Steps(epochs=1, min_steps=5)))
    [result] = compare(data, [code])
    assert result.bound is None
    assert "read off the inputs and no bit pays for it" in result.notes[-1]


def test_settings_that_were_tried_are_paid(few: Data) -> None:
    free, paid = (bound.certify_prefix(TwoPart(SMALL), few, 0.5, candidates=tried) for tried in (1, 128))
    assert (free.unpaid_bound, paid.unpaid_bound) == (None, free.tightest.value)
    assert paid.tightest.value == bounds.exact_binomial(paid.errors, 200, 7, 0.05) > free.tightest.value
    assert paid.source.startswith("held-out bound")
    [result] = measure_each(few, [("paid", TwoPart(SMALL))], candidates=128)
    [unpaid] = compare(few, [TwoPart(SMALL)])
    assert result.bound_bits is not None
    assert unpaid.bound_bits is not None
    assert result.bound_bits == unpaid.bound_bits + 7


def test_codes_of_labels_bound_nothing(few: Data) -> None:
    for code in (Uniform(), Prequential((FrequencyLearner(),)), BestOf((Uniform(), TwoPart(SMALL)))):
        with pytest.raises(MdlError, match="sends no net"):
            bound.certify_code(code, few)


def test_a_statistic_of_the_inputs_that_no_bit_pays_is_named() -> None:
    data = load("digits", View(limit=100))
    code = Subspace(SubspaceLearner(arch="lenet-patches", dimension=20, training=Steps(epochs=1, min_steps=5)))
    with pytest.raises(MdlError, match=r"read off the inputs and no bit pays for it"):
        bound.certify_code(code, data)
    net = best_net([code], data.shared, data.labels)[1]
    with pytest.raises(MdlError, match=r"'net\.0\.weight' of the net is read off the inputs, which no file holds"):
        pack_net(net, "lenet-patches", data.shared.shape, 10, code.weights)


def test_statistics_of_batch_norms_in_a_subspace_are_paid_and_bounded_on_every_path() -> None:
    """A message, a net's file and `compare` bound one and the same net at one price."""
    data = load("digits", View(limit=300))
    code = Subspace(SubspaceLearner(arch="convnet-small", dimension=30, training=Steps(min_steps=20, max_steps=20)))
    made = bound.certify_code(code, data)
    norms = [each for each in build("convnet-small", (1, 8, 8), 10).modules() if isinstance(each, nn.BatchNorm2d)]
    statistics = 2 * sum(each.num_features for each in norms)
    assert 2 * statistics < made.bits_by_part["buffers"] < 16 * statistics
    [compared] = compare(data, [code])
    assert (compared.bound_bits, compared.bound) == (made.total_bits, made.tightest.value)
    net = best_net([code], data.shared, data.labels)[1]
    file = pack_net(net, "convnet-small", (1, 8, 8), 10, code.weights)
    of_file = certify(hypothesis.from_net_file(file, data.shared), data)
    assert of_file.total_bits == made.total_bits
    assert of_file.tightest.value == made.tightest.value


def test_message_on_other_inputs_does_not_decode(few: Data) -> None:
    message = TwoPart(SMALL).encode(few)
    with pytest.raises(MessageError, match="other inputs"):
        hypothesis.from_message(message, load("digits", View(limit=400, order_seed=1)).shared)
    with pytest.raises(MessageError, match="altered"):
        hypothesis.from_message(message[:-4] + b"1234", few.shared)


def test_learnt_prior_leaves_only_the_rest(few: Data) -> None:
    seen: list[int] = []

    class Spy(FrequencyLearner):
        def fit(self, shared: Shared, labels: np.ndarray) -> object:  # type: ignore[override]
            seen.append(len(shared))
            return super().fit(shared, labels)

    made = bound.certify_prefix(Prequential((Spy(),)), few, share=0.25)
    assert made.n == made.evaluated == 300
    assert set(seen) == {100}
    assert made.total_bits == 0
    assert made.tightest.value == bounds.held_out(made.errors, 300, 0.05)
    with pytest.raises(MdlError, match="no example is left"):
        rest(few, 400)


def test_weights_are_decoded_before_they_are_evaluated(few: Data) -> None:
    """Float16 makes another net of these weights; its errors are those that are bounded, at half the bits."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10, bias=False))
    with torch.no_grad():
        net[1].weight.copy_(1 + 1e-4 * torch.randn(10, 64))  # equal in float16 but for a few
    state = {"w": net[1].weight.detach()}
    shared = replace(few.shared, standardise=Given((0.5,), (0.5,)))
    data = Data("few", shared, few.labels)
    learned = hypothesis.from_tensors(state, "nets_of_mine:bare", Float16(), shared)
    rounded = net[1].weight.detach().half().float()
    assert torch.equal(learned.predictor.net[1].weight, rounded)  # type: ignore[attr-defined]
    assert dict(learned.bits_by_part) == {"weights": 16.0 * 640}
    assert learned.coded_bits == pytest.approx(16 * 640, abs=64)
    whole = certify_tensors(state, "nets_of_mine:bare", [Float32(), Float16()], data)
    assert whole.bits_by_part["choice"] == 1
    assert whole.total_bits in (16.0 * 640 + 1, 32.0 * 640 + 1)


def test_given_moments_cost_nothing_and_learnt_ones_32_bits_each(few: Data) -> None:
    assert few.shared.moment_bits == 64
    fixed = replace(few.shared, standardise=Given((0.5,), (0.25,)))
    assert fixed.moment_bits == 0
    assert [each.item() for each in fixed.moments] == [127.5, 63.75]
    for mean, deviation in (((0.5, 0.5), (1.0,)), ((0.5,), (0.0,)), ((float("nan"),), (1.0,))):
        with pytest.raises(MdlError, match="`"):
            replace(few.shared, standardise=Given(mean, deviation))


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


def test_binary_view_halves_the_classes() -> None:
    data = load("digits", View(limit=300, binary=True))
    ten = load("digits", View(limit=300))
    assert data.shared.num_classes == 2
    assert np.array_equal(data.labels, ten.labels >= 5)
    assert torch.equal(data.shared.inputs, ten.shared.inputs)


def test_certify_checks_its_numbers(few: Data, tmp_path: Path) -> None:
    learned = hypothesis.from_prefix(Prequential((FrequencyLearner(),)), few, 200)
    for arguments, words in (((0.0, 1), "delta"), ((1.0, 1), "delta"), ((0.05, 0), "`candidates` 0")):
        with pytest.raises(MdlError, match=words):
            certify(learned, rest(few, 200), *arguments)


def test_a_drawn_net_is_decoded_and_pays_the_ratio_of_its_densities() -> None:
    code, data = CODES["refined"], load("digits", View(limit=300))
    made = bound.certify_code(code, data)
    [drawn] = made.bounds
    assert drawn.name == "one draw"
    assert set(made.bits_by_part) >= {"prior", "1.weight"}
    assert "labels" not in made.bits_by_part
    kl_nats = max(made.total_bits, 0) * math.log(2)
    assert drawn.value == pytest.approx(float(bounds.maurer(made.errors / 300, 300, kl_nats, 0.05)))


def test_a_net_that_no_bound_holds_for_keeps_its_codelength(few: Data) -> None:
    turned = Affine(rotate_degrees=90, shift_pixels=3)
    viewed = NetLearner(
        arch="mlp",
        training=Steps(min_steps=200),
        regularisation=Regularisation(augment=turned),
        prediction=Prediction(views=Views(turned, count=2)),
    )
    [result] = compare(few, [TwoPart(viewed)])
    assert result.total_bits > 0
    assert result.bound is None
    assert "no bound on the test error" in result.notes[0]


def test_random_views_are_refused_before_anything_is_trained(few: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    turned = Affine(rotate_degrees=90, shift_pixels=3)
    code = TwoPart(NetLearner(arch="mlp", prediction=Prediction(views=Views(turned, count=2))))
    monkeypatch.setattr(NetLearner, "fit", lambda *_: pytest.fail("it was trained"))
    with pytest.raises(MdlError, match="a fixed function of one input"):
        bound.certify_code(code, few)
    with pytest.raises(MdlError, match="a fixed function of one input"):
        bound.certify_prefix(code, few, 0.5)


def test_a_bound_holds_for_a_net_that_looks_at_mirror_images_too(few: Data) -> None:
    views = Views(Mirror(), count=2)
    code = TwoPart(NetLearner(arch="mlp", training=Steps(max_steps=30), prediction=Prediction(views=views)))
    made = bound.certify_prefix(code, few, 0.5)
    seen = len(few) - made.n
    first = replace(few.shared, inputs=few.shared.inputs[:seen])
    learned = code.learner.fit(first, few.labels[:seen])
    rest = few.shared.inputs[seen:]
    assert made.errors == (learned.predict(rest.flip(-1)).argmax(1) != few.labels[seen:]).sum()
    assert 0 < made.errors < made.n
