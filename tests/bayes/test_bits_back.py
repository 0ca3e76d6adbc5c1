"""Posteriors and priors, and the messages that draw weights from them: bits-back and relative entropy coding."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from codes_table import BAYES, CODES
from hypothesis import given
from hypothesis import strategies as st

from mdlcode.bayes import (
    BayesLearner,
    FreshNet,
    Layout,
    MeanField,
    Normals,
    Rates,
    Refinement,
    SparsePrior,
    TwoNormals,
    kl_bits,
    with_weights,
)
from mdlcode.bayes.bits_back import BitsBack
from mdlcode.bayes.expected import label_bits
from mdlcode.bayes.guides import FullGuide
from mdlcode.bayes.inference import Inference
from mdlcode.bayes.levels import scale_levels, scales
from mdlcode.bayes.models import LearnedGaussian
from mdlcode.bayes.relative_entropy import RelativeEntropy
from mdlcode.codes import Variational
from mdlcode.coding import message
from mdlcode.coding.channel import Ledger, Receiver, Sender
from mdlcode.coding.gaussian_cells import GaussianCells, gaussian_cells
from mdlcode.data import Data
from mdlcode.errors import MdlError, MessageError
from mdlcode.learn import Steps


def gaussians(count: int, seed: int = 0) -> MeanField:
    random = np.random.default_rng(seed)
    layout = Layout(("one", "two"), ((count // 2, 1), (count - count // 2,)))
    sd = np.exp(random.uniform(-4, 0, count))
    return MeanField(layout, random.normal(0, 0.7, count), sd, Normals(np.ones(count)))


def every(posterior: MeanField) -> np.ndarray:
    """All weights are kept."""
    return np.ones(len(posterior.layout), dtype=np.bool_)


def fixed(posterior: MeanField) -> Inference:
    """Of a posterior that stays as it is."""
    return Inference(posterior, lambda posterior, how, known: posterior)


def test_kl_equals_that_of_torch() -> None:
    posterior = gaussians(50)
    normal = torch.distributions.Normal
    q = normal(torch.from_numpy(posterior.mean), torch.from_numpy(posterior.sd))
    nats = torch.distributions.kl_divergence(q, normal(torch.zeros(50), torch.ones(50))).numpy()
    np.testing.assert_allclose(posterior.kl_bits, nats / math.log(2), rtol=1e-6)
    assert math.fsum(posterior.kl_bits_by_tensor().values()) == pytest.approx(posterior.kl_bits.sum())


@given(st.floats(-3, 3), st.floats(0.01, 5), st.floats(0.01, 5))
def test_kl_is_never_negative_and_zero_for_equals(mean: float, sd: float, prior_sd: float) -> None:
    one, two = (np.array([mean]), np.array([sd])), (np.zeros(1), np.array([prior_sd]))
    assert kl_bits(one, two)[0] >= -1e-12
    assert kl_bits(one, one)[0] == pytest.approx(0, abs=1e-12)


@given(st.integers(0, 1000))
def test_a_draw_of_cells_costs_the_coder_what_its_bits_say(seed: int) -> None:
    random = np.random.default_rng(seed)
    drawn = gaussian_cells(random.normal(0, 300, 400), np.exp(random.uniform(-2, 5, 400)))
    sender = Sender(seed=seed)
    symbols = sender.borrow(drawn, "weights")
    used = 32 * (len(sender.spare) - len(sender.words()))
    assert used == pytest.approx(-sender.codelength(2).total_bits, abs=64)
    sender.send_under(symbols, drawn, "weights")
    assert abs(sender.codelength(2).total_bits) < 1e-9
    receiver = Receiver(sender.words())
    assert np.array_equal(receiver.send_under(None, drawn, "weights"), symbols)


def test_spare_bits_come_back_and_the_net_length_is_the_log_ratio() -> None:
    posterior, coding = gaussians(4000), BitsBack()
    spare = np.random.default_rng(1).integers(1, 2**32, size=2000, dtype=np.uint32)
    sender = Sender(spare)
    said = coding.transmit(sender, fixed(posterior), posterior.prior, posterior.layout, every(posterior))
    net = 32 * (len(sender.words()) - len(spare))
    assert net == pytest.approx(sender.codelength(2).total_bits, abs=64)
    assert net == pytest.approx(posterior.kl_bits.sum(), rel=0.1)
    receiver = Receiver(sender.words())
    got = coding.transmit(receiver, None, posterior.prior, posterior.layout, every(posterior))
    got.settle(lambda: fixed(posterior))
    assert np.array_equal(receiver.rest(), spare)
    assert np.array_equal(got.weights, said.weights)


def test_drawn_weights_have_the_posteriors_moments() -> None:
    count = 40_000
    posterior = MeanField(
        Layout(("w",), ((count,),)), np.full(count, 0.3), np.full(count, 0.05), Normals(np.ones(count))
    )
    weights = (
        BitsBack().transmit(Ledger(), fixed(posterior), posterior.prior, posterior.layout, every(posterior)).weights
    )
    assert weights.mean() == pytest.approx(0.3, abs=5 * 0.05 / math.sqrt(count))
    assert weights.std() == pytest.approx(0.05, rel=0.03)


def test_spare_bits_too_few_for_the_draw_are_said() -> None:
    with pytest.raises(MdlError, match="too few for the draw"):
        Ledger(np.ones(20, dtype=np.uint32)).borrow(gaussian_cells(np.zeros(1000), np.full(1000, 50.0)), "weights")
    with pytest.raises(MdlError, match="at least two"):
        Ledger(np.ones(1, dtype=np.uint32))


def test_a_users_spare_bits_travel_with_the_message(digits: Data) -> None:
    code, spare = Variational(BAYES), np.random.default_rng(2).integers(1, 2**32, size=6000, dtype=np.uint32)
    sent, transmission = code.transmitted(digits, spare=spare)
    assert abs(message.payload_bits(sent) - transmission.codelength.total_bits) <= 64
    header, words = message.unpack(sent)
    assert header.spare_words == len(spare) < len(words)
    assert np.array_equal(code.decode(digits.shared, sent), digits.labels)
    spoiled = message.pack(replace(header, spare_checksum="0" * 16), words)
    with pytest.raises(MessageError, match="spare bits"):
        code.decode(digits.shared, spoiled)


def test_relative_entropy_coding_nears_the_posterior_as_bits_grow() -> None:
    posterior = gaussians(300)
    distances = []
    for slack in (0.0, 4.0, 7.0):
        coding, ledger = RelativeEntropy(bits=10, slack=slack), Ledger()
        weights = coding.transmit(ledger, fixed(posterior), posterior.prior, posterior.layout, every(posterior)).weights
        distances.append(np.mean(((weights - posterior.mean) / posterior.sd) ** 2))
        assert ledger.codelength(2).total_bits % 10 == pytest.approx(6)  # 16 for the number of blocks, 10 for each
    assert distances[0] > distances[1] > distances[2]


def test_the_chosen_candidate_has_the_largest_density_ratio() -> None:
    posterior, coding = gaussians(12), RelativeEntropy(bits=6)
    symbols = coding._chosen(posterior, blocks=2)
    weights = np.stack([coding._weights(np.array([k] * len(symbols)), posterior.prior) for k in range(64)])
    ratio = 0.5 * weights**2 - 0.5 * ((weights - posterior.mean) / posterior.sd) ** 2
    order, size = coding._order(12), -(-12 // len(symbols))
    for block, chosen in enumerate(symbols):
        which = order[block * size : (block + 1) * size]
        assert ratio[:, which].sum(axis=1).argmax() == chosen


@given(st.floats(-2, 2), st.floats(0.02, 0.5), st.floats(0.01, 0.99))
def test_kl_to_a_mixture_is_a_fine_sums_and_below_those_of_its_parts(mean: float, sd: float, share: float) -> None:
    one = np.ones(1)
    prior = TwoNormals(one, 0.2 * one, share * one)
    grid = np.linspace(-6, 6, 20_001)
    q = np.exp(-0.5 * ((grid - mean) / sd) ** 2) / (sd * math.sqrt(2 * math.pi))
    p = sum(part[0] * np.exp(-0.5 * (grid / scale[0]) ** 2) / scale[0] for part, scale in prior.components)
    kept = q > 1e-300
    exact = (q[kept] * np.log2(q[kept] * math.sqrt(2 * math.pi) / p[kept])).sum() * (grid[1] - grid[0])
    got = prior.kl_bits(mean * one, sd * one)[0]
    assert got == pytest.approx(exact, abs=1e-4)
    for part, scale in prior.components:
        assert got <= kl_bits((mean * one, sd * one), (0 * one, scale))[0] - math.log2(part[0]) + 1e-6


def test_a_weight_under_a_mixture_costs_what_its_density_says() -> None:
    count = 3000
    random = np.random.default_rng(0)
    wide = random.random(count) < 0.1
    mean, sd = np.where(wide, random.normal(0, 1, count), 0.0), np.where(wide, 0.1, 0.05)
    ones = np.ones(count)
    posterior = MeanField(Layout(("w",), ((count,),)), mean, sd, TwoNormals(ones, 0.05 * ones, 0.1 * ones))
    sender = Sender(seed=3)
    weights = BitsBack().transmit(sender, fixed(posterior), posterior.prior, posterior.layout, every(posterior)).weights
    log_p = TwoNormals(ones, 0.05 * ones, 0.1 * ones)._log(weights) / math.log(2)
    log_q = -0.5 * ((weights - mean) / sd) ** 2 / math.log(2) - np.log2(sd * math.sqrt(2 * math.pi))
    net = 32 * (len(sender.words()) - len(sender.spare))
    assert net == pytest.approx((log_q - log_p).sum(), rel=0.01, abs=64)
    assert sender.codelength(2).total_bits == pytest.approx((log_q - log_p).sum(), rel=0.01)


def test_refined_posteriors_keep_to_the_known_weights_and_shorten_the_code(digits: Data) -> None:
    learner = BayesLearner(
        FreshNet("linear"),
        training=Steps(min_steps=300, max_steps=300, batch_size=64, warmup=0.05),
        rates=Rates(lr=0.02),
    )
    posterior = learner.fit(digits.shared, digits.labels).posterior
    known = np.where(np.arange(650) % 2, np.nan, posterior.mean + 2 * posterior.sd)
    training = Steps(epochs=3, min_steps=100, batch_size=64, warmup=0.05)
    how = Refinement(last_training=training, rates=Rates(lr=0.01, sd_lr=0.01))
    fresh = learner.refitted(digits.shared, digits.labels, posterior, how, known)
    moved = np.abs(fresh.mean - posterior.mean) > 0
    assert moved[1::2].all()
    assert not moved[:640:2].all()

    def expected(means: np.ndarray) -> float:
        weights = np.where(np.isnan(known), means, known)
        probs = with_weights(learner.initial(digits.shared), weights).predict(digits.shared.inputs)
        return label_bits(probs, digits.labels)

    before, after = expected(posterior.mean), expected(fresh.mean)
    free = np.isnan(known)
    assert after + fresh.kl_bits[free].sum() < before + posterior.kl_bits[free].sum()


def test_under_a_sparse_prior_what_was_zero_stays_so_and_the_mask_is_paid(digits: Data) -> None:
    code = CODES["masked"]
    assert isinstance(code, Variational)
    posterior = code.learner.fit(digits.shared, digits.labels).posterior
    assert 0 < posterior.kept.sum() < len(posterior.kept)
    assert (posterior.draw(np.ones(len(posterior.kept)))[~posterior.kept] == 0).all()
    assert (posterior.kl_bits[~posterior.kept] == 0).all()
    assert posterior.prior_bits == pytest.approx(posterior.mask_bits + 8 * len(posterior.levels))
    with pytest.raises(MdlError, match="needs a `start`"):
        BayesLearner(prior=SparsePrior())


def test_scale_levels_are_the_nearest_on_the_log_scale() -> None:
    levels = np.arange(256)
    assert np.array_equal(scale_levels(scales(levels)), levels)
    assert np.abs(np.log2(scales(scale_levels(np.array([0.033]))) / 0.033)) <= 1 / 32


def test_collapsed_scales_and_densities_without_cells_are_refused() -> None:
    with pytest.raises(MdlError, match="collapsed to zero"):
        MeanField(Layout(("w",), ((2,),)), np.zeros(2), np.array([1.0, 0.0]), Normals(np.ones(2)))
    with pytest.raises(MdlError, match="no density"):
        GaussianCells(np.zeros(1), np.zeros(1), np.zeros(1, dtype=np.int64), np.array([4]))
    with pytest.raises(MdlError, match="too many for this guide"):
        FullGuide().guide(
            print,
            LearnedGaussian(torch.zeros(1, dtype=torch.int64), torch.ones(1)),
            torch.zeros(4000),
            torch.ones(4000),
        )
    posterior = MeanField(Layout(("w",), ((1,),)), np.array([40.0]), np.ones(1), Normals(np.ones(1)))
    with pytest.raises(MdlError, match="outside its grid"):
        BitsBack().transmit(Ledger(), fixed(posterior), posterior.prior, posterior.layout, every(posterior))
