"""A folder of finished work: values under the hashes of what they were made from."""

import hashlib
import io
import os
import secrets
import shutil
import stat
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from mdlcode.errors import MdlError, in_one_line
from mdlcode.files import is_scratch, write_atomically

DEFAULT_LIMIT_BYTES = 5 * 10**9
_LIMIT_FILE = "limit"
_OTHER = "its checksum is another"
_CHECKSUM_BYTES = 32  # of SHA-256, with which every file begins
ARRAY_START_BYTES = 64  # of an array's file; the numbers come then, in step with the processor's caches
_SHARE_BETWEEN_LOOKS = 0.02  # of the limit, written by one process before it looks at the size of all again
_SHARE_LEFT = 0.9  # of the limit, once something had to go
_DEAD_SECONDS = 3600.0  # what was begun to be written so long ago is left of a process that was killed


@dataclass(frozen=True)
class Entry:
    """One piece of finished work on disk."""

    path: Path
    size_bytes: int
    used_seconds: float  # when it was last written or read, of the clock


class Store:
    """A folder of finished work. Many processes may read and write it at once.

    A value is made of dicts, lists, texts, numbers and tensors. It is written aside and renamed, with a checksum, and
    read without unpickling anything else. A file of another user is passed over.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     store = Store(Path(folder))
    ...     store.keep("0f", {"accuracy": 0.5}), store.find("0f"), store.find("a0"), len(store.entries())
    (None, {'accuracy': 0.5}, None, 1)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._written_bytes: float | None = None  # since the size of all was looked at
        self._writable = True

    @property
    def limit_bytes(self) -> int:
        """How large all entries together may be: 5 GB, or what was said by `set_limit`."""
        try:
            return int((self.folder / _LIMIT_FILE).read_text())
        except (OSError, ValueError):
            return DEFAULT_LIMIT_BYTES

    def set_limit(self, limit_bytes: int) -> None:
        """Says how large all entries together may be, from now on, and drops those that are too many."""
        write_atomically(self.folder / _LIMIT_FILE, lambda file: file.write(str(limit_bytes).encode()))
        self.trim()

    def has(self, key: str) -> bool:
        """Whether there is a value under a key, damaged or not."""
        return self._path(key).is_file()

    def find(self, key: str) -> Any:
        """The value under a key, None where there is none; one that is damaged goes, with a warning."""
        path = self._path(key)
        try:
            content = _own_bytes(path)
        except OSError:
            return None
        payload = content[_CHECKSUM_BYTES:]
        try:
            if hashlib.sha256(payload).digest() != content[:_CHECKSUM_BYTES]:
                raise ValueError(_OTHER)
            value = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
        except Exception as error:  # what torch reads may fail in any way
            _drop_damaged(path, in_one_line(error))
            return None
        with suppress(OSError):
            os.utime(path)  # used last
        return value

    def keep(self, key: str, value: Any) -> None:
        """Writes a value. Where that can't be done, a warning says so once, and nothing is kept from there on."""
        if not self._writable:
            return
        payload = io.BytesIO()
        torch.save(value, payload)
        content = hashlib.sha256(payload.getbuffer()).digest() + payload.getvalue()
        if len(content) > self.limit_bytes:
            return
        try:
            self._path(key).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomically(self._path(key), lambda file: file.write(content))
        except (OSError, MdlError) as error:
            self._writable = False
            warnings.warn(f"finished work is not kept from here on: {in_one_line(error)}", stacklevel=2)
            return
        if self._written_bytes is None or self._written_bytes > _SHARE_BETWEEN_LOOKS * self.limit_bytes:
            self.trim()
        self._written_bytes = (self._written_bytes or 0) + len(content)

    def find_array(self, key: str) -> Path | None:
        """The file of an array under a key, None where there is none; one that is damaged goes, with a warning."""
        path = self._path(key)
        try:
            with _own_file(path) as file:
                checksum = file.read(ARRAY_START_BYTES)[:_CHECKSUM_BYTES]
                whole = checksum == hashlib.file_digest(file, "sha256").digest()
        except OSError:
            return None
        if not whole:
            _drop_damaged(path, _OTHER)
            return None
        with suppress(OSError):
            os.utime(path)
        return path

    def keep_array(self, key: str | None, num_bytes: int, pieces: Iterable[NDArray[Any]]) -> Path:
        """The file of an array that is written piece by piece, under a key or else under its checksum.

        Raises MdlError where it takes more than the limit or than the disk has, and where it can't be written.
        """
        path = self._path(key or secrets.token_hex(_CHECKSUM_BYTES))
        what = f"the inputs take {_gigabytes(num_bytes)} in the cache {self.folder}"
        if num_bytes > self.limit_bytes:
            most = _gigabytes(self.limit_bytes)
            raise MdlError(f"{what}, over its limit of {most}: allow more with `mdlcode cache`")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if num_bytes > (free := shutil.disk_usage(path.parent).free):
                raise MdlError(f"{what}, whose disk has {_gigabytes(free)} left: name another folder with `cache`")
        except OSError as error:
            raise MdlError(f"the inputs can't be kept in the cache: {in_one_line(error)}") from None
        write_atomically(path, lambda file: write_array(file, pieces))
        if key is None:
            with path.open("rb") as file:
                named = self._path(file.read(_CHECKSUM_BYTES).hex())
            named.parent.mkdir(exist_ok=True, mode=0o700)
            path = path.replace(named)
        self.trim()
        return path

    def drop(self, key: str) -> None:
        """Drops what is kept under a key, if anything."""
        with suppress(OSError):
            self._path(key).unlink()

    def entries(self) -> list[Entry]:
        """All that is kept, the least recently used first."""
        found = []
        for path in self.folder.glob("??/*"):
            with suppress(OSError):  # gone meanwhile
                status = path.lstat()
                if is_scratch(path):
                    _drop_dead(path, status)
                elif stat.S_ISREG(status.st_mode):
                    found.append(Entry(path, status.st_size, status.st_mtime))
        return sorted(found, key=lambda each: (each.used_seconds, each.path))

    def trim(self, limit_bytes: int | None = None) -> None:
        """Drops what was least recently used, where all together are larger than the limit."""
        limit = self.limit_bytes if limit_bytes is None else limit_bytes
        self._written_bytes = 0
        entries = self.entries()
        size = sum(each.size_bytes for each in entries)
        if size <= limit:
            return
        for each in entries:
            if size <= _SHARE_LEFT * limit:
                return
            with suppress(OSError):
                each.path.unlink()
            size -= each.size_bytes

    def clear(self) -> None:
        """Drops everything."""
        for each in self.folder.glob("??"):
            shutil.rmtree(each, ignore_errors=True)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key


