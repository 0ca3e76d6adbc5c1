"""Inputs that lie in a file and are mapped into memory: the system reads their pages as they are looked at.

Such a tensor is like any other. Its pages are no memory of this process, since the system may drop them at any time.
What must be brought into another order or type first is written to a file once, piece by piece: into the folder of
finished work, where one is in use, and else into a temporary file, which goes with the tensor.
"""

import os
import tempfile
import warnings
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mdlcode.errors import MdlError, in_one_line
from mdlcode.finished import digest, in_use
from mdlcode.store import ARRAY_START_BYTES, write_array
from mdlcode.typing import IntArray

RESIDENT_BYTES = 1 << 30  # inputs that take no more are read into memory
PIECE_BYTES = 1 << 26  # of what goes from one file to another at once


class Rows(ABC):
    """An array too large for memory, which is read from its first row to its last."""

    shape: tuple[int, ...]

    @abstractmethod
    def first(self) -> NDArray[Any]:
        """The first row (1, ...)."""

    @abstractmethod
    def pieces(self) -> Iterator[NDArray[Any]]:
        """All rows, some at a time (m, ...)."""


class Sliced(Rows):
    """Rows of an array in files that gives slices of itself: numpy's memory maps and Zarr's arrays."""

    def __init__(self, array: Any) -> None:
        self.array, self.shape = array, tuple(array.shape)

    def first(self) -> NDArray[Any]:
        """As of `Rows`."""
        return np.asarray(self.array[:1])

    def pieces(self) -> Iterator[NDArray[Any]]:
        """As of `Rows`."""
        row_bytes = size_bytes(self.shape[1:], self.array.dtype)
        return (np.asarray(self.array[part]) for part in parts(self.shape[0], row_bytes))


@dataclass(frozen=True)
class Place:
    """Where the numbers of a tensor lie: in a file from a byte on."""

    path: str
    start_bytes: int
    dtype: str
    shape: tuple[int, ...]

    def opened(self) -> Tensor:
        """The mapped tensor. Raises MdlError where the file is not there or too short."""
        where: Any = {"dtype": self.dtype, "offset": self.start_bytes, "shape": self.shape}
        try:
            try:
                array = np.memmap(self.path, mode="c", **where)  # what somebody writes into it is his alone
            except OSError:  # more than memory and swap could hold
                array = np.memmap(self.path, mode="r", **where)
        except (OSError, ValueError) as error:
            raise MdlError(f"the inputs in {self.path} can't be read any more: {in_one_line(error)}") from None
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            tensor = torch.from_numpy(array)
        tensor.mapped_place = self  # type: ignore[attr-defined]
        return tensor


def place_of(inputs: object) -> Place | None:
    """Where a tensor is mapped from; None for one in memory, and for a part of one that is mapped."""
    return getattr(inputs, "mapped_place", None)


def by_place(state: Mapping[str, Any]) -> dict[str, Any]:
    """The members of an object that goes to other processes: of mapped tensors where they lie."""
    return {name: place_of(each) or each for name, each in state.items()}


def opened(state: Mapping[str, Any]) -> dict[str, Any]:
    """The members again, mapped here."""
    return {name: each.opened() if isinstance(each, Place) else each for name, each in state.items()}


def rows_of(values: Any) -> Rows | None:
    """Values that are an array in files and are not to be read into memory; None for all others."""
    if isinstance(values, Rows):
        return values
    in_files = isinstance(values, np.memmap) or (
        not isinstance(values, np.ndarray | Tensor)
        and all(hasattr(values, name) for name in ("shape", "dtype", "chunks"))
    )
    if not in_files or not values.shape or not is_large(size_bytes(values.shape, values.dtype)):
        return None
    return Sliced(values)


