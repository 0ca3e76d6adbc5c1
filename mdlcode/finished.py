"""Finished work, kept by what it is made from, so that nothing is trained twice: also after a command was killed.

What a pure function returned lies under a hash of the function, its settings, all that it reads, the source of this
library, the versions of others, and the environment. Which folder is in use stands in the environment variable
MDLCODE_CACHE, so that processes that are started have it too. A receiver has none: he must do the work himself.
"""

import hashlib
import json
import os
import platform
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mdlcode.config import to_config
from mdlcode.environment import Environment
from mdlcode.errors import MdlError
from mdlcode.progress import advance
from mdlcode.store import Store, is_own
from mdlcode.trust import imported, names

T = TypeVar("T")
VARIABLE = "MDLCODE_CACHE"
WORTH_SECONDS = 0.05  # what is done faster is done again
# Packages beside those of `Environment` that numbers depend on, and variables that choose their kernels.
_PACKAGES = ("scipy", "pyro-ppl", "torchvision")
_VARIABLES = ("MKL_CBWR", "ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "CUBLAS_WORKSPACE_CONFIG")
_VERSIONED = ("torch", "torchvision", "sklearn")  # what is imported of these is known by their versions


def default_folder() -> Path:
    """Where finished work is kept: the environment's MDLCODE_CACHE, else `mdlcode/finished` in the user's cache."""
    own = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get(VARIABLE) or Path(own) / "mdlcode" / "finished")


def in_use() -> Store | None:
    """The store in use; None where there is none, or it can't be used, of which a warning says why, once."""
    folder = os.environ.get(VARIABLE)
    return _opened(folder) if folder else None


def choose(folder: Path | None, off: bool) -> None:
    """Sets for this process, and those it starts, where finished work is kept, as a command is told.

    That is `folder`, else where the environment says, else the user's cache; nowhere where it is `off`.
    """
    if off:
        os.environ[VARIABLE] = ""
    elif folder is not None:
        os.environ[VARIABLE] = str(folder.expanduser().absolute())
    else:
        os.environ.setdefault(VARIABLE, str(default_folder()))


@contextmanager
def using(folder: Path | None) -> Iterator[None]:
    """Finished work inside is kept in `folder` and taken from there; with None nothing is."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "" if folder is None else str(folder.expanduser().absolute())
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


@contextmanager
def cached(folder: str | Path | None = None) -> Iterator[None]:
    """Trainings inside are kept in `folder`, by default the user's cache, and none that is there is done again.

    >>> from tempfile import TemporaryDirectory
    >>> from mdlcode import View, load, preset
    >>> data = load("digits", View(limit=60))
    >>> with TemporaryDirectory() as folder, cached(folder):
    ...     first = preset("prequential").measure(data).codelength.total_bits
    ...     first == preset("prequential").measure(data).codelength.total_bits  # trains nothing
    True
    """
    with using(default_folder() if folder is None else Path(folder)):
        yield


@contextmanager
def at_least_temporary() -> Iterator[None]:
    """Work inside is shared through the store in use, and where there is none through one that goes at the end."""
    if in_use() is not None:
        yield
        return
    folder = Path(tempfile.mkdtemp(prefix="mdlcode-"))
    try:
        with using(folder):
            yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find(key: str | None) -> Any:
    """What is kept under a key, None where nothing is, there is no store in use or no key."""
    store = in_use()
    return None if store is None or key is None else store.find(key)


def has(key: str | None) -> bool:
    """Whether something is kept under a key."""
    store = in_use()
    return store is not None and key is not None and store.has(key)


def keep(key: str | None, value: Any) -> None:
    """Keeps a value under a key, where there is a store in use and a key."""
    store = in_use()
    if store is not None and key is not None:
        store.keep(key, value)


def drop(key: str | None) -> None:
    """Drops what is kept under a key, if anything."""
    store = in_use()
    if store is not None and key is not None:
        store.drop(key)


def once(
    key: str | None, work: Callable[[], T], pack: Callable[[T], Any], unpack: Callable[[Any], T], steps: int = 0
) -> T:
    """What `work` returns: read back where it is kept under this key, else done, and kept if it took a while.

    `pack` makes of it a value as a `Store` takes, or None where it is not to be kept; `unpack` turns that back. The
    steps that the work would have taken are reported as done.
    """
    if (found := find(key)) is not None:
        advance(steps)
        return unpack(found)
    begin = time.perf_counter()
    made = work()
    if key is not None and time.perf_counter() - begin >= WORTH_SECONDS and (value := pack(made)) is not None:
        keep(key, value)
    return made


@cache
def _opened(folder: str) -> Store | None:
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not is_own(place.stat()):
            raise PermissionError(0, "it belongs to another user")
        if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(0, "it is not writable")
    except OSError as error:
        why = "a file is in the way" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
        warnings.warn(f"the cache {folder} is not used, and nothing kept: {why or error}", stacklevel=2)
        return None
    return Store(place)


def key(work: str, settings: object, *read: object, device: torch.device) -> str | None:
    """What finished work is known by: its name, its settings, and plain values that stand for all that it reads.

    None where no store is in use, and where the settings name something of a user's own that has no `cache_version`:
    then nobody knows whether it still is what it was.
    """
    if in_use() is None or (versions := _versions(settings)) is None:
        return None
    here = asdict(Environment.here(device))
    said = json.dumps([work, to_config(settings), read, versions, here, _numerics(), _software()], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def digest(*values: NDArray[Any] | Tensor) -> str:
    """A hash of the values, shapes and types of arrays: what they are in a key."""
    hashed = hashlib.sha256()
    for each in values:
        hashed.update(f"{tuple(each.shape)}{each.dtype}".encode())
        flat = each.detach().cpu().reshape(-1).view(torch.uint8).numpy() if isinstance(each, Tensor) else each
        hashed.update(np.ascontiguousarray(flat).data)
    return hashed.hexdigest()


def _versions(settings: object) -> Mapping[str, str] | None:
    """The version of each object that is imported by name; None where one has none, or can't be named."""
    try:
        config = to_config(settings)
        found = {name: _version(name) for name in names(config)}
    except MdlError:
        return None
    if _keeps_object(config) or None in found.values():
        return None
    return {name: str(each) for name, each in found.items()}


def _version(name: str) -> str | None:
    package = name.partition(":")[0].partition(".")[0]
    if package in _VERSIONED:
        return version("scikit-learn" if package == "sklearn" else package)
    own = getattr(imported(name, "settings"), "__dict__", {}).get("cache_version")  # its own, and not that of a base
    return None if own is None else repr(own)


def _keeps_object(config: object) -> bool:
    """Whether a config stands for an object that no text names."""
    if isinstance(config, Mapping):
        return set(config) == {"object"} or any(map(_keeps_object, config.values()))
    return isinstance(config, list) and any(map(_keeps_object, config))


def _numerics() -> list[str]:
    """What else of this process bits depend on."""
    own = [str(torch.get_default_dtype()), torch.get_float32_matmul_precision()]
    return own + [os.environ.get(name, "") for name in _VARIABLES]


@cache
def _software() -> list[str]:
    """Versions of further packages, and a hash of this library's source: a changed line may change numbers."""
    source = hashlib.sha256()
    house = Path(__file__).parent
    for path in sorted(house.rglob("*.py")):
        source.update(str(path.relative_to(house)).encode() + b"\0" + path.read_bytes() + b"\0")
    return [platform.python_version(), *map(_installed, _PACKAGES), source.hexdigest()]


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
