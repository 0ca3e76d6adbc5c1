"""Where long work says how far it is. Nobody listens unless a command does."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol


class Listener(Protocol):
    """What a command shows: the name and size of a piece of work, steps done, and lines that stay."""

    def start(self, description: str, total_steps: int) -> None:
        """A piece of work begins."""

    def advance(self, steps: int) -> None:
        """So many more of its steps are done."""

    def say(self, line: str) -> None:
        """A line that stays."""

    def beside(self) -> "Listener":
        """Another listener, for work that goes on at the same time."""


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)
_POLL_SECONDS = 0.1


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Work inside reports to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def start(description: str, total_steps: int) -> None:
    """Tells the listener that a piece of work of so many steps begins."""
    if (listener := _listener.get()) is not None:
        listener.start(description, total_steps)


def advance(steps: int) -> None:
    """Tells the listener that so many steps are done."""
    if (listener := _listener.get()) is not None:
        listener.advance(steps)


def say(line: str) -> None:
    """Gives the listener a line that stays."""
    if (listener := _listener.get()) is not None:
        listener.say(line)


class _Sender:
    """In a worker: hands what it hears to the process that waits for it."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def start(self, description: str, total_steps: int) -> None:
        self._queue.put((os.getpid(), "start", (description, total_steps)))

    def advance(self, steps: int) -> None:
        self._queue.put((os.getpid(), "advance", (steps,)))

    def say(self, line: str) -> None:
        self._queue.put((os.getpid(), "say", (line,)))

    def beside(self) -> Listener:
        return self


def send_to(queue: Any) -> None:
    """In a worker: all further progress of this process goes into `queue`, a multiprocessing one."""
    _listener.set(_Sender(queue))


@contextmanager
def relayed(queue: Any) -> Iterator[None]:
    """What workers put into `queue` reaches the listener in use: steps of its work, or bars of their own."""
    done = threading.Event()
    thread = threading.Thread(target=_relay, args=(queue, _listener.get(), done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=1)  # a worker that was ended in the middle of a word may leave it waiting


def _relay(queue: Any, listener: Listener | None, done: threading.Event) -> None:
    own: dict[int, Listener] = {}
    last = False
    while not last:
        last = done.wait(_POLL_SECONDS)
        while not queue.empty():  # emptied even where nobody listens: a full one would stop the workers
            worker, word, arguments = queue.get()
            if listener is None:
                continue
            if word == "start" and worker not in own:
                own[worker] = listener.beside()
            getattr(own.get(worker, listener), word)(*arguments)
