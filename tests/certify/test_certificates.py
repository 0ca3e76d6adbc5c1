"""Certificates: what is evaluated is what was decoded, every bit that it depends on is paid, n is right."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from codes_table import CODES
from torch import nn

from mdlcode import bounds
from mdlcode.certify import code as bound
from mdlcode.certify import hypothesis
from mdlcode.certify.certificate import Certificate, certify, rest
from mdlcode.certify.tensors import certify_tensors
from mdlcode.codes import BestOf, Code, Prequential, Subspace, TwoPart, Uniform
from mdlcode.codes.best_of import best_net
from mdlcode.data import Data, Given, Shared, View, load
from mdlcode.errors import MdlError, MessageError
from mdlcode.experiments.compare import compare, measure_each
from mdlcode.learn import FrequencyLearner, NetLearner, Steps, SubspaceLearner
from mdlcode.nets import build
from mdlcode.weights import Float16, Float32, Quantised
from mdlcode.weights.net_file import pack_net

SMALL = NetLearner(arch="linear", training=Steps(min_steps=60))


@pytest.fixture(scope="module")
def few() -> Data:
    return load("digits", View(limit=400))


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
