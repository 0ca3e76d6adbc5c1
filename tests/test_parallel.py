"""Workers: what they say reaches the command, and they start and end as they should."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Literal
from unittest.mock import patch

import pytest
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode import parallel, progress
from mdlcode.codes import BestOf, Prequential, Received, TwoPart, Uniform
from mdlcode.coding.channel import Channel
from mdlcode.config import STRICT
from mdlcode.crew import Crew
from mdlcode.data import Shared, View, load
from mdlcode.errors import MdlError
from mdlcode.experiments.compare import compare
from mdlcode.learn import EnsembleLearner, NetLearner, Steps
from mdlcode.typing import IntArray


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.words: list[object] = []
        self.others: list[Heard] = []

    def start(self, description: str, total_steps: int) -> None:
        self.words.append((description, total_steps))

    def advance(self, steps: int) -> None:
        self.words.append(steps)

    def say(self, line: str) -> None:
        self.words.append(line)

    def beside(self) -> "Heard":
        self.others.append(Heard())
        return self.others[-1]


def part_of_the_work() -> int:
    progress.advance(3)
    time.sleep(0.3)  # so that the next part goes to the worker
    return os.getpid()


def work_of_its_own(name: str) -> tuple[bool, int, int]:
    progress.start(name, 2)
    progress.advance(2)
    progress.say(f"{name} is done")
    time.sleep(0.3)
    return (
        multiprocessing.parent_process() is not None,
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
        torch.get_num_threads(),
    )


def many_words() -> int:
    for _ in range(5000):
        progress.advance(1)
    time.sleep(0.3)
    return os.getpid()


def warned(name: str) -> int:
    warnings.warn(f"{name} is strange", stacklevel=2)
    time.sleep(0.3)
    return os.getpid()


def everybody_at_work(pool: Executor | None) -> Executor:
    """The executor, once its worker has done something."""
    assert pool is not None
    while len({each.result() for each in [pool.submit(part_of_the_work) for _ in range(4)]}) < 2:
        pass
    return pool


@contextmanager
def two_processes() -> Iterator[None]:
    with parallel.processes(2, after_cpu_seconds=0) as pool, parallel.using(everybody_at_work(pool)):
        yield


def test_steps_of_workers_count_for_the_work_of_all() -> None:
    heard = Heard()
    with progress.listening(heard), two_processes():
        _until(lambda: heard.words.count(3) % 4 == 0)
        heard.words.clear()
        progress.start("blocks", 12)
        doers = {each.result() for each in [parallel.submit(part_of_the_work) for _ in range(4)]}
        _until(lambda: len(heard.words) == 5)
    assert len(doers) == 2
    assert heard.words == [("blocks", 12), 3, 3, 3, 3]
    assert heard.others == []


def test_work_of_their_own_is_shown_beside() -> None:
    heard = Heard()
    with progress.listening(heard), two_processes():
        heard.words.clear()
        states = [each.result() for each in [parallel.submit(work_of_its_own, name) for name in "abcd"]]
        _until(lambda: sum(len(each.words) for each in (heard, *heard.others)) == 12)
    assert {(True, True, 1), (False, False, 1)} == set(states)  # a worker leaves Ctrl-C to the command
    [worker] = heard.others
    for each in (heard, worker):
        assert each.words
        assert all(isinstance(start, tuple) and said == f"{start[0]} is done" for start, _, said in _threes(each.words))


def _threes(words: list[object]) -> list[tuple[object, object, object]]:
    return list(zip(words[::3], words[1::3], words[2::3], strict=True))


def test_workers_are_not_held_up_where_nobody_listens() -> None:
    with two_processes():
        doers = {each.result() for each in [parallel.submit(many_words) for _ in range(4)]}
    assert len(doers) == 2  # each said more than the queue holds


def test_warnings_of_workers_are_given_here() -> None:
    with two_processes(), pytest.warns(UserWarning, match="is strange") as caught:
        doers = {each.result() for each in [parallel.submit(warned, name) for name in "abcd"]}
    assert len(doers) == 2
    assert sorted(str(each.message)[0] for each in caught) == ["a", "b", "c", "d"]


@dataclass(frozen=True, config=STRICT)
class Told(Uniform):
    """Says in a note which process measured it."""

    kind: Literal["told"] = Field(default="told", kw_only=True)  # type: ignore[assignment]
    place: int = 0

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        time.sleep(0.3)
        return replace(super().transmit(channel, shared, labels), notes=(str(os.getpid()),))


def test_codes_measured_side_by_side_have_the_bits_that_they_have_alone() -> None:
    data, net = load("digits", View(limit=100)), NetLearner("mlp-small", training=Steps(min_steps=20, max_steps=20))
    ensemble = EnsembleLearner(net, size=2)
    codes = [
        Told(place=0),
        TwoPart(net),
        Prequential((net, ensemble)),
        BestOf((TwoPart(net), Uniform())),
        Told(place=1),
    ]
    alone = compare(data, codes)
    with two_processes():
        together = compare(data, codes)
    assert [each.bits_by_part for each in together] == [each.bits_by_part for each in alone]
    assert [each.code for each in together] == [each.code for each in alone]
    doers = [each.notes for each in (together[0], together[-1])]
    assert doers[0] == (str(os.getpid()),)
    assert doers[1] != doers[0]  # the worker begins at the other end


def test_no_worker_is_started_for_little_work() -> None:
    with parallel.processes(8) as pool, parallel.using(pool):
        assert {each.result() for each in [parallel.submit(part_of_the_work) for _ in range(3)]} == {os.getpid()}
        assert multiprocessing.active_children() == []


def test_no_core_is_idle_while_something_waits() -> None:
    """Who waits for what another one does takes what is to be done later, and what was to be done earlier is left."""
    crew = Crew(2, after_cpu_seconds=1e9)
    first, second, third = (crew.submit(pow, 2, power) for power in (1, 2, 3))
    assert crew._taken(None) is first  # as a worker does
    with patch.object(first, "done", lambda: second.done() and third.done()):
        crew.help(first)
    assert (second.result(), third.result()) == (4, 8)
    again = crew.submit(pow, 2, 4)
    last = crew.submit(pow, 2, 5)
    assert last.result() == 32
    assert not again.done()
    assert again.result() == 16
    crew.end(failed=False)


def test_a_worker_that_is_ended_from_outside_is_a_clear_line() -> None:
    with pytest.raises(MdlError, match="fewer `workers`"), two_processes():
        end_workers()


def end_workers() -> None:
    for each in [parallel.submit(ended_if_not, os.getpid()) for _ in range(4)]:
        each.result()


def ended_if_not(process: int) -> None:
    time.sleep(0.3)
    if os.getpid() != process:
        os._exit(9)


def test_waiting_threads_sleep(tmp_path: Path) -> None:
    script = "import mdlcode, os; print(os.environ['OMP_WAIT_POLICY'], os.environ['KMP_BLOCKTIME'])"
    for given, wanted in (({}, "PASSIVE 0"), ({"OMP_WAIT_POLICY": "ACTIVE", "KMP_BLOCKTIME": "7"}, "ACTIVE 7")):
        rest = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "KMP_BLOCKTIME")}
        run = subprocess.run(
            [sys.executable, "-c", script], env=rest | given, capture_output=True, text=True, check=True
        )
        assert run.stdout.split() == wanted.split()


_KILLED = """
import os, time
from mdlcode import parallel
def slow_pid():
    time.sleep(1)
    return os.getpid()
