"""A standard executor over an engine that takes bytes and gives bytes."""

import os
import sys
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, wait
from contextvars import Context, copy_context
from dataclasses import asdict
from functools import partial
from typing import Any, ParamSpec, TypeVar

import torch

from mdlcode import finished, limits, progress
from mdlcode.engines.packing import Residents
from mdlcode.engines.task import Outcome, Task
from mdlcode.environment import Environment
from mdlcode.errors import in_one_line

FIRST_SAID_SECONDS = 60.0
_VARIABLES = (limits.STEPS, limits.MEMORY, finished.VARIABLE)
P = ParamSpec("P")
T = TypeVar("T")


class Engine(ABC):
    """What runs tasks elsewhere: `name` in messages, where residents are put, and how a task is sent."""

    name: str

    @abstractmethod
    def put(self, name: str, blob: bytes) -> Any:
        """A reference to a resident's bytes, brought to where workers find them."""

    @abstractmethod
    def send(self, task: Task, references: Sequence[Any]) -> "Future[bytes]":
        """What `worker.run` gives for the task and the bytes that the references stand for."""

    def explained(self, error: BaseException) -> str:
        """Why the engine gave no outcome, in one line."""
        return in_one_line(error)


class _Arriving(Future[T]):
    """A future that gives the warnings of its task where its result is asked for, and lines while that is long."""

    def __init__(self, piece: str) -> None:
        super().__init__()
        self.warnings: list[tuple[Warning, type[Warning]]] = []
        self._piece, self._sent_seconds = piece, time.monotonic()
        self.set_running_or_notify_cancel()

    def result(self, timeout: float | None = None) -> T:
        """The result, waited for."""
        if timeout is None:
            self._wait()
        try:
            return super().result(timeout)
        finally:
            while self.warnings:
                warnings.warn(*self.warnings.pop(0), stacklevel=2)

    def _wait(self) -> None:
        """Until it is there: says so after a minute, and again after twice the time."""
        patience = FIRST_SAID_SECONDS
        while not wait([self], max(0.0, self._sent_seconds + patience - time.monotonic())).done:
            spent = time.monotonic() - self._sent_seconds
            progress.say(
                f"waiting for {self._piece}, sent {spent / 60:,.0f} min ago: its steps are told when it is done"
            )
            while patience <= spent:
                patience *= 2


class Carried(Executor):
    """Runs functions on an engine; their threads, limits and versions are those of this process.

    Residents go there once. Steps and lines of a task are told to the listener when it is done, and lines about one
    that is waited for long. Raises BrokenExecutor from a result that the engine could not bring about.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self._residents, self._sent = engine, Residents(engine.put), 0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """The future of a function's value."""
        work, names, on_gpu = self._residents.pack(partial(fn, *args, **kwargs))
        home = asdict(Environment.here(torch.device("cuda" if on_gpu else "cpu")))
        variables = {name: os.environ.get(name, "") for name in _VARIABLES}
        variables["OMP_NUM_THREADS"] = str(torch.get_num_threads())
        task = Task(work, names, home, on_gpu, variables, [os.path.abspath(each) for each in sys.path])
        self._sent += 1
        future: _Arriving[T] = _Arriving(f"piece {self._sent:,} that went to {self._engine.name}")
        sent = self._engine.send(task, [self._residents.references[name] for name in names])
        sent.add_done_callback(partial(self._arrived, future, copy_context()))
        return future

    def _arrived(self, future: _Arriving[T], context: Context, sent: "Future[bytes]") -> None:
        try:
            outcome: Outcome = self._residents.unpack(sent.result())
        except (Exception, CancelledError) as error:
            future.set_exception(BrokenExecutor(f"{self._engine.name}: {self._engine.explained(error)}"))
            return
        context.run(_tell, outcome)
        future.warnings = outcome.warnings
        if outcome.error is None:
            future.set_result(outcome.value)
        else:
            future.set_exception(outcome.error)


def _tell(outcome: Outcome) -> None:
    progress.advance(outcome.steps)
    for line in outcome.lines:
        progress.say(line)