def _own_bytes(path: Path) -> bytes:
    """All bytes of a file of this user's. Raises OSError as `_own_file` does."""
    with _own_file(path) as file:
        return file.read()


@contextmanager
def _own_file(path: Path) -> Iterator[io.BufferedReader]:
    """A file of this user's, to be read. Raises OSError where there is none, and for what is no plain file."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if not (stat.S_ISREG(status.st_mode) and is_own(status)):
            raise PermissionError(0, "it is no file of this user's")
        yield file


def write_array(file: BinaryIO, pieces: Iterable[NDArray[Any]]) -> None:
    """Writes the numbers of all pieces from `ARRAY_START_BYTES` on, and before them their checksum."""
    digest = hashlib.sha256()
    file.write(bytes(ARRAY_START_BYTES))
    for piece in pieces:
        raw = np.ascontiguousarray(piece).reshape(-1).view(np.uint8).data
        digest.update(raw)
        file.write(raw)
    file.seek(0)
    file.write(digest.digest())


def _gigabytes(num_bytes: int) -> str:
    return f"{num_bytes / 10**9:,.3g} GB"


def _drop_damaged(path: Path, why: str) -> None:
    warnings.warn(f"finished work in {path} is damaged and done again: {why}", stacklevel=3)
    with suppress(OSError):
        path.unlink()


def is_own(status: os.stat_result) -> bool:
    """Whether a file or folder belongs to the user of this process."""
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def _drop_dead(path: Path, status: os.stat_result) -> None:
    if time.time() - status.st_mtime > _DEAD_SECONDS:
        path.unlink()
