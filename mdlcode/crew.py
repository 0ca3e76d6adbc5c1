"""Worker processes that help this one: it goes on with the work itself, and they are started once that is long."""

import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import torch

from mdlcode import progress

P = ParamSpec("P")
T = TypeVar("T")

# A worker takes 3 to 4 CPU seconds to start: as much goes into the work before one is started for it.
START_CPU_SECONDS = 4.0
_LOOK_SECONDS = 0.1
_Outcome = tuple[Any, list[tuple[Warning, type[Warning]]]]


def free_cores() -> int:
    """How many cores this process may keep busy: those it is bound to, and no more than its control group's share.

    >>> 1 <= free_cores() <= os.cpu_count()
    True
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(bound, int(quota) // int(period)))
    except (OSError, ValueError):  # no such group, or no limit ("max")
        return bound


class Crew(Executor):
    """This process and its workers, `workers` in all. What waits is begun by whoever is free.

    Workers take the task that was submitted first. This process takes the one whose result it asks for, or, where
    somebody else is at that, one that was submitted later.
    """

    def __init__(self, workers: int, after_cpu_seconds: float) -> None:
        self._most, self._after = workers - 1, after_cpu_seconds
        self._waiting: deque[_Task[Any]] = deque()
        self._numbers, self._lock, self._changed = count(), threading.Lock(), threading.Event()
        self._over = self._failed = False
        self._started = self._ready = self._busy = 0
        self._leader = threading.Thread(target=copy_context().run, args=(self._lead,), daemon=True)
        self._leader.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """A task for whoever is free."""
        task: _Task[T] = _Task(self, next(self._numbers), partial(fn, *args, **kwargs))
        with self._lock:
            self._waiting.append(task)
        self._changed.set()
        return task

    def help(self, wanted: "_Task[Any]") -> None:
        """Does what this process can do for a task: the task itself, or later ones while somebody else is at it."""
        while not wanted.done() and (task := self._taken(wanted)) is not None:
            task.run()

    def end(self, failed: bool) -> None:
        """Ends the workers: at once where the work `failed`, or where one of them has not even started."""
        self._over, self._failed = True, failed
        self._changed.set()
        self._leader.join()

    def _taken(self, wanted: "_Task[Any] | None") -> "_Task[Any] | None":
        """A task off the queue: for this process what it wants or a later one, for a worker (None) the first."""
        with self._lock:
            if wanted in self._waiting:
                found: _Task[Any] | None = wanted
            else:
                later = (each for each in self._waiting if wanted is None or each.number > wanted.number)
                found = next(later, None)
            if found is not None:
                self._waiting.remove(found)
            return found

    def _lead(self) -> None:
        """On a thread of its own: starts workers when that pays, and hands them what waits."""
        begun = time.process_time()
        while not (self._waiting and time.process_time() - begun >= self._after):
            if self._over:
                return
            time.sleep(_LOOK_SECONDS)
        context: Any = torch.multiprocessing.get_context("spawn")
        queue = context.SimpleQueue()
        pool = ProcessPoolExecutor(self._most, context, initializer=_begin, initargs=(queue,))
        with progress.relayed(queue):
            while not self._over:
                self._man(pool)
                while self._busy < self._ready and (task := self._taken(None)) is not None:
                    self._hand_out(pool, task)
                self._changed.wait()
                self._changed.clear()
            if self._failed or self._ready < self._started:
                pool.shutdown(wait=False, cancel_futures=True)
                for worker in multiprocessing.active_children():  # a training in the middle would go on for minutes
                    worker.terminate()
        pool.shutdown(wait=not self._failed)

    def _hand_out(self, pool: ProcessPoolExecutor, task: "_Task[Any]") -> None:
        with self._lock:
            self._busy += 1
        try:
            pool.submit(_done, task.work).add_done_callback(partial(self._arrived, task))
        except BrokenProcessPool as error:
            task.set_exception(error)

    def _man(self, pool: ProcessPoolExecutor) -> None:
        """Starts a worker for each task that would have none."""
        while self._started < min(self._most, self._busy + len(self._waiting)):
            self._started += 1
            with _ctrl_c_blocked(), suppress(BrokenProcessPool):  # it is for this process alone
                pool.submit(int).add_done_callback(self._came)

    def _came(self, first: "Future[int]") -> None:
        if not first.cancelled() and first.exception() is None:
            with self._lock:
                self._ready += 1
            self._changed.set()

    def _arrived(self, task: "_Task[T]", sent: "Future[_Outcome]") -> None:
        with self._lock:
            self._busy -= 1
        self._changed.set()
        if sent.cancelled():
            task.cancel()
        elif (error := sent.exception()) is not None:
            task.set_exception(error)
        else:
            task.outcome = sent.result()[1]
            task.set_result(sent.result()[0])


class _Task(Future[T]):
    """A piece of work that may be done in this process or in another."""

    def __init__(self, crew: Crew, number: int, work: Callable[[], T]) -> None:
        super().__init__()
        self._crew, self.number, self.work = crew, number, work
        self.outcome: list[tuple[Warning, type[Warning]]] = []

    def result(self, timeout: float | None = None) -> T:
        """The result, worked for where that is possible. A worker's warnings are given here."""
        self._crew.help(self)
        try:
            return super().result(timeout)
        finally:
            while self.outcome:
                warnings.warn(*self.outcome.pop(0), stacklevel=2)

    def run(self) -> None:
        """Does the work here."""
        try:
            self.set_result(self.work())
        except BaseException as error:
            self.set_exception(error)


def _done(work: Callable[[], Any]) -> _Outcome:
    """In a worker: what the work gives, and the warnings it had."""
    with warnings.catch_warnings(record=True) as caught:
        value = work()
    return value, [(each.message, each.category) for each in caught if isinstance(each.message, Warning)]


def _begin(queue: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    progress.send_to(queue)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A command that is killed can't end its workers: they see to it themselves."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Processes that this thread starts inside do not get it, until they say so."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
