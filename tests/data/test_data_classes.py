"""Labels of any kind, one class list, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import Run
from mdlcode import compare
from mdlcode.codes import Uniform
from mdlcode.data import from_arrays, load
from mdlcode.errors import MdlError

INPUTS = np.arange(400, dtype=np.float32)[:, None]
BITS = np.random.default_rng(0).integers(2, size=400)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (BITS, ()),
        (BITS + 1, ("1", "2")),
        (BITS * 255, ("0", "255")),
        (BITS + 2015, ("2015", "2016")),
        (BITS * 10**8, ("0", "100000000")),
        (2 * BITS - 1, ("-1", "1")),
        (BITS.astype(bool), ("False", "True")),
        (BITS.astype(float), ()),
        (BITS[:, None], ()),
        (torch.from_numpy(BITS), ()),
        (np.array(["cat", "dog"])[BITS], ("cat", "dog")),
        (np.array(["cat", "dog"], dtype=object)[BITS], ("cat", "dog")),
        ([["cat", "dog"][each] for each in BITS], ("cat", "dog")),
        (np.array([b"cat", b"dog"])[BITS], ("cat", "dog")),
        (BITS.astype(np.uint64), ()),
    ],
)
def test_two_classes_of_any_kind_cost_one_bit_each(labels: Any, names: tuple[str, ...]) -> None:
    data = from_arrays(INPUTS, labels, order_seed=None)
    assert data.labels.tolist() == BITS.tolist()
    assert data.shared.class_names == names
    assert Uniform().codelength(data).total_bits == pytest.approx(400, abs=1e-6)


def test_pandas_columns_are_labels() -> None:
    pandas = pytest.importorskip("pandas")
    texts = [["no", "yes"][each] for each in BITS]
    for column in (
        pandas.Series(texts),
        pandas.Series(texts, dtype="category"),
        pandas.Categorical(texts, categories=["yes", "no", "never"]),
        pandas.DataFrame({"y": texts}),
        pandas.Series(BITS, dtype="Int64"),
    ):
        data = from_arrays(INPUTS, column, order_seed=None)
        assert data.labels.tolist() == BITS.tolist()
        assert data.shared.num_classes == 2
    with pytest.raises(MdlError, match="missing"):
        from_arrays(INPUTS, pandas.Series([*texts[:-1], None], dtype="category"))
    with pytest.raises(MdlError, match="missing"):
        from_arrays(INPUTS, pandas.Series([*BITS[:-1], None], dtype="Int64"))


def test_stated_classes_are_the_list() -> None:
    data = from_arrays(INPUTS, ["b", "a"] * 200, classes=["c", "b", "a"], order_seed=None)
    assert data.labels[:2].tolist() == [1, 2]
    assert data.shared.class_names == ("c", "b", "a")
    assert Uniform().codelength(data).total_bits == pytest.approx(400 * np.log2(3))
    numbered = from_arrays(INPUTS, [3, 1] * 200, num_classes=5, order_seed=None)
    assert (numbered.labels[:2].tolist(), numbered.shared.num_classes) == ([3, 1], 5)
    assert from_arrays(INPUTS, [1] * 400, num_classes=2).shared.num_classes == 2


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (["a", "b"] * 200, {"classes": ["a", "c"]}, "hold the class 'b', which is not among the 2 classes"),
        (["a", "b"] * 200, {"classes": ["a", "b", "a"]}, "named twice"),
        (["a", "b"] * 200, {"classes": ["a", "b"], "num_classes": 3}, "said to be 3"),
        ([0, 7] * 200, {"num_classes": 5}, "hold the class '7'"),
        ([0, 1] * 200, {"num_classes": 10**8}, "at most 131,072"),
        (["a"] * 400, {}, "one class only"),
        ([0, "a"] * 200, {}, "mixed kinds"),
        (["a", None] * 200, {}, "missing"),
        ([0.0, float("nan")] * 200, {}, "missing"),
        ([0.0, 2.71] * 200, {}, "bins"),
        ([0, 1j] * 200, {}, "complex"),
        (np.array([0, 1] * 200, dtype="m8[s]"), {}, "time differences"),
        (np.array([0, 1] * 200, dtype="M8[s]"), {}, "dates"),
        (np.ma.masked_equal([0, 1] * 200, 1), {}, "masked"),
        (np.eye(2)[BITS], {}, "one label each"),
        (np.arange(400), {}, "look like measured values"),
        (np.arange(400) % 150, {}, "150 different values among 400 labels"),
        ([f"row {i}" for i in range(400)], {}, "look like measured values"),
    ],
)
def test_what_is_no_class_is_one_clear_line(labels: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(MdlError, match=message) as caught:
        from_arrays(INPUTS, labels, **options)
    assert "\n" not in str(caught.value)


def test_a_class_of_the_test_set_alone_is_refused_or_stated() -> None:
    arrays = (INPUTS, BITS, INPUTS[:3], [0, 1, 2])
    with pytest.raises(MdlError, match="test labels hold the class '2'"):
        from_arrays(*arrays)
    assert from_arrays(*arrays, num_classes=3).shared.num_classes == 3


def test_hidden_and_empty_folders_are_no_classes(tmp_path: Path) -> None:
    for i in range(20):
        (folder := tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        Image.fromarray(np.full((5, 5), i, dtype=np.uint8)).save(folder / f"{i}.png")
    for odd in (".ipynb_checkpoints", "__MACOSX", "empty", "__MACOSX/a"):
        (tmp_path / odd).mkdir()
    for stray in (".ipynb_checkpoints/0.png", "__MACOSX/a/._0.png", "a/._0.png"):
        (tmp_path / stray).write_bytes(b"no image")
    data = load(str(tmp_path))
    assert data.shared.class_names == ("a", "b")
    assert Uniform().codelength(data).total_bits == pytest.approx(20)


def test_classes_stand_in_the_table_and_in_results(mdlcode: Run, tmp_path: Path) -> None:
    labels = np.array(["x[bold]" + "y" * 5000, "[/red]"])[BITS]
    np.savez(tmp_path / "mine.npz", x_train=INPUTS, y_train=labels)
    ran = mdlcode("compare", tmp_path / "mine.npz", "--codes", "uniform")
    assert ran.returncode == 0, ran.stderr
    assert "2 classes ([/red], x[bold]yyyyyyyyyyyyyy...)" in ran.stdout
    [result] = compare(load(str(tmp_path / "mine.npz")), ["uniform"])
    assert result.class_names == tuple(sorted(set(labels)))
