"""Engines that train elsewhere, all behind the standard `Executor`: processes, Ray, Dask and Slurm."""

from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from mdlcode.errors import MdlError

# The packages of each engine's extra.
_PACKAGES = {"ray": ("ray", "cloudpickle"), "dask": ("distributed",), "slurm": ("submitit",)}
_FORMS = "processes:N, ray[:N or :ADDRESS], dask[:N or :ADDRESS] or slurm:FILE"
_MOST_WORKERS = 8  # where no number is said: each holds a torch of its own in memory


@dataclass(frozen=True)
class Place:
    """Where work is done: an engine, and what was said of it after the colon, if anything."""

    engine: str
    where: str = ""

    @property
    def workers(self) -> int | None:
        """How many workers were asked for on this machine; None where it is left to the engine."""
        return int(self.where) if self.where.isdigit() else None


HERE = Place("processes")


def place_of(executor: str | None, workers: int | None = None) -> Place:
    """The place that a person types, or so many processes.

    Where no number is said there is one worker a core, or one alone where there is a GPU, on which they would take
    turns. Raises MdlError for another place, for both, and where the engine is not installed.

    >>> place_of("processes:4"), place_of(None, 4) == place_of("processes:4")
    (Place(engine='processes', where='4'), True)
    >>> place_of("spark")
    Traceback (most recent call last):
    ...
    mdlcode.errors.MdlError: `executor` is 'spark': processes:N, ray[:N or :ADDRESS], dask[:N or :ADDRESS] or slurm:FILE
    """
    if executor is None:
        return Place("processes", str(workers or ""))
    if workers is not None:
        raise MdlError(f"`workers` {workers} is short for `executor` processes:{workers}: leave one of the two out")
    engine, _, where = executor.partition(":")
    wants = {"processes": where.isdigit(), "slurm": bool(where)}
    if engine not in ("processes", *_PACKAGES) or not wants.get(engine, True) or (where.isdigit() and int(where) < 1):
        raise MdlError(f"`executor` is '{executor}': {_FORMS}")
    for package in _PACKAGES.get(engine, ()):
        if find_spec(package) is None:
            raise MdlError(f"`executor` {engine} needs the package {package}: pip install 'mdlcode[{engine}]'")
    return Place(engine, where)


@contextmanager
def opened(place: Place) -> Iterator[Executor | None]:
    """The executor of a place, whose workers have as many torch threads as this process; None for this process alone.

    Raises MdlError where the engine can't be reached, or could not bring about a result.
    """
    import torch

    from mdlcode import crew, parallel
    from mdlcode.environment import num_ranks

    threads = torch.get_num_threads()
    free = (
        1 if torch.cuda.is_available() or num_ranks() > 1 else max(1, min(_MOST_WORKERS, crew.free_cores() // threads))
    )
    if place.engine == "processes":
        with parallel.processes(place.workers or free) as pool:
            yield pool
        return
    engine = import_module(f"mdlcode.engines.{place.engine}")
    try:
        with engine.opened(place.where or str(free), threads) as executor:
            yield executor
    except BrokenExecutor as error:
        raise MdlError(str(error)) from None
