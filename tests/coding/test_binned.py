"""Densities over bins: their masses, what they cost, and that they decode however they are cut up."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdlcode.coding.binned import MOST_BINS, Binned, FamilyName, LocationScale, Mixed, Pieces, even_bins
from mdlcode.coding.channel import Ledger, Receiver, Sender
from mdlcode.typing import IntArray

FAMILIES: tuple[FamilyName, ...] = ("gaussian", "laplace", "student-t")


def densities(seed: int, count: int, num_bins: int, widest: float = 2.0) -> list[Binned]:
    """Some of each kind, with locations inside and outside of the range, from very narrow to wide."""
    rng = np.random.default_rng(seed)
    made: list[Binned] = []
    for family in FAMILIES:
        scale = num_bins * np.exp(rng.uniform(math.log(1e-4), math.log(widest), count))
        df = rng.uniform(0.7, 40, count) if family == "student-t" else None
        made.append(LocationScale(family, rng.uniform(-0.2, 1.2, count) * num_bins, scale, num_bins, df))
    inner = np.unique(rng.integers(1, num_bins, size=5)) if num_bins > 1 else np.zeros(0, dtype=np.int64)
    knots = np.concatenate([[0], inner, [num_bins]])
    made.append(Pieces(knots, rng.dirichlet(np.ones(len(knots) - 1), size=count)))
    made.append(Mixed(tuple(made), rng.dirichlet(np.ones(4))))
    made.append(Mixed(tuple(made[:2]), rng.dirichlet(np.ones(2), size=count)))
    return made


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), num_bins=st.integers(2, 400))
def test_masses_of_all_bins_sum_to_one_and_are_those_of_single_bins(seed: int, num_bins: int) -> None:
    for model in densities(seed, 3, num_bins):
        rows = model.rows()
        assert rows.shape == (3, num_bins)
        assert rows.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
        symbols = np.random.default_rng(seed).integers(num_bins, size=3)
        assert model.masses(symbols) == pytest.approx(rows[np.arange(3), symbols], rel=1e-9)
        assert rows.min() > 0


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), bits=st.integers(1, 22))
def test_what_is_sent_at_once_is_read_one_by_one(seed: int, bits: int) -> None:
    rng = np.random.default_rng(seed)
    num_bins = int(min(MOST_BINS, max(2, 2**bits + rng.integers(-3, 4))))
    model = densities(seed, 5, num_bins)[seed % 6]
    symbols: IntArray = rng.integers(num_bins, size=5)
    sender = Sender()
    sender.send_under(symbols, model, "labels")
    receiver = Receiver(sender.words())
    read = [receiver.send_under(None, model.take(np.array([i])), "labels")[0] for i in range(5)]
    assert np.array_equal(read, symbols)
    assert np.array_equal(Receiver(sender.words()).send_under(None, model, "labels"), symbols)


@pytest.mark.parametrize("num_bins", [7, 300, 10_000, 100_000, MOST_BINS])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_coder_costs_less_than_a_thousandth_more_than_the_exact_masses(family: FamilyName, num_bins: int) -> None:
    rng = np.random.default_rng(num_bins)
    location, scale = rng.uniform(0.2, 0.8, 300) * num_bins, np.full(300, 0.05 * num_bins)
    model = LocationScale(family, location, scale, num_bins, np.full(300, 4.0))
    symbols = np.clip(location + scale * rng.standard_normal(300), 0, num_bins - 1).astype(np.int64)
    edges = model.below(np.stack([symbols, symbols + 1], axis=1))
    exact = -np.log2(edges[:, 1] - edges[:, 0])
    ledger = Ledger()
    ledger.send_under(symbols, model, "labels")
    length = ledger.codelength(num_bins)
    assert length.total_bits == pytest.approx(exact.sum(), rel=1e-3)
    assert length.bits_by_label == pytest.approx(exact, rel=1e-3, abs=2e-3)


def test_a_target_fifty_deviations_away_costs_what_is_said() -> None:
    """16 bits and log2 K, as far as parts of 2^24 go."""
    for num_bins in (300, 100_000):
        model = LocationScale("gaussian", np.array([0.1 * num_bins]), np.array([0.01 * num_bins]), num_bins)
        bits = model.bits(np.array([round(0.6 * num_bins)]))[0]
        assert bits == pytest.approx(16 + math.log2(num_bins), abs=1.0)
        assert model.masses(np.array([round(0.6 * num_bins)]))[0] == pytest.approx(2.0**-16 / num_bins)


def test_uniform_is_log2_k() -> None:
    for num_bins in (2, 3, 322, 100_001):
        bits = even_bins(50, num_bins).bits(np.linspace(0, num_bins - 1, 50).astype(np.int64))
        assert bits == pytest.approx(math.log2(num_bins), abs=2e-3)


def test_a_temperature_is_a_power_of_a_gaussian_and_of_pieces() -> None:
    rows = np.array([0, 0])
    for temperature in (0.5, 1.0, 4.0):
        warm = np.full(2, temperature)
        gaussian = LocationScale("gaussian", np.array([500.0]), np.array([30.0]), 1000)
        pieces = Pieces(np.array([0, 100, 600, 1000]), np.array([[0.2, 0.7, 0.1]]))
        for model in (gaussian, pieces):
            power = (np.diff(model.below(np.arange(1001)))) ** (1 / temperature)
            tempered = model.tempered(rows, warm).rows()
            assert tempered[1] == pytest.approx(power[0] / power.sum(), abs=2e-5)


def test_medians_pass_one_half() -> None:
    for model in densities(3, 6, 1000):
        medians = model.medians()
        edges = model.below(np.stack([medians, medians + 1], axis=1))
        assert (edges[:, 0] <= 0.5).all()
        assert (edges[:, 1] >= 0.5).all()


def test_numbers_that_are_none_are_found() -> None:
    model = LocationScale("gaussian", np.array([1.0, np.nan, 1.0]), np.array([1.0, 1.0, np.inf]), 8)
    assert model.broken().tolist() == [False, True, True]
    assert Mixed.evenly([model, even_bins(3, 8)]).broken().tolist() == [False, True, True]
    assert Pieces(np.array([0, 8]), np.array([[np.nan]])).broken().tolist() == [True]
