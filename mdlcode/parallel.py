"""Independent pieces of work through whatever standard executor is in use; one by one where none is.

`Executor`s of the standard library, or Ray's and others' behind the same interface, all serve.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

import torch

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


def submit(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Pending[T]:
    """The pending result of a function, from the executor in use; without one it waits to be asked for.

    >>> submit(pow, 2, 10).result()
    1024
    """
    executor = _executor.get()
    work = partial(function, *args, **kwargs)
    return _Deferred(work) if executor is None else executor.submit(work)


@contextmanager
def using(executor: Executor | None) -> Iterator[None]:
    """Work submitted inside goes to `executor`; on the way out of an error what still waits is cancelled."""
    token = _executor.set(executor)
    try:
        yield
    except BaseException:
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)
        raise
    finally:
        _executor.reset(token)


@contextmanager
def processes(workers: int, threads: int) -> Iterator[Executor | None]:
    """An executor of that many fresh processes with that many torch threads each; None for one worker.

    Tensors travel through shared memory, so the resident data exist once.
    """
    if workers == 1:
        yield None
        return
    context: Any = torch.multiprocessing.get_context("spawn")
    # The environment reaches the workers before their torch starts; the initialiser sets it for sure.
    with (
        _environment(OMP_NUM_THREADS=str(threads)),
        ProcessPoolExecutor(workers, context, initializer=torch.set_num_threads, initargs=(threads,)) as pool,
    ):
        yield pool


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
