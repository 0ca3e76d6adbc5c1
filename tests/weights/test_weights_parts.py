"""The pieces that weight codes are made of, each beside its slow and obviously right version."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from weights_helpers import there_and_back

from mdlcode.coding.channel import Ledger, Receiver, Sender
from mdlcode.coding.counts import send_fitted_counts
from mdlcode.coding.distributions import beta_binomial, next_largest, split
from mdlcode.coding.integers import pieces, send_float16, send_integer
from mdlcode.coding.subsets import send_subsets
from mdlcode.errors import MdlError
from mdlcode.proof.proof import within_tolerance
from mdlcode.weights import masks
from mdlcode.weights.compositions import send_symbols
from mdlcode.weights.groups import send_sorted

seeds = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("size", "ones", "zeros"), [(7, 0.5, 0.5), (40, 3.0, 90.0), (4096, 0.06, 4000.0), (900, 80, 2)]
)
def test_beta_binomial_is_scipys(size: int, ones: float, zeros: float) -> None:
    expected = stats.betabinom(size, ones, zeros).pmf(np.arange(size + 1))
    assert beta_binomial(size, ones, zeros) == pytest.approx(expected, rel=1e-8, abs=1e-280)


@pytest.mark.parametrize(("count", "left", "right"), [(1, 1, 1), (5, 3, 4), (2000, 2048, 2048), (4095, 2048, 2048)])
def test_split_is_scipys_hypergeometric(count: int, left: int, right: int) -> None:
    expected = stats.hypergeom(left + right, left, count).pmf(np.arange(count + 1))
    assert split(count, left, right) == pytest.approx(expected, rel=1e-7, abs=1e-280)


def test_falling_draws_cost_what_their_multiset_does() -> None:
    """The chain of `next_largest` is the multinomial probability, for every multiset of four draws."""
    probs, draws = np.array([0.5, 0.3, 0.15, 0.05]), 4
    for values in itertools.combinations_with_replacement(range(3, -1, -1), draws):
        bound, equal, chain = 3, 0, 1.0
        for left, value in zip(range(draws, 0, -1), values, strict=True):
            chain *= next_largest(probs, left, bound, equal)[value]
            bound, equal = value, equal + 1 if value == bound else 1
        times = np.bincount(values, minlength=4)
        assert chain == pytest.approx(stats.multinomial(draws, probs).pmf(times))


@given(seeds, st.integers(1, 6), st.integers(1, 300), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_subsets_come_back_at_log2_of_their_number(seed: int, rows: int, width: int, density: float) -> None:
    taken = np.flatnonzero(np.random.default_rng(seed).random(rows * width) < density)
    bounds = np.arange(rows + 1) * width
    counts = np.diff(np.searchsorted(taken, bounds))
    alice, bob, bits, _ = there_and_back(
        lambda channel, known: send_subsets(channel, known, bounds, counts, "m"), taken
    )
    assert np.array_equal(alice, taken)
    assert np.array_equal(bob, taken)
    ideal = sum(math.log2(math.comb(width, count)) for count in counts.tolist())
    assert bits == pytest.approx(ideal, abs=0.5 + 0.002 * ideal)  # what smoothing costs


def kt_bits(symbols: list[int], size: int) -> float:
    """The code of Krichevsky & Trofimov, symbol by symbol."""
    seen, bits = np.full(size, 0.5), 0.0
    for symbol in symbols:
        bits -= math.log2(seen[symbol] / seen.sum())
        seen[symbol] += 1
    return bits


@given(seeds, st.integers(0, 400), st.integers(1, 7))
@settings(max_examples=30, deadline=None)
def test_symbols_come_back_at_the_length_of_the_sequential_code(seed: int, count: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    symbols = rng.choice(size, count, p=rng.dirichlet(np.full(size, 0.4)))
    talk = lambda channel, known: send_symbols(channel, known, count, size, "v")  # noqa: E731
    alice, bob, bits, _ = there_and_back(talk, symbols)
    assert np.array_equal(alice, symbols)
    assert np.array_equal(bob, symbols)
    ideal = kt_bits(symbols.tolist(), size)
    assert bits == pytest.approx(ideal, abs=0.5 + 0.002 * ideal)


def test_symbols_in_several_pieces_cost_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    symbols = np.random.default_rng(0).integers(0, 3, 500)
    lengths = []
    for width in (4096, 64):
        monkeypatch.setattr("mdlcode.weights.compositions.WIDTH", width)
        ledger = Ledger()
        send_symbols(ledger, symbols, 500, 3, "v")
        lengths.append(ledger.codelength(2).total_bits)
    assert lengths[0] == pytest.approx(lengths[1], abs=0.1)


@given(seeds, st.integers(1, 60), st.integers(1, 5000), st.booleans())
@settings(max_examples=30, deadline=None)
def test_fitted_counts_come_back_and_falling_ones_are_cheaper(seed: int, rows: int, size: int, fall: bool) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.binomial(size, rng.beta(1.0, 20.0, rows))
    known = -np.sort(-counts) if fall else counts
    runs = np.array([rows]) if fall else np.ones(rows, dtype=np.int64)
    alice, bob, bits, _ = there_and_back(
        lambda channel, each: send_fitted_counts(channel, each, size, runs, "c"), known
    )
    assert np.array_equal(alice, known)
    assert np.array_equal(bob, known)
    if fall:
        ledger = Ledger()
        send_fitted_counts(ledger, counts, size, np.ones(rows, dtype=np.int64), "c")
        ties = math.prod(math.factorial(times) for times in np.unique(counts, return_counts=True)[1].tolist())
        saved = math.log2(math.factorial(rows) / ties)
        assert ledger.codelength(2).total_bits - bits == pytest.approx(saved, abs=0.5 + 0.005 * bits)


@given(seeds, st.integers(1, 5), st.integers(1, 9), st.integers(1, 4), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_masks_come_back_in_every_context(seed: int, rows: int, columns: int, rest: int, density: float) -> None:
    mask = np.random.default_rng(seed).random((rows, columns, rest)) < density
    features = masks.patterns(mask)
    mask = mask[:, np.lexsort([~row for row in features[::-1]])]
    taken, order = np.flatnonzero(mask), masks.Order(sorted_columns=True)
    for context in masks.contexts(mask.shape, order):
        talk = lambda channel, known, context=context: masks._send(channel, known, mask.shape, context, order, "m")  # noqa: E731
        alice, bob, bits, _ = there_and_back(talk, taken)
        assert np.array_equal(alice, taken), context
        assert np.array_equal(bob, taken), context
        assert masks.mask_bits(taken, mask.shape, context, order) == pytest.approx(bits, abs=0.5 + 0.002 * bits)


@given(seeds, st.integers(1, 9), st.integers(1, 5), st.integers(1, 4), st.booleans())
@settings(max_examples=40, deadline=None)
def test_masks_with_sorted_rows_come_back(seed: int, rows: int, columns: int, rest: int, fall: bool) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((rows, columns, rest)) < rng.random(columns)[:, None]
    if fall:
        mask = mask[:, np.argsort(-mask.sum(axis=(0, 2)))]
    mask = mask[np.lexsort(~mask[:, 0].T[::-1])]
    order = masks.Order(columns=np.array([columns]) if fall else None, sorted_rows=True)
    taken = np.flatnonzero(mask)
    alice, bob, bits, _ = there_and_back(
        lambda channel, known: masks._send(channel, known, mask.shape, "columns", order, "m"), taken
    )
    assert np.array_equal(alice, taken)
    assert np.array_equal(bob, taken)
    assert masks.mask_bits(taken, mask.shape, "columns", order) == bits


def test_sorted_columns_cost_nothing_for_their_order() -> None:
    """64 different columns of six features: 2^6 of them, each once, in the one order there is."""
    mask = (np.arange(64)[None] >> np.arange(5, -1, -1)[:, None] & 1).astype(bool)[:, ::-1]
    alice, bob, bits, _ = there_and_back(lambda channel, known: send_sorted(channel, known, 6, 64, "m"), mask)
    assert np.array_equal(alice, mask)
    assert np.array_equal(bob, mask)
    assert bits < 6 * 64 - 0.4 * math.log2(math.factorial(64))


def test_masks_of_wide_rows_are_cut_to_pieces() -> None:
    mask = np.random.default_rng(1).random((3, 10_000)) < 0.01
    taken = np.flatnonzero(mask)
    alice, bob, bits, sent = there_and_back(
        lambda channel, known: masks.send_mask(channel, known, mask.shape, "m"), taken
    )
    assert np.array_equal(alice, taken)
    assert np.array_equal(bob, taken)
    assert within_tolerance(sent, bits)
    assert pieces(np.array([0, 10_000]), 4096).tolist() == [0, 3333, 6666, 10_000]


def test_turn_is_a_swap_of_axes() -> None:
    mask = np.random.default_rng(2).random((4, 5, 3)) < 0.3
    assert np.array_equal(masks.turn(np.flatnonzero(mask), mask.shape), np.flatnonzero(mask.swapaxes(0, 1)))


@pytest.mark.parametrize("value", [0, 1, 2, 255, 2**31 - 1])
def test_integers_come_back(value: int) -> None:
    sender = Sender()
    assert send_integer(sender, value, "n") == value
    assert send_integer(Receiver(sender.words()), None, "n") == value


def test_floats_beyond_float16_are_refused() -> None:
    with pytest.raises(MdlError, match="beyond float16"):
        send_float16(Ledger(), np.array([1e6]), 1, "floats")


def test_more_items_than_places_are_refused() -> None:
    with pytest.raises(MdlError, match="more items than places"):
        send_subsets(Ledger(), None, np.array([0, 2]), np.array([3]), "m")
