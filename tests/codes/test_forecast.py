import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdlcode.codes import Bayes, FixedShare, Forecaster, Identity, Switch, Temperature
from mdlcode.codes import forecast as forecast_module
from mdlcode.codes.opinions import RowVariants
from mdlcode.coding.channel import Receiver, Sender
from mdlcode.typing import FloatArray


def rows(seed: int, num_experts: int, num_labels: int, num_classes: int) -> FloatArray:
    return np.random.default_rng(seed).dirichlet(np.full(num_classes, 0.4), size=(num_experts, num_labels))


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10**6), num_experts=st.integers(1, 5), num_labels=st.integers(1, 40), classes=st.integers(2, 70)
)
def test_a_mixed_row_has_the_same_bits_alone_and_among_others(
    seed: int, num_experts: int, num_labels: int, classes: int
) -> None:
    """Bob mixes label by label what Alice mixes at once: one bit apart, and he would read other labels."""
    variants = RowVariants.of(rows(seed, num_experts, num_labels, classes).transpose(0, 2, 1), Temperature())
    num_variants = len(Temperature().prior)
    weights = np.random.default_rng(seed + 1).dirichlet(np.ones(num_experts * num_variants), size=num_labels)
    weights = np.ascontiguousarray(weights.T).reshape(num_experts, num_variants, num_labels)
    together = variants.mixed(weights)
    alone = [variants.at(i).mixed(weights[..., i : i + 1]) for i in range(num_labels)]
    assert np.array_equal(together, np.concatenate(alone))
    assert together.sum(axis=1) == pytest.approx(1.0)


@pytest.mark.filterwarnings("ignore:expert 1 gave NaN")
@pytest.mark.parametrize("calibration", [Identity(), Temperature()])
@pytest.mark.parametrize("mixture", [Switch(), Bayes(), FixedShare()])
def test_bob_reads_what_alice_sent_in_pieces_and_with_an_expert_that_breaks(
    calibration: Identity | Temperature, mixture: Switch | Bayes | FixedShare, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces_of_seven = 7 * 3 * len(calibration.temperatures) * 5
    monkeypatch.setattr(forecast_module, "_HELD", pieces_of_seven)
    monkeypatch.setattr(forecast_module, "_FEW", 1)
    experts = rows(0, 3, 60, 5)
    experts[1, 33:] = np.nan
    labels = np.random.default_rng(1).integers(5, size=60)
    sender, alice = Sender(), Forecaster(3, calibration, mixture)
    alice.transmit(sender, experts, labels)
    bob = Forecaster(3, calibration, mixture)
    assert np.array_equal(bob.transmit(Receiver(sender.words()), experts, None), labels)
    assert np.array_equal(alice.expert_weights, bob.expert_weights)
    assert alice.expert_weights[1] == 0.0
    trace = np.concatenate(alice.trace)
    assert np.array_equal(trace, np.concatenate(bob.trace))
    assert len(trace) == 60
    assert trace[32, 1] > 0 == trace[33, 1]
