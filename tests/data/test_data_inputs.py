"""Arrays, tables, sparse matrices and torch data sets: each is read right, or refused in one line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import sparse
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from conftest import Run
from mdlcode.data import View, from_arrays, from_dataset, load, load_shared
from mdlcode.errors import MdlError

Y = [0, 1] * 10
GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "kind", "read"),
    [
        ((20, 8, 8, 4), np.uint8, (4, 8, 8)),
        ((20, 8, 8, 3), np.float64, (3, 8, 8)),
        ((20, 8, 8, 2), np.uint8, (2, 8, 8)),
        ((20, 3, 8, 8), np.uint8, (3, 8, 8)),
        ((20, 4, 8, 8), np.uint8, (4, 8, 8)),
        ((20, 6, 9, 3), np.uint8, (3, 6, 9)),
        ((20, 256, 3, 3), np.float32, (256, 3, 3)),
        ((20, 8, 8), np.uint8, (1, 8, 8)),
        ((20, 30, 3), np.float32, (30, 3)),
    ],
)
def test_shapes_are_read_as_images_and_series(shape: tuple[int, ...], kind: type, read: tuple[int, ...]) -> None:
    assert from_arrays(GENERATOR.integers(255, size=shape).astype(kind), Y).shared.shape == read


STAMPS = 1.7e9 + np.arange(20)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.ones((20, 2)) * 1j, "complex"),
        (torch.ones(20, 2, dtype=torch.complex64), "complex"),
        (np.ma.masked_equal(np.ones((20, 2)), 1), "masked"),
        (np.array([[1.0, np.nan]] * 20), "NaN"),
        (np.array([[1.0, 1e300]] * 20), "infinite"),
        (np.stack([np.arange(20), STAMPS], axis=1), "float32 can't tell the values of feature 1 apart"),
        (np.stack([np.arange(20) * 0.5, STAMPS], axis=1)[:, None, :], "subtract its mean"),
        ([[1.0], [1.0, 2.0]] * 10, "no array of numbers"),
        (np.array(["2020-01-01"] * 20, dtype="M8[D]")[:, None], "no array of numbers"),
        ([["a"]] * 20, "no array of numbers"),
        (sparse.csr_matrix((20, 10**9)), "too large"),
    ],
)
def test_inputs_that_would_lose_something_are_refused(inputs: Any, message: str) -> None:
    with pytest.raises(MdlError, match=message) as caught:
        from_arrays(inputs, Y)
    assert "\n" not in str(caught.value)


def test_wide_values_that_float32_holds_are_taken() -> None:
    over_years = np.stack([1.7e9 + 1e6 * np.arange(20), np.full(20, 0.1)], axis=1)
    assert torch.isfinite(from_arrays(over_years, Y).shared.inputs).all()


def test_sparse_matrices_and_masks_without_a_masked_value() -> None:
    dense = np.eye(20)
    for inputs in (sparse.csr_matrix(dense), sparse.csc_array(dense), np.ma.array(dense)):
        assert np.array_equal(from_arrays(inputs, Y, order_seed=None).shared.inputs.numpy(), dense)


def test_test_inputs_of_another_width_are_refused_before_any_training() -> None:
    with pytest.raises(MdlError, match=r"test inputs have shape \(3,\), training inputs \(2,\)"):
        from_arrays(np.ones((20, 2)), Y, np.ones((4, 3)), [0, 1, 0, 1])
    with pytest.raises(MdlError, match="both or neither"):
        from_arrays(np.ones((20, 2)), Y, np.ones((4, 2)))


# torch and Hugging Face


class Triples(Dataset[Any]):
    """Three members, the label as a tensor, and a transform."""

    def __len__(self) -> int:
        return 20

    def __getitem__(self, place: int) -> Any:
        return torch.full((1, 4, 4), float(place)) / 20, torch.tensor(Y[place]), f"name {place}"


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Any:
        yield torch.zeros(2), 0


def test_examples_of_any_form() -> None:
    triples = from_dataset(Triples(), order_seed=None)
    assert (triples.shared.shape, triples.labels.tolist()) == ((1, 4, 4), Y)
    mappings = [{"index": i, "image": np.full((4, 4, 3), i, dtype=np.uint8), "label": "ab"[i % 2]} for i in range(20)]
    read = from_dataset(mappings, test=mappings[:4], order_seed=None)
    assert (read.shared.shape, read.shared.class_names) == ((3, 4, 4), ("a", "b"))
    assert read.test_labels is not None
    assert read.test_labels.tolist() == [0, 1, 0, 1]
    named = [{"bag": np.ones(3), "kind": i % 2, "weight": 1.0} for i in range(20)]
    assert from_dataset(named, inputs="bag", target="kind").shared.shape == (3,)
    backwards = [(i % 2, None, np.ones(3)) for i in range(20)]
    assert from_dataset(backwards, inputs=2, target=0).shared.shape == (3,)
    pictures = [(Image.fromarray(np.full((4, 4, 3), i, dtype=np.uint8)), i % 2) for i in range(20)]
    assert from_dataset(pictures).shared.inputs.dtype == torch.uint8
    part = Subset(TensorDataset(torch.rand(40, 3), torch.arange(40) % 2), list(range(20)))
    assert len(from_dataset(part)) == 20


def test_a_data_sets_own_class_names_are_shown() -> None:
    class Named(Triples):
        classes = ("cat", "dog", "unseen")

    data = from_dataset(Named(), order_seed=None)
    assert (data.shared.class_names, data.labels.tolist()) == (("cat", "dog"), Y)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ([(torch.zeros(2), 2.71), (torch.zeros(2), 0.7)] * 10, "bins"),
        (DataLoader(Triples()), "its data set, `loader.dataset`"),
        (Endless(), "no length"),
        ([], "empty"),
        ([(np.zeros(2), 0), (np.zeros(3), 1)], "differ in shape"),
        ([("a text", 0), ("another", 1)], "no array of numbers: turn it into one"),
        ([np.zeros(3)] * 4, "a tuple"),
        ([{"a": 1, "b": 2}] * 4, "which of the keys a, b is meant"),
        ({"train": [(np.zeros(2), 0)], "test": []}, "mapping of data sets"),
        ([(np.zeros(2), None), (np.zeros(2), 1)], "missing"),
    ],
)
def test_data_sets_that_cannot_be_read_are_one_line(dataset: Any, message: str) -> None:
    with pytest.raises(MdlError, match=message):
        from_dataset(dataset)


def test_hugging_face_data_sets() -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"x": datasets.Sequence(datasets.Value("float32")), "label": datasets.ClassLabel(2, ["no", "yes"])}
    )
    made = datasets.Dataset.from_dict({"x": [[float(i), 1.0] for i in range(20)], "label": Y}, features=features)
    data = from_dataset(made, test=made.select(range(4)), order_seed=None)
    assert (data.shared.shape, data.shared.class_names, data.labels.tolist()) == ((2,), ("no", "yes"), Y)
    with pytest.raises(MdlError, match=r"mapping of data sets .train, test."):
        from_dataset(made.train_test_split(0.2))


# Tables


def table(folder: Path, rows: int = 40) -> Any:
    pandas = pytest.importorskip("pandas")
    place = np.arange(rows)
    frame = pandas.DataFrame(
        {
            "size": place / 10,
            "colour": np.array(["red", "green", "blue"])[place % 3],
            "old": place % 4 == 0,
            "species": np.array(["cat", "dog"])[place % 2],
        }
    )
    frame.to_csv(folder / "t.csv", index=False)
    frame.to_csv(folder / "t.tsv.gz", index=False, sep="\t")
    return frame


def test_frames_and_files_give_the_same_features(tmp_path: Path) -> None:
    frame = table(tmp_path)
    pytest.importorskip("pyarrow")
    frame.to_parquet(tmp_path / "t.parquet")
    inputs = frame.drop(columns="species")
    data = from_arrays(inputs, frame["species"], inputs[:5], frame["species"][:5])
    expected = np.array([[0.3, 0, 0, 0, 1], [0.4, 1, 0, 1, 0]])  # size, old, blue, green, red
    kept = from_arrays(inputs, frame["species"], order_seed=None)
    assert np.allclose(kept.shared.inputs[3:5], expected)
    assert data.shared.class_names == ("cat", "dog")
    for name in ("t.csv", "t.tsv.gz", "t.parquet"):
        path = str(tmp_path / name)
        loaded = load(path, target="species", test=path)
        assert torch.equal(loaded.shared.inputs, data.shared.inputs)
        assert np.array_equal(loaded.labels, data.labels)
        assert loaded.test_inputs is not None
        assert loaded.test_inputs.shape == (40, 5)
        bob = load_shared(path, 2, target="species")
        assert bob.fingerprint() == loaded.shared.fingerprint()
    inputs.to_csv(tmp_path / "bob.csv", index=False)  # he has no labels at all
    assert load_shared(str(tmp_path / "bob.csv"), 2, target="species").fingerprint() == data.shared.fingerprint()


def test_categories_of_the_test_set_alone_are_zeros_and_columns_must_be_there(tmp_path: Path) -> None:
    frame = table(tmp_path)
    inputs, test = frame.drop(columns="species"), frame.drop(columns="species")[:3].replace("red", "pink")
    data = from_arrays(inputs, frame["species"], test, [*frame["species"][:3]])
    assert data.test_inputs is not None
    assert data.test_inputs[0].tolist() == [0, 1, 0, 0, 0]
    with pytest.raises(MdlError, match="no column 'colour'"):
        from_arrays(inputs, frame["species"], test.drop(columns="colour"), [*frame["species"][:3]])


def test_tables_that_cannot_be_features_are_one_line(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = table(tmp_path)
    for column, message in (
        ([None, *range(39)], "column 'new' has 1 missing"),
        (["x", None] * 20, "column 'new' has 20 missing"),
        (pandas.date_range("2020", periods=40), "of type datetime"),
        (np.arange(40) * 1j, "of type complex"),
        ([f"name {i}" for i in range(40)], "column 'new' has 40 different texts"),
    ):
        with pytest.raises(MdlError, match=message):
            from_arrays(frame.assign(new=column).drop(columns="species"), frame["species"])
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "rowless.csv").write_text("a,b\n")
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n1,2,3\n")
    (tmp_path / "shifted.csv").write_text("a,b\n1,2,3\n4,5,6\n")
    (tmp_path / "bytes.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    for name, target, message in (
        ("t.csv", None, "Name it with `target`: size, colour, old, species"),
        ("t.csv", "kind", "no column 'kind' for the labels, there are: size"),
        ("empty.csv", "a", "can't be read"),
        ("rowless.csv", "a", "no rows"),
        ("ragged.csv", "a", "can't be read"),
        ("shifted.csv", "a", "more fields than the first line"),
        ("bytes.csv", "b", "can't be read"),
        ("bad.parquet", "a", "can't be read"),
    ):
        with pytest.raises(MdlError, match=message) as caught:
            load(str(tmp_path / name), target=target)
        assert "\n" not in str(caught.value)


def test_whole_number_regression_is_refused_at_once(mdlcode: Run, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    from sklearn.datasets import load_diabetes

    load_diabetes(as_frame=True).frame.to_csv(tmp_path / "diabetes.csv", index=False)
    with pytest.raises(MdlError, match=r"214 different values among 442 labels .* bins"):
        load(str(tmp_path / "diabetes.csv"), target="target")


# Arrays in files


def test_npy_pairs_and_folders(tmp_path: Path) -> None:
    x = GENERATOR.random((20, 3))
    for name, array in (("x_train", x), ("y_train", Y), ("x_test", x[:4]), ("y_test", Y[:4])):
        np.save(tmp_path / f"{name}.npy", array)
    folder = load(str(tmp_path), View(order_seed=None))
    pair = load(str(tmp_path / "x_train.npy"), View(order_seed=None), target=str(tmp_path / "y_train.npy"))
    assert torch.equal(folder.shared.inputs, pair.shared.inputs)
    assert folder.labels.tolist() == pair.labels.tolist() == Y
    assert folder.test_labels is not None
    with pytest.raises(MdlError, match="`target`"):
        load(str(tmp_path / "x_train.npy"))
