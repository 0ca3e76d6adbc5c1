"""Real-valued targets as data: the grid, its errors, and who is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mdlcode.data import Bins, Shared, View, from_arrays, from_dataset, load, load_shared
from mdlcode.errors import MdlError

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = np.round(np.random.default_rng(1).uniform(0, 10, 40), 1)
GRID = Bins(0, 10, 0.1)


def test_values_at_the_precision_come_back_exactly() -> None:
    values = np.arange(0, 101) / 10
    assert np.array_equal(GRID.decode(GRID.encode(values)), values)
    assert len(GRID) == 101
    between = np.random.default_rng(2).uniform(-0.05, 10.05, 500)
    assert np.abs(GRID.decode(GRID.encode(between)) - between).max() <= 0.05 + 1e-9
    assert np.array_equal(Bins(-1e6, 1e6, 1000).decode(np.array([0, 2000])), [-1e6, 1e6])


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((0, 0, 1), "must rise"),
        ((0, float("inf"), 1), "finite"),
        ((0, 1, -1), "must rise"),
        ((0, 1, 0.3), "whole number of precisions"),
        ((0, 1, 3), "whole number of precisions"),
        ((0, 1e9, 0.1), "coarser precision"),
    ],
)
def test_a_grid_that_is_none(numbers: tuple[float, float, float], said: str) -> None:
    with pytest.raises(MdlError, match=said):
        Bins(*numbers)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1.0, 10.2], "hold 10.2, outside of the range 0 to 10"),
        ([1.0, float("nan")], "missing"),
        ([1.0, float("inf")], "infinite"),
        (np.ma.masked_array([1.0, 2.0], [True, False]), "masked"),
        (["a", "b"], "no real numbers"),
        ([[1.0, 2.0]], "one number each"),
        ([], "one number each"),
    ],
)
def test_targets_that_can_not_be_told(values: object, said: str) -> None:
    with pytest.raises(MdlError, match=said):
        GRID.encode(values)


def test_float_targets_without_bins_are_refused_with_what_to_do() -> None:
    for targets in (Y, np.arange(400)):
        with pytest.raises(MdlError, match=r"state the `precision` and `range` of measured values .*bins=Bins"):
            from_arrays(np.zeros((len(targets), 2)), targets)


def test_arrays_examples_and_tables_give_the_same(tmp_path: Path) -> None:
    arrays = from_arrays(X, Y, X[:5], Y[:5], bins=GRID)
    listed = from_dataset(list(zip(X, Y, strict=True)), bins=GRID)
    pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": Y}).to_csv(tmp_path / "t.csv", index=False)
    table = load(str(tmp_path / "t.csv"), target="y", bins=GRID)
    order = View().order(40)
    for data in (arrays, listed, table):
        assert np.array_equal(data.shared.bins.decode(data.labels), Y[order])  # type: ignore[union-attr]
        assert data.shared.num_classes == 101
    assert np.array_equal(GRID.decode(arrays.test_labels), Y[:5])  # type: ignore[arg-type]
    bob = load_shared(str(tmp_path / "t.csv"), 101, target="y", bins=GRID)
    assert bob.fingerprint() == table.shared.fingerprint()
    other = Shared(bob.inputs, 201, bins=Bins(0, 20, 0.1))
    assert other.fingerprint() != bob.fingerprint()
    assert bob.classes_text == "targets from 0 to 10 at precision 0.1 (101 bins)"


def test_bins_and_classes_exclude_each_other() -> None:
    with pytest.raises(MdlError, match="state one of these"):
        from_arrays(X, Y, bins=GRID, num_classes=3)
    with pytest.raises(MdlError, match="make 101 bins, not 7"):
        Shared(from_arrays(X, Y, bins=GRID).shared.inputs, 7, bins=GRID)
    with pytest.raises(MdlError, match="real numbers: leave it out"):
        View(binary=True).of(from_arrays(X, Y, bins=GRID))


def test_sorted_targets_are_warned_of_and_others_are_not() -> None:
    with pytest.warns(UserWarning, match="almost sorted"):
        from_arrays(X, np.sort(Y), bins=GRID, order_seed=None)
    from_arrays(X, Y, bins=GRID, order_seed=None)


def test_a_proposed_grid_says_that_it_is_read_off() -> None:
    with pytest.warns(UserWarning, match="read off the targets"):
        grid = Bins.proposed([0.37, 2.0, 1.1], precision=0.25)
    assert grid == Bins(0.25, 2.0, 0.25)


def test_diabetes_is_there_by_name() -> None:
    data = load("diabetes")
    assert (len(data), data.shared.shape, data.shared.bins) == (442, (10,), Bins(25, 346, 1))
    assert {0, 321} == {int(data.labels.min()), int(data.labels.max())}
