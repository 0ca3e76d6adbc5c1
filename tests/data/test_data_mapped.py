"""Inputs that are mapped from a file are those that lie in memory: the same values, fingerprint and message."""

import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from mdlcode import finished, mapped
from mdlcode.codes import Prequential, Temperature
from mdlcode.data import Data, View, from_arrays, from_dataset, load, load_shared
from mdlcode.data.rounding import Rounding
from mdlcode.errors import MdlError
from mdlcode.learn import NetLearner, Steps
from mdlcode.store import Store

COUNT = 60
LABELS = np.arange(COUNT) % 3
ORDER = View(order_seed=1)
SHAPES: dict[str, tuple[tuple[int, ...], Any]] = {
    "features": ((4,), np.float32),
    "wide features": ((4,), np.float64),
    "tables": ((4,), np.int32),
    "grey images": ((6, 5), np.uint8),
    "images, channels last": ((6, 6, 3), np.uint8),
    "images, channels first": ((3, 6, 6), np.float32),
    "series": ((7, 2), np.float16),
}


def values(kind: str) -> NDArray[Any]:
    shape, dtype = SHAPES[kind]
    return np.random.default_rng(0).integers(0, 200, size=(COUNT, *shape)).astype(dtype)


def same(one: Data, other: Data) -> None:
    assert torch.equal(one.shared.inputs, other.shared.inputs)
    assert np.array_equal(one.labels, other.labels)
    assert one.shared.fingerprint() == other.shared.fingerprint()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is small enough for memory, and files are read and written in many pieces."""
    monkeypatch.setattr(mapped, "RESIDENT_BYTES", 0)
    monkeypatch.setattr(mapped, "PIECE_BYTES", 300)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with finished.using(tmp_path / "cache"):
        found = finished.in_use()
        assert found is not None
        yield found


def saved(folder: Path, inputs: NDArray[Any], labels: NDArray[Any] = LABELS) -> Path:
    np.save(folder / "x_train.npy", inputs)
    np.save(folder / "y_train.npy", labels)
    return folder


@pytest.mark.parametrize("view", [ORDER, View(order_seed=None), View(limit=20), View(limit=20, order_seed=None)])
@pytest.mark.parametrize("kind", SHAPES)
def test_mapped_inputs_are_those_in_memory(
    kind: str, view: View, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resident = load(saved(tmp_path, values(kind)), view)
    assert mapped.place_of(resident.shared.inputs) is None
    monkeypatch.setattr(mapped, "RESIDENT_BYTES", 0)
    monkeypatch.setattr(mapped, "PIECE_BYTES", 300)
    found = load(tmp_path, view)
    assert mapped.place_of(found.shared.inputs) is not None
    same(found, resident)
    same(load(tmp_path / "x_train.npy", view, target=str(tmp_path / "y_train.npy")), resident)
    if view.limit is None:
        array = np.load(tmp_path / "x_train.npy", mmap_mode="r")
        same(from_arrays(array, LABELS, order_seed=view.order_seed), resident)
    (tmp_path / "y_train.npy").unlink()  # Bob has no labels
    assert load_shared(str(tmp_path), 3, view).fingerprint() == resident.shared.fingerprint()
    assert np.array_equal(np.load(tmp_path / "x_train.npy"), values(kind))


@pytest.mark.usefixtures("small")
def test_a_message_is_the_same_from_mapped_inputs(digits: Data, tmp_path: Path) -> None:
    """Trained nets, calibrated predictions, and Bob's decoding, to the bit."""
    code = Prequential(
        (NetLearner(arch="mlp-1x8", training=Steps(min_steps=20, max_steps=20)),), calibration=Temperature()
    )
    np.save(tmp_path / "x.npy", digits.shared.inputs.numpy())
    found = from_arrays(np.load(tmp_path / "x.npy", mmap_mode="r"), digits.labels, num_classes=10)
    resident = from_arrays(digits.shared.inputs, digits.labels, num_classes=10)
    assert mapped.place_of(found.shared.inputs) is not None
    message = code.encode(found)
    assert message == code.encode(resident)
    assert np.array_equal(code.decode(found.shared, message), resident.labels)


