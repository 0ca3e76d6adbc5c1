"""Files that are written whole or not at all, and folders for them."""

import io
import json
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from mdlcode.errors import MdlError, in_one_line
from mdlcode.limits import require_plain

_LARGEST_JSON = 256 << 20
_OURS = ".mdlcode"  # begins the names of locks, and of files that are not whole yet
_NOTE = f"{_OURS}.unfinished"


def write_json(path: Path, values: Any) -> None:
    """Writes a JSON file that a person can read. Raises MdlError as `write_atomically` does."""
    write_text(path, json.dumps(values, indent=1))


def read_plain_json(path: Path, finite: bool = True) -> Any:
    """The values in a JSON file of anybody's: plain ones, as `require_plain` says.

    Raises MdlError where they are not, and where the file can't be read or is larger than 256 MiB.
    """
    try:
        if (size := path.stat().st_size) > _LARGEST_JSON:
            raise MdlError(f"{path} has {size:,} bytes, over {_LARGEST_JSON:,}: it is no file of ours")
        values = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise MdlError(f"{path} is damaged: {in_one_line(error)}") from None
    require_plain(values, str(path), finite)
    return values


def read_json(path: Path) -> dict[str, Any]:
    """The mapping of plain values in a JSON file, of anybody's; raises MdlError where there is none."""
    values = read_plain_json(path)
    if not isinstance(values, dict):
        raise MdlError(f"{path} is damaged: it is no mapping")
    return values


def write_text(path: Path, text: str) -> None:
    """Writes a text file. Raises MdlError as `write_atomically` does."""
    write_atomically(path, lambda file: file.write(text.encode()))


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes a file whole or not at all: a full disk or Ctrl-C leaves what was there before.

    The file that a link points to is written, and keeps its mode; a new one gets what the umask allows. What can't be
    replaced, a device, a pipe or the output of this process, is written into.

    Raises MdlError where the folder is not there or not writable, or the disk is full.
    """
    try:
        place = Path(os.path.realpath(path))
        before = path.stat() if path.exists() else None
        if before is not None and (stream := _stream(path, before)) is not None:
            _write_into(stream, write)
        elif before is not None and not os.access(place, os.W_OK):
            raise PermissionError(0, "it is read-only")
        else:
            _replace(place, write, None if before is None else stat.S_IMODE(before.st_mode))
    except OSError as error:
        raise MdlError(f"{path} can't be written: {error.strerror or error}") from None


def _stream(path: Path, found: os.stat_result) -> int | None:
    """An open descriptor of what can't be replaced: this process's own output, a device or a pipe."""
    for own in (1, 2):  # also where it is a file, as that of `/dev/stdout > file`
        with suppress(OSError):  # closed
            if os.path.samestat(found, os.fstat(own)):
                return os.dup(own)
    return None if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode) else os.open(path, os.O_WRONLY)


def _write_into(stream: int, write: Callable[[BinaryIO], object]) -> None:
    whole = io.BytesIO()  # what writes arrays asks where it is in a file, which a pipe can't tell
    with os.fdopen(stream, "wb") as file:
        write(whole)
        if sys.stdout is not None:
            sys.stdout.flush()
        file.write(whole.getbuffer())


def _replace(place: Path, write: Callable[[BinaryIO], object], mode: int | None) -> None:
    # The name is short, whatever that of the file; 0o666 is cut by the umask.
    temporary = place.parent / f"{_OURS}-{secrets.token_hex(8)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())  # else a power cut may leave the new name with nothing in it
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, place)
    except BaseException:
        os.unlink(temporary)
        raise


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it. Raises MdlError where a file is in the way or the disk is read-only."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        kind = "a link to nothing" if folder.is_symlink() else "a file"
        raise MdlError(f"{folder} is {kind}: name a folder for `out`") from None
    except OSError as error:
        raise MdlError(f"folder {folder} can't be made: {error.strerror}") from None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes the folder, and lets nobody else in who asks so too; a process that dies leaves no lock behind.

    Raises MdlError where another command is at work in it, and where it can't be written.
    """
    make_folder(folder)
    lock = FileLock(folder / f"{_OURS}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise MdlError(f"another command writes into {folder}: wait for it, or name another `out`") from None
    except OSError as error:
        raise MdlError(f"folder {folder} can't be written: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()


def was_stopped(folder: Path, command: str) -> bool:
    """Whether work in a folder was ended before it was done, and was the same as this, whatever its text may be."""
    try:
        return (folder / _NOTE).read_text() == command
    except (OSError, ValueError):
        return False


@contextmanager
def at_work(folder: Path, command: str) -> Iterator[None]:
    """Until the work inside is done a note in the folder says which it is, so that it may go on after a kill."""
    write_text(folder / _NOTE, command)
    yield
    with suppress(OSError):
        (folder / _NOTE).unlink()


def is_scratch(path: Path) -> bool:
    """Whether a file is a lock, or the rest of a write that was killed, and holds nothing of anybody's.

    >>> is_scratch(Path("out/.mdlcode.lock")), is_scratch(Path("out/results.json"))
    (True, False)
    """
    return path.name.startswith(_OURS)
