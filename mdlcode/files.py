"""Files that are written whole or not at all."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from mdlcode.errors import MdlError


def write_json(path: Path, values: Any) -> None:
    """Writes a JSON file that a person can read. Raises MdlError as `write_atomically` does."""
    write_text(path, json.dumps(values, indent=1))


def write_text(path: Path, text: str) -> None:
    """Writes a text file. Raises MdlError as `write_atomically` does."""
    write_atomically(path, lambda file: file.write(text.encode()))


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes a file whole or not at all: a full disk or Ctrl-C leaves what was there before.

    Raises MdlError where the folder is not there or not writable, or the disk is full.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise MdlError(f"{path} can't be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError):
            raise MdlError(f"{path} can't be written: {error.strerror}") from None
        raise
