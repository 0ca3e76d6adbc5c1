"""One order everywhere, and a warning where labels come sorted."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mdlcode import compare
from mdlcode.codes import Prequential
from mdlcode.data import View, from_arrays, from_dataset, load
from mdlcode.learn import EstimatorLearner

GENERATOR = np.random.default_rng(0)
INPUTS, LABELS = GENERATOR.random((60, 4)).astype(np.float32), np.repeat([0, 1, 2], 20)


def test_every_way_in_gives_the_same_order(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", x_train=INPUTS, y_train=LABELS)
    loaded = load(str(tmp_path / "mine.npz"), View(order_seed=3))
    pairs = [(torch.from_numpy(x), int(y)) for x, y in zip(INPUTS, LABELS, strict=True)]
    for data in (from_arrays(INPUTS, LABELS, order_seed=3), from_dataset(pairs, order_seed=3)):
        assert torch.equal(data.shared.inputs, loaded.shared.inputs)
        assert np.array_equal(data.labels, loaded.labels)
        assert data.order_seed == loaded.order_seed == 3
    order = View(order_seed=3).order(60)
    assert np.array_equal(loaded.labels, LABELS[order])
    assert not np.array_equal(from_arrays(INPUTS, LABELS).labels, LABELS)


def test_no_seed_keeps_the_order_and_warns_where_labels_are_sorted() -> None:
    with pytest.warns(UserWarning, match="almost sorted by class .the class changes 2 times"):
        kept = from_arrays(INPUTS, LABELS, order_seed=None)
    assert np.array_equal(kept.labels, LABELS)
    assert kept.order_seed is None
    mixed = GENERATOR.permutation(LABELS)
    assert np.array_equal(from_arrays(INPUTS, mixed, order_seed=None).labels, mixed)  # and no warning


def test_sorted_labels_cost_no_more_than_shuffled_ones() -> None:
    """600 digits sorted by class cost 3,524 bits in their stored order; shuffled the order in the file is nothing."""
    data = load("digits", View(limit=600, order_seed=None))
    by_class = np.argsort(data.labels, kind="stable")
    inputs, labels = data.shared.inputs[torch.from_numpy(by_class)], data.labels[by_class]
    code = Prequential((EstimatorLearner(),))
    shuffled = code.codelength(from_arrays(inputs, labels)).total_bits
    with pytest.warns(UserWarning, match="sorted"):
        stored = from_arrays(inputs, labels, order_seed=None)
    assert shuffled < 600 < 2000 < code.codelength(stored).total_bits


def test_results_name_the_orders_seed_and_the_standardisation() -> None:
    [result] = compare(from_arrays(INPUTS, LABELS, order_seed=7), ["uniform"])
    assert (result.order_seed, result.standardise) == (7, "per-feature")
    [kept] = compare(load("digits", View(limit=50, order_seed=None)), ["uniform"])
    assert (kept.order_seed, kept.standardise) == (None, "per-channel")


def test_data_are_the_librarys_own_copy() -> None:
    inputs, labels = np.ones((4, 2), dtype=np.float32), np.array([0, 1, 0, 1])
    test = torch.ones(2, 2)
    data = from_arrays(inputs, labels, test, [0, 1], order_seed=None)
    inputs[:], labels[:] = 5, 0
    test[:] = 5
    assert float(data.shared.inputs.sum()) == 8
    assert data.labels.tolist() == [0, 1, 0, 1]
    assert data.test_inputs is not None
    assert float(data.test_inputs.sum()) == 4