@pytest.mark.usefixtures("small")
def test_an_order_is_written_to_the_cache_once(tmp_path: Path, store: Store) -> None:
    saved(tmp_path, values("features"))
    first = load(tmp_path, ORDER)
    [entry] = store.entries()
    place = mapped.place_of(first.shared.inputs)
    assert place is not None
    assert Path(place.path) == entry.path
    written = entry.path.stat().st_ino
    same(load(tmp_path, ORDER), first)
    assert entry.path.stat().st_ino == written
    entry.path.write_bytes(entry.path.read_bytes()[:-1] + b"?")
    with pytest.warns(UserWarning, match="damaged and done again: its checksum is another"):
        again = load(tmp_path, ORDER)
    assert entry.path.stat().st_ino != written
    same(again, load(tmp_path, View(order_seed=1)))
    assert len(store.entries()) == 1


@pytest.mark.usefixtures("small")
def test_without_a_cache_a_temporary_file_goes_with_the_inputs(tmp_path: Path) -> None:
    data = load(saved(tmp_path, values("features")), ORDER)
    place = mapped.place_of(data.shared.inputs)
    assert place is not None
    assert Path(place.path).is_file()
    del data
    assert not Path(place.path).exists()


@pytest.mark.usefixtures("small")
def test_other_processes_are_told_where_inputs_lie(tmp_path: Path) -> None:
    big = np.random.default_rng(0).random((COUNT, 5000), dtype=np.float32)
    data = load(saved(tmp_path, big), ORDER)
    packed = pickle.dumps(data)
    assert len(packed) < big.nbytes / 10
    same(pickle.loads(packed), data)
    del data
    with pytest.raises(MdlError, match=r"the inputs in .* can't be read any more: .*No such file"):
        pickle.loads(packed)


@pytest.mark.usefixtures("small")
def test_files_that_are_no_inputs_are_refused(tmp_path: Path) -> None:
    def refused(inputs: NDArray[Any], match: str, labels: NDArray[Any] = LABELS) -> None:
        with pytest.raises(MdlError, match=match):
            load(saved(tmp_path, inputs, labels), ORDER)

    bad = values("features")
    bad[-1, -1] = np.nan
    refused(bad, "NaN or infinite")
    refused(values("features"), "60 inputs but 59 labels", LABELS[1:])
    refused(np.array([{"a": 1}] * COUNT), r"x_train\.npy is no readable \.npy file of a plain array")
    refused(values("features").astype(complex), "complex numbers")
    refused(np.array([["a", "b"]] * COUNT), "no array of numbers")
    saved(tmp_path, values("features"))
    whole = (tmp_path / "x_train.npy").read_bytes()
    for cut in (whole[:-8], whole[:40], b"", b"text"):
        (tmp_path / "x_train.npy").write_bytes(cut)
        with pytest.raises(MdlError, match=r"no readable \.npy file"):
            load(tmp_path, ORDER)
    with (tmp_path / "x_train.npy").open("wb") as file:
        np.savez(file, values("features"))
    with pytest.raises(MdlError, match=r"an archive of arrays: name it \.npz"):
        load(tmp_path, ORDER)


@pytest.mark.usefixtures("small")
def test_no_room_for_inputs(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path, values("features"))
    store.set_limit(100)
    with pytest.raises(MdlError, match=r"the inputs take .* over its limit of 1e-07 GB: .* `mdlcode cache`"):
        load(tmp_path, ORDER)
    store.set_limit(10**6)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
        with pytest.raises(MdlError, match=r"whose disk has 1e-08 GB left: name another folder"):
            load(tmp_path, ORDER)
    assert not store.entries()
    same(load(tmp_path, View(order_seed=None)), load(tmp_path, View(order_seed=None)))  # needs no room
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with finished.using(None), pytest.raises(MdlError, match=r"can't be written to .*nowhere.*TMPDIR"):
        load(tmp_path, ORDER)


