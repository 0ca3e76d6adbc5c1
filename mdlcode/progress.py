"""Where long work says how far it is: to a line on stderr in a terminal or a notebook, or to whoever listens.

The line is gone when the work is done, and there is none where stderr is a file or a pipe. `quiet()` keeps it away.
"""

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from mdlcode.limits import require_steps


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
_REDRAW_SECONDS = 0.1
_ERASE = "\r\x1b[K"  # to the start of the line, and all of it away: in notebooks too


@contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Work inside reports to `listener`, to nobody where it is None."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def quiet() -> Iterator[None]:
    """Work inside shows nothing of its progress.

    >>> with quiet():
    ...     start("work", 10)
    """
    with listening(_Silent()):
        yield


@contextmanager
def shown() -> Iterator[None]:
    """Work inside is shown on stderr if that is a terminal or a notebook's, unless somebody listens already."""
    if _listener.get() is not None or not _seen_at_once():
        yield
        return
    try:
        with listening(_Work(_LINE)):
            yield
    finally:
        _LINE.end()


def wipe() -> None:
    """Takes the line of progress off the screen, so that other words can be printed there; it comes back by itself."""
    _LINE.wipe()


def start(description: str, total_steps: int) -> None:
    """Tells the listener that a piece of work of so many steps begins; raises MdlError for more than are allowed."""
    require_steps(total_steps, f"'{description}'")
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


class _Silent:
    """A listener that shows nothing."""

    def start(self, description: str, total_steps: int) -> None:
        pass

    def advance(self, steps: int) -> None:
        pass

    def say(self, line: str) -> None:
        pass

    def beside(self) -> "_Silent":
        return self


@dataclass
class _Work:
    """A piece of work under way, as the line hears of it."""

    line: "_Line"
    description: str = ""
    total: int = 0
    done: int = 0

    def start(self, description: str, total_steps: int) -> None:
        self.description, self.total, self.done = description, total_steps, 0
        self.line.begin(self)

    def advance(self, steps: int) -> None:
        self.done = min(self.total, self.done + steps)
        self.line.draw(steps)

    def say(self, line: str) -> None:
        self.line.say(line)

    def beside(self) -> "_Work":
        return _Work(self.line)


class _Line:
    """One line on stderr: what is done of all that is under way, the steps per second, and the time left."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # workers are heard on a thread of their own
        self._under_way: list[_Work] = []
        self._steps, self._begun, self._drawn, self._visible = 0, 0.0, 0.0, False

    def begin(self, work: _Work) -> None:
        """One more piece of work is under way; the clock starts where there was none."""
        with self._lock:
            self._under_way = [each for each in self._under_way if each.done < each.total and each is not work]
            if not self._under_way:
                self._steps, self._begun = 0, time.monotonic()
            self._under_way.append(work)
            self._drawn = 0.0
            self.draw(0)

    def draw(self, steps: int) -> None:
        """So many more steps are done: writes the line, ten times a second at most."""
        with self._lock:
            now, self._steps = time.monotonic(), self._steps + steps
            if not self._under_way or now - self._drawn < _REDRAW_SECONDS:
                return
            done, total = sum(each.done for each in self._under_way), sum(each.total for each in self._under_way)
            rate = self._steps / max(now - self._begun, 1e-3)
            text = progress_text(self._under_way[-1].description, done, total, rate)
            self._write(_ERASE + text[: shutil.get_terminal_size().columns - 1])
            self._drawn, self._visible = now, True

    def say(self, line: str) -> None:
        """Writes a line that stays."""
        with self._lock:
            self.wipe()
            self._write(f"{line}\n")

    def wipe(self) -> None:
        """Takes the line off the screen until there is something new to tell."""
        with self._lock:
            if self._visible:
                self._write(_ERASE)
            self._visible = False

    def end(self) -> None:
        """Nothing is under way any more."""
        with self._lock:
            self._under_way = []
            self.wipe()

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


def progress_text(description: str, done: int, total: int, steps_per_second: float) -> str:
    """The line of progress.

    >>> progress_text("prequential", 500, 2000, 10.0)
    'prequential: 500 of 2,000 steps, 10.0 steps/s, 2 min 30 s left'
    >>> progress_text("prequential", 0, 2000, 0.0)
    'prequential: 0 of 2,000 steps'
    """
    text = f"{description}: {done:,} of {total:,} steps"
    if not steps_per_second:
        return text
    minutes, seconds = divmod(round((total - done) / steps_per_second), 60)
    hours, minutes = divmod(minutes, 60)
    left = f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    return f"{text}, {steps_per_second:,.1f} steps/s, {left} left"


def _seen_at_once() -> bool:
    """Whether somebody sees what is written to stderr as it is written: in a terminal or a notebook."""
    return sys.stderr is not None and (sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel"))


_LINE = _Line()


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