def mapped(rows: Rows, arranged: Callable[[NDArray[Any]], NDArray[Any]], check: Callable[[], None]) -> Tensor:
    """The rows as `arranged` gives them, as a mapped tensor; `check` is called when all were read.

    A memory map whose rows stay as they are is opened where it lies.
    """
    raw = rows.first()
    first = arranged(raw)
    shape = (rows.shape[0], *first.shape[1:])
    if first.dtype == raw.dtype and first.flags.c_contiguous and np.shares_memory(first, raw):
        place = _place(rows.array) if isinstance(rows, Sliced) else None
        if place is not None:
            return Place(*place, first.dtype.str, shape).opened()

    def pieces() -> Iterator[NDArray[Any]]:
        yield from map(arranged, rows.pieces())
        check()

    return _kept(None, shape, first.dtype, pieces())


def taken(inputs: Tensor, order: IntArray) -> Tensor:
    """The inputs of these numbers, in that order: in memory, unless they are mapped and large."""
    place = place_of(inputs)
    if place is not None and np.array_equal(order, np.arange(len(order))):
        first = replace(place, shape=(len(order), *place.shape[1:])).opened()
        first.mapped_whole = inputs  # type: ignore[attr-defined]  # whose file may go with it
        return first
    array = inputs.numpy() if place is not None else np.zeros(0)
    row_bytes = size_bytes(array.shape[1:], array.dtype)
    if place is None or not is_large(len(order) * row_bytes):
        return inputs[torch.from_numpy(order)]
    key = None if in_use() is None else digest(array, order)
    pieces = (array[order[part]] for part in parts(len(order), row_bytes))
    return _kept(key, (len(order), *array.shape[1:]), array.dtype, pieces)


def parts(count: int, row_bytes: int) -> Iterator[slice]:
    """So many rows in slices of at most 64 MiB, or of one row.

    >>> list(parts(5, 1 << 25))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = rows_at_once(row_bytes)
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def rows_at_once(row_bytes: int) -> int:
    """How many rows of so many bytes go from one file to another at once.

    >>> rows_at_once(1 << 20), rows_at_once(1 << 30)
    (64, 1)
    """
    return max(1, PIECE_BYTES // max(1, row_bytes))


def is_large(num_bytes: int) -> bool:
    """Whether inputs that take so many bytes are mapped, and not read into memory.

    >>> is_large(10**9), is_large(10**10)
    (False, True)
    """
    return num_bytes > RESIDENT_BYTES


def size_bytes(shape: tuple[int, ...], dtype: Any) -> int:
    """What an array of this shape takes.

    >>> size_bytes((10, 3), np.dtype("float32"))
    120
    """
    return int(np.prod(shape, dtype=np.int64)) * int(np.dtype(dtype).itemsize)


def _kept(key: str | None, shape: tuple[int, ...], dtype: Any, pieces: Iterable[NDArray[Any]]) -> Tensor:
    """The pieces as one mapped tensor; nothing is made of them where there is a file under the key."""
    store = in_use()
    path = None if store is None or key is None else store.find_array(key)
    if store is not None and path is None:
        path = store.keep_array(key, size_bytes(shape, dtype), pieces)
    temporary = _temporary(pieces) if path is None else None
    tensor = Place(str(path or temporary), ARRAY_START_BYTES, np.dtype(dtype).str, shape).opened()
    if temporary is not None:
        weakref.finalize(tensor, _drop, temporary)
    return tensor


def _temporary(pieces: Iterable[NDArray[Any]]) -> Path:
    """A new file of the pieces. Raises MdlError where it can't be written."""
    try:
        descriptor, name = tempfile.mkstemp(prefix="mdlcode-", suffix=".inputs")
        try:
            with os.fdopen(descriptor, "wb") as file:
                write_array(file, pieces)
        except BaseException:
            _drop(Path(name))
            raise
    except OSError as error:
        folder = tempfile.gettempdir()
        raise MdlError(
            f"the inputs can't be written to {folder}: {error.strerror or error}; TMPDIR names another folder"
        ) from None
    return Path(name)


def _drop(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _place(array: Any) -> tuple[str, int] | None:
    """File and first byte of a memory map of all that lies there one after the other; None for any other array."""
    root = array
    while isinstance(root, np.memmap) and isinstance(root.base, np.memmap):
        root = root.base
    if not isinstance(root, np.memmap) or root.filename is None or root.mode == "c" or not array.flags.c_contiguous:
        return None
    into = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    return str(root.filename), int(root.offset + into)
