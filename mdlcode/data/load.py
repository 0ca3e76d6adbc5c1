"""Data sets by name or path. Inputs and labels are separate readers, so that Bob opens no labels."""

import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mdlcode.archives import KEYS, npy_map, npy_reader, npz_masks, npz_readers
from mdlcode.data import folders, tables, text, tokens, vision
from mdlcode.data.arrays import as_inputs, assembled
from mdlcode.data.base import Data, Shared
from mdlcode.data.bins import Bins
from mdlcode.data.view import View
from mdlcode.errors import MdlError
from mdlcode.limits import require_memory
from mdlcode.mapped import rows_of
from mdlcode.typing import FloatArray
from mdlcode.validation import short, shown

Reader = Callable[[], Any]
Size = tuple[int, int]
_LARGEST_SIDE = 4096


@dataclass(frozen=True)
class Source:
    """Readers of one data set's parts; a set without a test set has None there."""

    inputs: Reader
    labels: Reader
    test_inputs: Reader | None = None
    test_labels: Reader | None = None
    num_classes: int | None = None
    mask: Reader | None = None  # of labels of tokens, in training and test
    test_mask: Reader | None = None
    bins: Bins | None = None


def data_root() -> Path:
    """The folder of data sets: the environment's MDLCODE_DATA, else ~/.cache/mdlcode."""
    return Path(os.environ.get("MDLCODE_DATA") or Path.home() / ".cache" / "mdlcode")


def load(
    name: str | os.PathLike[str],
    view: View | None = None,
    *,
    target: str | None = None,
    test: str | None = None,
    classes: Sequence[Any] | None = None,
    num_classes: int | None = None,
    bins: Bins | None = None,
    resize: Size | None = None,
    length: int | None = None,
) -> Data:
    """The data set of that name or path, seen through `view`.

    A path is a `.npz` file or a folder of arrays `x_train`, `y_train` (and `x_test`, `y_test`); a `.npy` file of
    inputs, with that of the labels as `target`; a CSV or Parquet file, with the labels' column as `target`; or a
    folder of images with a folder for each class, perhaps below `train` and `test` or `val`. `test` names another
    such set whose examples are the test set. Images are brought to `resize` (height, width) where it is given.
    Labels of tokens are an array (n, T) in a `.npz` with a `mask_train` of that shape (and `mask_test`). A `.txt` file
    is a text, whose characters are the labels, in sequences of `length`, as `from_text` has it.
    `classes` or `num_classes` state the classes, as in `from_arrays`, and `bins` the range and precision of targets
    that are real numbers.

    Raises MdlError for an unknown name (with the nearest one), a set that is not there (with how to
    get it), and contents that are no labelled data set.

    >>> data = load("digits", View(limit=100))
    >>> len(data), data.shared.shape, data.shared.num_classes
    (100, (1, 8, 8), 10)
    """
    if not isinstance(name, str | os.PathLike):
        raise MdlError(f"`name` is {shown(name)}: the name of a data set or a path is needed; arrays go to from_arrays")
    if not isinstance(view, View | None):
        raise MdlError(f"`view` is {shown(view)}: a View is needed, such as View(limit=100)")
    name = os.fspath(name)
    if _is_text(name, length):
        if num_classes is not None:
            raise MdlError("the classes of a text are its characters: name them all with `classes`, or none")
        held_out = None if test is None else text.read_text(Path(test))
        read = text.assembled(name, text.read_text(Path(name)), length or text.LENGTH, held_out, classes)
        return (view or View()).of(read)
    source = _source(name, target, resize)
    if test is not None:
        other = _source(test, target, resize)
        source = replace(source, test_inputs=other.inputs, test_labels=other.labels, test_mask=other.mask)
    if classes is None and num_classes is None:
        bins = bins or source.bins
        num_classes = source.num_classes if bins is None else None
    train, tested = source.inputs(), _read(source.test_inputs)
    if tables.is_frame(train):
        encoder = tables.FrameEncoder(train)
        train, tested = (encoder.features(each) if tables.is_frame(each) else each for each in (train, tested))
    test_labels = _read(source.test_labels)
    labels, mask, test_mask = source.labels(), _read(source.mask), _read(source.test_mask)
    if mask is None and tokens.are_rows(labels):
        raise MdlError(
            f"{name} has labels of tokens and no `mask_train` (n, T), True where a token has a label: both sides need"
            " it, and Bob opens no label, so save both in one .npz"
        )
    data = assembled(name, train, labels, tested, test_labels, classes, num_classes, (mask, test_mask), bins)
    return (view or View()).of(data)


def load_shared(
    name: str,
    num_classes: int,
    view: View | None = None,
    *,
    target: str | None = None,
    bins: Bins | None = None,
    resize: Size | None = None,
    length: int | None = None,
) -> Shared:
    """What Bob holds of that data set: the inputs in their order; no label is opened, of a text its size is taken.

    `target` is the labels' column, which is passed over where it is there; `bins` are those of real-valued targets.
    """
    seen = view or View()
    if _is_text(name, length):
        num_tokens = len(text.read_text(Path(name)))
        return seen.of_shared(text.blank_text(num_tokens, num_classes, length or text.LENGTH))
    source = _source(name, target, resize)
    inputs, mask = source.inputs(), _read(source.mask)
    if mask is not None:
        return seen.of_shared(tokens.shared(inputs, mask, num_classes))
    return seen.of_shared(Shared(as_inputs(inputs), num_classes, bins=bins or source.bins))


