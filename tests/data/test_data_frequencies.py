"""The code of class frequencies, and the bits that others save against it."""

import numpy as np
import pytest
import torch
from scipy.special import betaln

from conftest import Run
from mdlcode import compare, preset
from mdlcode.codes import Frequencies, Prequential
from mdlcode.codes.frequencies import frequencies_bits
from mdlcode.codes.presets import PRESETS
from mdlcode.data import Data, Shared, from_arrays
from mdlcode.learn import EstimatorLearner


@pytest.mark.parametrize(("size", "classes"), [(1, 2), (7, 3), (3000, 2), (2500, 40)])
def test_length_is_the_evidence_in_any_order(size: int, classes: int) -> None:
    generator = np.random.default_rng(size)
    labels = np.minimum(generator.geometric(0.3, size) - 1, classes - 1)
    shared = Shared(torch.zeros(size, 1), classes)
    # The coder keeps 24 bits of each probability, and the ledger counts what it keeps.
    bits = [Frequencies().codelength(Data("any", shared, each)).total_bits for each in (labels, np.sort(labels))]
    assert bits == pytest.approx([frequencies_bits(np.bincount(labels, minlength=classes))] * 2, rel=1e-6)
    message = Frequencies().encode(Data("any", shared, labels))
    assert np.array_equal(Frequencies().decode(shared, message), labels)


def test_two_classes_are_the_beta_integral() -> None:
    nats = -(betaln(990.5, 10.5) - betaln(0.5, 0.5))
    assert frequencies_bits(np.array([990, 10])) == pytest.approx(nats / np.log(2), rel=1e-12)


def test_rare_positives_without_a_signal_save_nothing() -> None:
    """The ratio to uniform says 0.08 where nothing is learned: the saved bits say that it is no gain."""
    generator = np.random.default_rng(0)
    data = from_arrays(generator.standard_normal((2000, 5)), (np.arange(2000) % 100 == 0).astype(int))
    learned, counted = compare(data, [Prequential((EstimatorLearner(),)), "frequencies"])
    assert learned.compression_ratio < 0.12
    assert learned.saved_bits_against_frequencies is not None
    assert learned.saved_bits_against_frequencies < 0
    assert counted.saved_bits_against_frequencies == pytest.approx(0, abs=1e-3)
    assert counted.frequencies_bits == learned.frequencies_bits == pytest.approx(counted.total_bits)


def test_it_stands_in_every_default_comparison(mdlcode: Run) -> None:
    assert preset("frequencies") == Frequencies() == PRESETS["frequencies"]
    ran = mdlcode("compare", "digits", "--codes", "frequencies,uniform", "--limit", 100)
    assert ran.returncode == 0, ran.stderr
    assert "saved bits" in ran.stdout
    assert "frequencies" in ran.stdout
