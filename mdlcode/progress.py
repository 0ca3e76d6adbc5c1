"""Where long work says how far it is. Nobody listens unless a command does."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Listener(Protocol):
    """What a command shows: the name and size of a piece of work, and steps done."""

    def start(self, description: str, total_steps: int) -> None:
        """A piece of work begins."""

    def advance(self, steps: int) -> None:
        """So many more of its steps are done."""


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


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
