"""How commands end: outputs that can't be written, files of others in the way, signals, and what a terminal shows."""

import errno
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mdlcode.cli.app import main
from mdlcode.cli.show import err, out
from mdlcode.codes import Frequencies, Uniform
from mdlcode.data import Data, View, load
from mdlcode.errors import MdlError
from mdlcode.experiments.compare import measure_each
from mdlcode.experiments.stored import read_results
from mdlcode.files import locked
from mdlcode.report.document import MARKER
from mdlcode.report.reproduction import Reproduction

Main = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Main]:
    """The command in this process: its status, what it printed, and its errors."""
    handlers = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    path = list(sys.path)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mdlcode", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed, said = capsys.readouterr()
        return int(ended.value.code or 0), printed.strip(), said.strip()

    yield run
    sys.path[:] = path
    for number, handler in handlers.items():
        signal.signal(number, handler)


SMALL = ("compare", "digits", "--limit", "40", "--codes", "uniform,frequencies", "--threads", "1")


GRID = """
axes: {width: [4]}
fixed: {train_size: 40, depth: 1}
training: {steps: 2}
"""
FOLDERS: dict[str, tuple[str, ...]] = {
    "compare": (*SMALL, "--force"),
    "dimension": ("dimension", "digits", "--limit", "40", "--force"),
    "grid": ("grid", "digits", "--config", "grid.yaml"),
    "reproduce": ("reproduce", "li", "--only", "table1"),
}