if __name__ == "__main__":
    with parallel.processes(2, after_cpu_seconds=0) as pool:
        print(*{each.result() for each in [pool.submit(slow_pid) for _ in range(20)]} - {os.getpid()}, flush=True)
        time.sleep(600)
"""


def test_workers_end_with_a_command_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(_KILLED)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as command:
        assert command.stdout is not None
        worker = int(command.stdout.readline())
        assert _alive(worker)
        command.kill()
    _until(lambda: not _alive(worker))


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _until(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not there():
        assert time.monotonic() < end, "the words did not arrive"
        time.sleep(0.05)


_FEW_FILES = """
import resource
import numpy as np
import torch
from mdlcode import parallel
from mdlcode.codes import Listed, Prequential
from mdlcode.data import from_arrays
from mdlcode.learn import Learner, Predictor

class Holding(Predictor):
    def __init__(self, rows):
        self.rows = [rows.clone() for _ in range(4)]  # a net's tensors
    def predict(self, inputs):
        return self.rows[0].expand(len(inputs), 2).numpy()

class Constant(Learner):
    def fit(self, shared, labels):
        return Holding(torch.full((1, 2), 0.5, dtype=torch.float64))

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    data = from_arrays(np.zeros((600, 1), dtype=np.float32), np.arange(600) % 2)
    code = Prequential((Constant(),), schedule=Listed(tuple(range(8, 508))))
    with parallel.processes(2, after_cpu_seconds=0) as pool, parallel.using(pool):
        received = code.measure(data).received
    print(len(received.traces["block_stops"]), received.predictor.predict(data.shared.inputs[:1]).tolist())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of open files are told otherwise")
def test_five_hundred_blocks_on_two_workers_take_few_open_files(tmp_path: Path) -> None:
    script = tmp_path / "few.py"
    script.write_text(_FEW_FILES)
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300, check=False)
    assert ran.stdout == "501 [[0.5, 0.5]]\n", ran.stderr


def settings_here() -> tuple[int, str | None, str | None]:
    return torch.get_num_threads(), os.environ.get("MDLCODE_CACHE"), os.environ.get("MDLCODE_MAX_STEPS")


def test_workers_have_the_threads_and_limits_of_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that is started by somebody else, such as another machine's."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool, parallel.using(pool):
        before = torch.get_num_threads()
        torch.set_num_threads(3)
        try:
            monkeypatch.setenv("MDLCODE_CACHE", "there")
            monkeypatch.setenv("MDLCODE_MAX_STEPS", "7")
            assert parallel.submit(settings_here).result() == (3, "there", "7")
            monkeypatch.delenv("MDLCODE_MAX_STEPS")
            assert parallel.submit(settings_here).result() == (3, "there", None)
        finally:
            torch.set_num_threads(before)