class Counted(torch.utils.data.Dataset[tuple[Any, int]]):
    """Examples that know how often they were read."""

    def __init__(self, inputs: NDArray[Any]) -> None:
        self.inputs, self.read = inputs, np.zeros(len(inputs), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, place: int) -> tuple[Any, int]:
        self.read[place] += 1
        return self.inputs[place], int(LABELS[place])


@pytest.mark.parametrize("kind", SHAPES)
def test_a_torch_dataset_is_read_once(kind: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    resident, dataset = from_dataset(Counted(values(kind))), Counted(values(kind))
    monkeypatch.setattr(mapped, "RESIDENT_BYTES", 0)
    monkeypatch.setattr(mapped, "PIECE_BYTES", 300)
    found = from_dataset(dataset, test=Counted(values(kind)))
    assert dataset.read.tolist() == [1] * COUNT
    same(found, resident)
    assert found.test_inputs is not None
    assert mapped.place_of(found.test_inputs) is not None
    assert found.test_labels is not None
    assert np.array_equal(found.test_labels, LABELS)
    kept = len(store.entries())
    from_dataset(Counted(values(kind)), test=Counted(values(kind)))
    assert len(store.entries()) == kept == 2  # as they came, and in order; those of the test set are the first


@pytest.mark.usefixtures("small")
def test_examples_that_do_not_go_together() -> None:
    with pytest.raises(MdlError, match=r"inputs differ in shape \(\(2,\) and \(3,\)\)"):
        from_dataset([(np.zeros(2), 0), (np.zeros(3), 1)])
    with pytest.raises(MdlError, match=r"inputs differ in type \(int64 and float64\)"):
        from_dataset([(np.zeros(2, dtype=np.int64), 0), (np.zeros(2), 1)])


def test_parquet_files_of_numbers_are_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"a": np.arange(COUNT) / 7, "b": np.arange(COUNT), "c": LABELS == 1, "y": LABELS})
    path = tmp_path / "table.parquet"
    frame.to_parquet(path, row_group_size=25)
    resident = load(path, ORDER, target="y")
    monkeypatch.setattr(mapped, "RESIDENT_BYTES", 0)
    monkeypatch.setattr(mapped, "PIECE_BYTES", 300)
    found = load(path, ORDER, target="y", test=str(path))
    assert mapped.place_of(found.shared.inputs) is not None
    same(found, resident)
    assert load_shared(str(path), 3, ORDER, target="y").fingerprint() == resident.shared.fingerprint()
    frame.loc[50, "a"] = np.nan
    frame.to_parquet(path)
    with pytest.raises(MdlError, match="column 'a' has 1 missing values"):
        load(path, ORDER, target="y")


@pytest.mark.usefixtures("small")
def test_zarr_arrays_are_mapped(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(tmp_path / "x.zarr", data=values("wide features"), chunks=(7, 4))
    found = from_arrays(array, LABELS)
    assert mapped.place_of(found.shared.inputs) is not None
    same(found, from_arrays(values("wide features"), LABELS))


def test_rounding_in_pieces_is_that_of_all() -> None:
    """Times in seconds that rise slowly: within a piece they look alike in float32, and all together they do not."""
    times = 1.7e9 + np.arange(0, 10**6, 1000.0)[:, None]
    together, pieces = Rounding(), Rounding()
    whole = together.of(times)
    together.check()
    assert np.array_equal(np.concatenate([pieces.of(part) for part in np.array_split(times, 100)]), whole)
    pieces.check()
    assert np.allclose(pieces._squares, together._squares, rtol=1e-12)
    for part in np.array_split(1.7e9 + np.arange(100.0)[:, None], 7):
        pieces = pieces if part[0, 0] > 1.7e9 else Rounding()
        pieces.of(part)
    with pytest.raises(MdlError, match=r"feature 0 apart \(around 1700000000, deviation 28\.9\)"):
        pieces.check()


@pytest.mark.usefixtures("small")
def test_a_temporary_file_stays_as_long_as_a_part_of_it() -> None:
    whole = from_dataset(Counted(values("features")), order_seed=None)
    part = View(limit=20, order_seed=None).of(whole)
    del whole
    assert torch.equal(pickle.loads(pickle.dumps(part)).shared.inputs, torch.from_numpy(values("features")[:20]))
