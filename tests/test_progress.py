"""The line of progress: in a terminal or a notebook, gone at the end, and never in a file or pipe."""

import io
from types import SimpleNamespace

import pytest

from mdlcode import Prequential, View, compare, load, progress
from mdlcode.learn import NetLearner, Steps

CODE = Prequential((NetLearner("linear", training=Steps(min_steps=2, max_steps=2)),))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def screen(written: str) -> list[str]:
    """What is left to be seen, line by line."""
    return [line.rpartition("\r\x1b[K")[2] for line in written.split("\n")]


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    written_to(monkeypatch, terminal := Terminal())
    return terminal


def written_to(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> None:
    """Not `sys.stderr` itself, which pytest puts back before each test."""
    monkeypatch.setattr("mdlcode.progress.sys", SimpleNamespace(stderr=stream))


def test_calls_from_python_show_a_line_that_is_gone_at_the_end(stderr: Terminal) -> None:
    data = load("digits", View(limit=20))
    message = CODE.encode(data)
    assert "prequential: 0 of 4 steps" in stderr.getvalue()
    for call in (lambda: CODE.decode(data.shared, message), lambda: compare(data, [CODE]), lambda: CODE.measure(data)):
        stderr.truncate(0)
        call()
        assert "prequential: 0 of 4 steps" in stderr.getvalue()
        assert screen(stderr.getvalue()) == [""]


def test_nothing_is_shown_in_a_pipe_or_where_it_is_not_wanted(
    stderr: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = load("digits", View(limit=20))
    with progress.quiet():
        CODE.measure(data)
    assert stderr.getvalue() == ""
    written_to(monkeypatch, pipe := io.StringIO())
    CODE.measure(data)
    assert pipe.getvalue() == ""


def test_a_notebook_is_no_terminal_and_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    written_to(monkeypatch, stream)
    CODE.measure(load("digits", View(limit=20)))
    assert "prequential: 0 of 4 steps" in stream.getvalue()


def test_time_left_and_work_side_by_side(stderr: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("mdlcode.progress.time", SimpleNamespace(monotonic=lambda: clock[0]))
    with progress.shown():
        progress.start("first", 100)
        clock[0] += 10
        progress.advance(50)
        assert screen(stderr.getvalue()) == ["first: 50 of 100 steps, 5.0 steps/s, 10 s left"]
        beside = progress._listener.get().beside()  # type: ignore[union-attr]
        beside.start("second", 200)
        clock[0] += 10
        beside.advance(50)
        assert screen(stderr.getvalue()) == ["second: 100 of 300 steps, 5.0 steps/s, 40 s left"]
        progress.say("a line that stays")
        progress.wipe()
        assert screen(stderr.getvalue()) == ["a line that stays", ""]
        progress.start("first", 10)  # its second part; the other goes on
        clock[0] += 1
        progress.advance(1)
        assert screen(stderr.getvalue())[1].startswith("first: 51 of 210 steps")
    assert screen(stderr.getvalue()) == ["a line that stays", ""]


def test_long_lines_do_not_wrap(stderr: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    with progress.shown():
        progress.start("a work with a long name", 1000)
    assert "a work with a long " in stderr.getvalue()
    assert "name" not in stderr.getvalue()


def test_an_error_leaves_the_screen_clean(stderr: Terminal) -> None:
    def fail() -> None:
        progress.start("work", 10)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"), progress.shown():
        fail()
    assert screen(stderr.getvalue()) == [""]
    assert progress._listener.get() is None


def test_codes_without_steps_show_nothing(stderr: Terminal) -> None:
    compare(load("digits", View(limit=20)), ["uniform"])
    assert stderr.getvalue() == ""
