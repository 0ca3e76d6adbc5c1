"""Data sets by name or path. Inputs and labels are separate readers, so that Bob opens no labels."""

import difflib
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mdlcode.data import images
from mdlcode.data.base import Data, Shared, as_inputs, as_labels, count_classes
from mdlcode.data.view import View
from mdlcode.errors import MdlError

Reader = Callable[[], Any]


@dataclass(frozen=True)
class Source:
    """Readers of one data set's parts; a set without a test set has None there."""

    inputs: Reader
    labels: Reader
    test_inputs: Reader | None = None
    test_labels: Reader | None = None
    num_classes: int | None = None


def data_root() -> Path:
    """The folder of data sets: the environment's MDLCODE_DATA, else ~/.cache/mdlcode."""
    return Path(os.environ.get("MDLCODE_DATA") or Path.home() / ".cache" / "mdlcode")


def load(name: str, view: View | None = None) -> Data:
    """The data set of that name or path (`.npz` file, image folder), seen through `view`.

    Raises MdlError for an unknown name (with the nearest one), a set that is not there (with how to
    get it), and contents that are no labelled data set.

    >>> data = load("digits", View(limit=100))
    >>> len(data), data.shared.shape, data.shared.num_classes
    (100, (1, 8, 8), 10)
    """
    source = _source(name)
    labels = as_labels(source.labels())
    test_inputs = None if source.test_inputs is None else as_inputs(source.test_inputs())
    test_labels = None if source.test_labels is None else as_labels(source.test_labels())
    num_classes = source.num_classes or count_classes(labels, test_labels)
    shared = Shared(as_inputs(source.inputs()), num_classes)
    return (view or View()).of(Data(name, shared, labels, test_inputs, test_labels))


def load_shared(name: str, num_classes: int, view: View | None = None) -> Shared:
    """What Bob holds of that data set: the inputs in their order; no label is opened."""
    return (view or View()).of_shared(Shared(as_inputs(_source(name).inputs()), num_classes))


def _digits() -> Source:
    from sklearn.datasets import load_digits

    def pixels() -> Tensor:
        # 17 grey levels 0 .. 16, spread over a byte.
        return torch.from_numpy((load_digits().images * 15.9375).astype(np.uint8))

    return Source(pixels, lambda: load_digits().target, num_classes=10)


def _torchvision(name: str) -> Callable[[], Source]:
    def source() -> Source:
        train, labels, test, test_labels = images.readers(name, data_root())
        return Source(train, labels, test, test_labels, images.NUM_CLASSES[name])

    return source


DATASETS: dict[str, Callable[[], Source]] = {
    "digits": _digits,
    **{name: _torchvision(name) for name in images.NUM_CLASSES},
}


def _source(name: str) -> Source:
    path = Path(name)
    if name in DATASETS:
        stored = data_root() / f"{name}.npz"
        return _npz(stored, images.NUM_CLASSES.get(name)) if stored.is_file() else DATASETS[name]()
    if path.suffix == ".npz" and path.is_file():
        return _npz(path)
    if path.is_dir():
        return _folder(path)
    near = difflib.get_close_matches(name, DATASETS, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"names: {', '.join(DATASETS)}; or a .npz or folder"
    raise MdlError(f"no data set named '{name}', and no such file or folder: {hint}")


def _folder(path: Path) -> Source:
    train = path / "train" if (path / "train").is_dir() else path
    if train == path or not (path / "test").is_dir():
        return Source(*images.folder_readers(train, train))
    return Source(*images.folder_readers(train, train), *images.folder_readers(path / "test", train))


def _npz(path: Path, num_classes: int | None = None) -> Source:
    def reader(key: str) -> Reader:
        def read() -> Any:
            # Each key is read on its own: a receiver that wants x_train never opens y_train.
            try:
                with np.load(path, allow_pickle=False) as arrays:
                    return arrays[key]
            except KeyError:
                raise MdlError(f"{path} has no array '{key}': x_train and y_train are needed") from None
            except (ValueError, OSError, EOFError) as error:
                raise MdlError(f"{path} is no readable .npz of plain arrays: {error}") from None

        return read

    if not zipfile.is_zipfile(path):
        raise MdlError(f"{path} is no readable .npz file: write it with numpy.savez")
    with np.load(path, allow_pickle=False) as arrays:
        tested = {"x_test", "y_test"} <= set(arrays.files)
    train = reader("x_train"), reader("y_train")
    if not tested:
        return Source(*train, num_classes=num_classes)
    return Source(*train, reader("x_test"), reader("y_test"), num_classes)
