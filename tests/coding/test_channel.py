import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdlcode.coding.channel import Ledger, Receiver, Sender
from mdlcode.coding.smoothing import smooth, smoothing
from mdlcode.errors import MdlError
from mdlcode.proof.proof import within_tolerance
from mdlcode.typing import FloatArray, IntArray


def _conversation(seed: int, blocks: list[int], num_classes: int, sharp: float) -> list[tuple[IntArray, FloatArray]]:
    generator = np.random.default_rng(seed)
    said = []
    for count in blocks:
        logits = sharp * generator.standard_normal((count, num_classes))
        probs = np.exp(logits - logits.max(axis=1, keepdims=True))
        said.append((generator.integers(num_classes, size=count), probs / probs.sum(axis=1, keepdims=True)))
    return said


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    blocks=st.lists(st.integers(0, 50), min_size=1, max_size=6),
    num_classes=st.integers(2, 40),
    sharp=st.sampled_from([0.0, 1.0, 30.0, 700.0]),
)
def test_receiver_hears_what_sender_said(seed: int, blocks: list[int], num_classes: int, sharp: float) -> None:
    said = _conversation(seed, blocks, num_classes, sharp)
    sender = Sender()
    for symbols, probs in said:
        sender.send(symbols, probs)
        sender.send_uniform(symbols, len(symbols), 2**16, "weights")
    receiver = Receiver(sender.words())
    for symbols, probs in said:
        assert np.array_equal(receiver.send(None, probs), symbols)
        assert np.array_equal(receiver.send_uniform(None, len(symbols), 2**16, "weights"), symbols)
    reported = sender.codelength(num_classes).total_bits
    assert within_tolerance(32 * len(sender.words()), reported)


def test_smoothing_bounds_every_symbol() -> None:
    rows = smooth(np.array([[1.0, 0.0, 0.0]]))
    assert -math.log2(rows[0, 1]) == pytest.approx(math.log2(3 / smoothing(3)))
    assert -math.log2(rows[0, 0]) <= -math.log2(1 - smoothing(3))
    assert rows.sum() == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize(
    "rows",
    [[[math.nan, 0.5]], [[-0.1, 1.1]], [[0.6, 0.6]], [[0.0, 0.0]], [[math.inf, 0.0]], [[1.0]], [0.5, 0.5]],
)
def test_rows_that_are_no_probabilities_are_refused(rows: list[object]) -> None:
    with pytest.raises(MdlError):
        smooth(np.array(rows, dtype=np.float64))


@pytest.mark.parametrize("symbols", [[2], [-1], [0, 1]])
def test_symbols_that_do_not_fit_are_refused(symbols: list[int]) -> None:
    with pytest.raises(MdlError):
        Ledger().send(np.array(symbols), np.array([[0.5, 0.5]]))


def test_parts_are_told_apart() -> None:
    ledger = Ledger()
    ledger.send_uniform(np.array([3]), 1, 16, "weights")
    ledger.send(np.array([0, 1]), np.array([[0.5, 0.5]] * 2))
    length = ledger.codelength(2)
    assert length.bits_by_part == {"weights": 4.0, "labels": 2.0}
    assert (length.model_bits, length.label_bits, length.total_bits) == (4.0, 2.0, 6.0)
    assert length.bits_by_label.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("symbol", [0, 9])
def test_the_same_symbol_again_and_again_is_sent_at_its_price(symbol: int) -> None:
    sender = Sender()
    sender.send(np.full(1000, symbol), np.full((1000, 10), 0.1))
    assert within_tolerance(32 * len(sender.words()), sender.codelength(10).total_bits)


def test_golden_words() -> None:
    """The message format: these words may only change with the format's version."""
    sender = Sender()
    sender.send(np.array([0, 1, 2, 1, 0]), np.tile([0.5, 0.3, 0.2], (5, 1)))
    assert sender.words().tolist() == GOLDEN


GOLDEN = [1027039249, 222]
