"""numpy's files: `.npz` archives, and `.npy` arrays one by one."""

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdlcode.errors import MdlError, in_one_line
from mdlcode.limits import require_memory

Reader = Callable[[], Any]
KEYS = ("x_train", "y_train", "x_test", "y_test")
_BROKEN = (ValueError, OSError, EOFError, KeyError, MemoryError, NotImplementedError, zipfile.BadZipFile, zlib.error)


def npz_readers(path: Path) -> list[Reader | None]:
    """Readers of `x_train`, `y_train`, `x_test`, `y_test`, None for a part that the file has not got.

    Each array is read on its own: a receiver who wants `x_train` never opens `y_train`. Raises MdlError for what
    is no archive of plain arrays (nothing is ever unpickled), for a damaged one, and for arrays whose header claims
    more than the file holds.
    """
    names = _names(path)
    tested = {"x_test", "y_test"} <= names
    return [_reader(path, key, names) if tested or key.endswith("train") else None for key in KEYS]


def npz_masks(path: Path) -> list[Reader | None]:
    """Readers of `mask_train` and `mask_test`, as `npz_readers` has them; None for one that is not there."""
    names = _names(path)
    return [_reader(path, key, names) if key in names else None for key in ("mask_train", "mask_test")]


def _names(path: Path) -> set[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile):
        raise MdlError(f"{path} is no readable .npz file: write it with numpy.savez") from None


def _reader(path: Path, key: str, names: set[str]) -> Reader:
    def read() -> Any:
        if key not in names:
            raise MdlError(f"{path} has no array '{key}': x_train and y_train are needed")
        try:
            _check_size(path, f"{key}.npy")
            with np.load(path, allow_pickle=False) as arrays:
                return arrays[key]
        except _BROKEN as error:
            raise MdlError(f"{path} is no readable .npz of plain arrays: {in_one_line(error)}") from None

    return read


def npz_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an archive by name. Raises MdlError as the readers do, before more is read than memory holds."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                _check_size(path, name)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except _BROKEN as error:
        raise MdlError(f"{path} can't be read: {in_one_line(error)}") from None


def npy_reader(path: Path) -> Reader:
    """A reader of one array. It raises MdlError as `npy_map` does, and for one that takes too much memory."""

    def read() -> Any:
        array = np.asarray(npy_map(path))
        require_memory(2 * array.nbytes, f"array {path}")
        return array

    return read


def npy_map(path: Path) -> "np.memmap[Any, Any]":
    """The array of a file, which stays there. Raises MdlError for what is no plain array, is damaged or not there."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except _BROKEN as error:
        raise MdlError(f"{path} is no readable .npy file of a plain array: {in_one_line(error)}") from None
    if not isinstance(found, np.memmap):
        raise MdlError(f"{path} is no .npy file, but an archive of arrays: name it .npz")
    return found


def _check_size(path: Path, member: str) -> None:
    """Raises ValueError for a member whose header claims another number of bytes than are there."""
    with zipfile.ZipFile(path) as archive, archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(file)
        claimed = float(np.prod(shape, dtype=float)) * dtype.itemsize
        if not dtype.hasobject and claimed > archive.getinfo(member).file_size:
            raise ValueError(f"array {member} claims shape {shape}, and the file is far shorter")
        require_memory(2 * claimed, f"array {member} of {path}")