def _read(reader: Reader | None) -> Any:
    return None if reader is None else reader()


def _is_text(name: str, length: int | None) -> bool:
    """Whether the name is that of a text. Raises MdlError for a `length` of anything else."""
    if name.endswith(".txt"):
        return True
    if length is not None:
        raise MdlError(f"`length` is that of the sequences of a text, and {short(name)} is no .txt file: leave it out")
    return False


def _digits() -> Source:
    def pixels() -> Tensor:
        # 17 grey levels 0 .. 16, spread over a byte.
        return torch.from_numpy((_digits_table()[:, :-1].reshape(-1, 8, 8) * 15.9375).astype(np.uint8))

    return Source(pixels, lambda: _digits_table()[:, -1].astype(np.int64), num_classes=10)


def _digits_table() -> FloatArray:
    """Rows of 64 grey levels and a label, out of scikit-learn's file: to import its reader takes as long as torch."""
    found = find_spec("sklearn")
    assert found is not None
    assert found.origin is not None
    table: FloatArray = np.loadtxt(Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    return table


def _diabetes() -> Source:
    from sklearn.datasets import load_diabetes

    # The targets' range is that of scikit-learn's description of the set: whole numbers from 25 to 346.
    grid = Bins(low=25, high=346, precision=1)
    return Source(lambda: load_diabetes().data, lambda: load_diabetes().target, bins=grid)


def _torchvision(name: str) -> Callable[[], Source]:
    def source() -> Source:
        train, labels, test, test_labels = vision.readers(name, data_root())
        return Source(train, labels, test, test_labels, vision.NUM_CLASSES[name])

    return source


DATASETS: dict[str, Callable[[], Source]] = {
    "digits": _digits,
    "diabetes": _diabetes,
    **{name: _torchvision(name) for name in vision.NUM_CLASSES},
}


def _source(name: str, target: str | None, size: Size | None) -> Source:
    if size is not None and (len(size) != 2 or not all(1 <= side <= _LARGEST_SIDE for side in size)):
        raise MdlError(f"images can't be resized to {size}: height and width are 1 to {_LARGEST_SIDE} pixels")
    if name in DATASETS:
        stored = data_root() / f"{name}.npz"
        if not stored.is_file():
            return DATASETS[name]()
        return _arrays(npz_readers(stored), vision.NUM_CLASSES.get(name))
    path = Path(name)
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except OSError:  # a name too long for any file
        is_file = is_folder = False
    if is_folder:
        return _folder(path, size)
    if is_file and path.suffix == ".npz":
        masks = npz_masks(path)
        return replace(_arrays(npz_readers(path)), mask=masks[0], test_mask=masks[1])
    if is_file and path.suffix == ".npy":
        return _npy_pair(path, target)
    if is_file and path.name.endswith(tables.SUFFIXES):
        return Source(*tables.readers(path, target))
    near = difflib.get_close_matches(name, DATASETS, n=1)
    kinds = f"names: {', '.join(DATASETS)}; or a .npz, .npy, CSV, Parquet or .txt file, or a folder"
    hint = f"did you mean '{near[0]}'?" if near else kinds
    raise MdlError(f"no data set named '{short(name)}', and no such file or folder: {hint}")


def _arrays(parts: Sequence[Reader | None], num_classes: int | None = None) -> Source:
    inputs, labels, test_inputs, test_labels = parts
    assert inputs is not None
    assert labels is not None
    return Source(inputs, labels, test_inputs, test_labels, num_classes)


def _npy_pair(path: Path, target: str | None) -> Source:
    def labels() -> Any:
        if target is None:
            raise MdlError(f"which file holds the labels of {path}? Name it with `target`")
        return npy_reader(Path(target))()

    return Source(partial(_inputs, path), labels)


def _inputs(path: Path) -> Any:
    """The array in a file, which stays there if it is large. Raises MdlError for one that takes too much memory."""
    array = npy_map(path)
    if rows_of(array) is None:
        require_memory(2 * array.nbytes, f"array {path}")
    return array


def _folder(path: Path, size: Size | None) -> Source:
    """A folder of arrays `x_train.npy` and so on, or of images."""
    arrays = [path / f"{key}.npy" for key in KEYS]
    if arrays[0].is_file():
        tested = all(each.is_file() for each in arrays)
        readers: list[Reader] = [
            partial(_inputs, each) if each.name.startswith("x_") else npy_reader(each) for each in arrays
        ]
        return _arrays(readers if tested else [*readers[:2], None, None])
    train = path / "train" if (path / "train").is_dir() else path
    test = [path / name for name in folders.TEST_NAMES if train != path and (path / name).is_dir()]
    if not test:
        return Source(*folders.readers(train, size))
    return Source(*folders.readers(train, size), *folders.readers(test[0], size))