@pytest.mark.parametrize("command", FOLDERS)
def test_two_commands_never_share_a_folder(command: str, run: Main, tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    with locked(tmp_path / "out"):
        status, _, said = run(*FOLDERS[command], "--out", "out")
    assert status == 2
    assert said == "error: another command writes into out: wait for it, or name another --out"
    assert [each.name for each in (tmp_path / "out").iterdir()] == [".mdlcode.lock"]


def test_a_full_disk_ends_a_comparison_and_nothing_is_lost(
    run: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def full(file: int) -> None:
        written.append(file)
        if len(written) > 3:  # a note, and the arrays and the row of the first code
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("mdlcode.files.os.fsync", full)
        status, said, error = run(*SMALL, "--out", "out")
    assert (status, error) == (2, "error: out/01-frequencies.npz can't be written: No space left on device")
    assert "132.9" in said
    assert [each.name for each in read_results(tmp_path / "out")] == ["uniform"]
    assert run(*SMALL, "--out", "out")[0] == 0  # where it was stopped
    assert [each.name for each in read_results(tmp_path / "out")] == ["uniform", "frequencies"]


def test_force_replaces_only_what_is_made_again(tmp_path: Path) -> None:
    """Also where the new run is ended after its first code."""
    few, more = (load("digits", View(limit=limit)) for limit in (30, 40))
    codes = [("a", Uniform()), ("b", Uniform()), ("b", Frequencies()), ("c", Uniform())]
    list(measure_each(few, codes, tmp_path))
    again = measure_each(more, [("b", Frequencies()), ("d", Uniform())], tmp_path, force=True)
    next(again)
    del again
    stored = [(each.name, each.result.num_labels, each.result.config["kind"]) for each in read_results(tmp_path)]
    assert stored == [("a", 30, "uniform"), ("b", 40, "frequencies"), ("b", 30, "frequencies"), ("c", 30, "uniform")]
    list(measure_each(more, [("b", Uniform()), ("b", Uniform()), ("d", Uniform())], tmp_path, force=True))
    assert [(each.name, each.result.num_labels) for each in read_results(tmp_path)] == [
        *(("a", 30), ("b", 40), ("b", 40), ("c", 30), ("d", 40)),
    ]


def test_a_reproduction_goes_on_after_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MdlError("can't be written: No space left on device")

    with monkeypatch.context() as patched, locked(tmp_path):
        patched.setattr("mdlcode.report.reproduction.write_json", full)
        with pytest.raises(MdlError, match="No space left"):
            Reproduction(tmp_path, "li", "smoke")
    (tmp_path / ".mdlcode-half").write_text("{")  # of a write that was killed
    Reproduction(tmp_path, "li", "smoke")
    assert (tmp_path / MARKER).is_file()
    Reproduction(tmp_path, "li", "smoke")


@pytest.mark.parametrize("place", ["file", "file/x", "dangling", "dangling/x", "a" * 300])
def test_folders_that_can_not_be_made(place: str, run: Main, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to("nowhere/at/all")
    for arguments in (SMALL, ("reproduce", "li"), ("dimension", "digits", "--limit", "40", "--threads", "1")):
        status, _, said = run(*arguments, "--out", place)
        assert status == 2
        assert said.startswith("error: ")
        assert "\n" not in said
        assert "--force" not in said


def test_a_place_that_no_folder_checks(run: Main) -> None:
    status, _, said = run("bound-numbers", "--errors", 1, "--examples", 10, "--bits", 1, "-o", "a" * 300)
    assert (status, said.count("\n")) == (2, 0)
    assert said.startswith("error: aaa")
    assert "File name too long" in said


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_command_that_is_ended_shows_what_is_done(name: str, run: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    number = signal.Signals[name]
    signal.signal(number, signal.SIG_DFL)

    def ended(*arguments: Any, **options: Any) -> Iterator[Any]:
        with closing(measure_each(*arguments, **options)) as measured:
            yield next(measured)
            os.kill(os.getpid(), number)
            yield next(measured)

    monkeypatch.setattr(sys.modules["mdlcode.experiments.compare"], "measure_each", ended)
    status, said, error = run(*SMALL, "--out", "out")
    assert (status, error) == (128 + number, "stopped: what was finished is kept")
    assert "uniform" in said
    assert "132.9" in said
    assert [row["code"] for row in json.loads(Path("out/results.json").read_text())] == ["uniform"]
    assert os.environ["MDLCODE_CACHE"] == ""  # the folder that was shared within the command is gone


def test_nohup_is_kept(run: Main) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    run("list", "nets")
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_closed_streams_lead_nowhere(run: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as closed:
        for name in ("stdin", "stdout", "stderr"):
            closed.setattr(sys, name, None)
        assert run("list", "nets") == (0, "", "")
        for name in ("stdin", "stdout", "stderr"):
            getattr(sys, name).close()


class Gone(io.StringIO):
    """A pipe whose reader went away, as that of `mdlcode list nets | head -0`."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    def fileno(self) -> int:
        return 1


def test_a_reader_that_goes_away_ends_the_command_quietly(run: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as piped:
        piped.setattr(sys, "stdout", Gone())
        piped.setattr(os, "dup2", lambda *_: 0)  # rich leads file 1 of this process nowhere,
        piped.setattr(out, "quiet", False)  # and prints no more
        status, _, said = run("list", "nets")
    assert (status, said) == (1, "")


NAMES = {
    "[red]x[/blue]": "[red]x[/blue]",
    "x[bold].npz": "x[bold].npz",
    ":smile:": ":smile:",
    "\x1b[2J\x1b]0;title\x07\u202ename": "?[2J?]0;title??name",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown_as_they_are(name: str, run: Main, digits: Data, capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.yaml").write_text(json.dumps({"limit": 40, "codes": [{"kind": "uniform", "name": name}]}))
    status, said, error = run("compare", "digits", "--config", "c.yaml")
    assert (status, error) == (0, "")
    assert NAMES[name] in said
    for console in (out, err):
        console.print(name)
    assert "\x1b" not in "".join(capsys.readouterr())


def test_a_message_s_texts_reach_no_terminal(run: Main, tmp_path: Path) -> None:
    status, said, error = run("compare", "digits\x1b[31m")
    assert (status, said) == (2, "")
    assert "\x1b" not in error
