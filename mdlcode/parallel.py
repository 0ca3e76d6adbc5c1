"""Independent pieces of work through whatever standard executor is in use; one by one where none is.

`Executor`s of the standard library, or Ray's and others' behind the same interface, all serve.
"""

import os
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

import torch

from mdlcode.crew import START_CPU_SECONDS, Crew
from mdlcode.environment import num_ranks
from mdlcode.errors import MdlError

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_executor: ContextVar[Executor | None] = ContextVar("executor", default=None)


class Pending(Protocol, Generic[T_co]):
    """A result that is there or will be."""

    def result(self) -> T_co:
        """The result, waited for."""


class _Deferred(Generic[T]):
    """Work that is done when its result is asked for."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work

    def result(self) -> T:
        return self._work()


class _ByValue(Generic[T]):
    """A result that travels as its bytes: a tensor by itself would travel as an open file, and files run out."""

    def __init__(self, value: T) -> None:
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (pickle.dumps(self.value),)


def _unpickled(pickled: bytes) -> "_ByValue[Any]":
    return _ByValue(pickle.loads(pickled))


class _Elsewhere(Generic[T]):
    """Work that an executor does."""

    def __init__(self, future: "Future[_ByValue[T]]") -> None:
        self._future = future

    def result(self) -> T:
        return self._future.result().value


def _settings() -> tuple[int, dict[str, str]]:
    """What a process has been told that works for this one: its threads, and our variables of the environment."""
    return torch.get_num_threads(), _variables()


def _as_there(settings: tuple[int, dict[str, str]], work: Callable[[], T]) -> "_ByValue[T]":
    """The result of work under the settings of the process that asks for it; its own variables are put back."""
    threads, told = settings
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    own = _variables()
    _set_variables(told)
    try:
        return _ByValue(work())
    finally:
        _set_variables(own)


def _variables() -> dict[str, str]:
    """Our variables of the environment."""
    return {name: value for name, value in os.environ.items() if name.startswith("MDLCODE_")}


def _set_variables(wanted: dict[str, str]) -> None:
    for name in _variables().keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)


def submit(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Pending[T]:
    """The pending result of a function, from the executor in use; without one it waits to be asked for.

    >>> submit(pow, 2, 10).result()
    1024
    """
    executor = _executor.get()
    work = partial(function, *args, **kwargs)
    return _Deferred(work) if executor is None else _Elsewhere(executor.submit(_as_there, _settings(), work))


@contextmanager
def using(executor: Executor | None) -> Iterator[None]:
    """Work submitted inside goes to `executor`. Raises MdlError in one of several processes that train together."""
    if executor is not None and num_ranks() > 1:
        raise MdlError(f"{num_ranks()} processes train each net together: leave out `workers` and `executor`")
    token = _executor.set(executor)
    try:
        yield
    finally:
        _executor.reset(token)


@contextmanager
def processes(workers: int, after_cpu_seconds: float = START_CPU_SECONDS) -> Iterator[Executor | None]:
    """An executor of this process and workers of its own, so many in all; None for one, which is this process.

    Workers are started once this process has spent so many CPU seconds on the work, since each takes some to start.
    An error or Ctrl-C inside ends them at once; raises MdlError where one is ended from outside. Tensors
    travel through shared memory, so the resident data exist once. Their progress reaches the listener of
    this process, and their warnings are given here.
    """
    if workers == 1:
        yield None
        return
    crew = Crew(workers, after_cpu_seconds)
    try:
        yield crew
    except BaseException as error:
        crew.end(failed=True)
        if isinstance(error, BrokenProcessPool):
            raise MdlError("a worker was ended from outside, for want of memory? name fewer `workers`") from None
        raise
    crew.end(failed=False)
