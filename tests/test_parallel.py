"""Workers: what they say reaches the command, and they start and end as they should."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch

from mdlcode import parallel, progress
from mdlcode.errors import MdlError


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


def part_of_the_work() -> None:
    progress.advance(3)


def work_of_its_own(name: str) -> tuple[bool, int]:
    progress.start(name, 2)
    progress.advance(2)
    progress.say(f"{name} is done")
    time.sleep(0.3)  # so that the other one goes to the other worker
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN, torch.get_num_threads()


def test_steps_of_workers_count_for_the_work_of_all() -> None:
    heard = Heard()
    with progress.listening(heard), parallel.processes(2, threads=1) as pool, parallel.using(pool):
        progress.start("blocks", 6)
        for each in [parallel.submit(part_of_the_work) for _ in range(2)]:
            each.result()
        _until(lambda: len(heard.words) == 3)
    assert heard.words == [("blocks", 6), 3, 3]
    assert heard.others == []


def test_work_of_their_own_is_shown_beside() -> None:
    heard = Heard()
    with progress.listening(heard), parallel.processes(2, threads=1) as pool, parallel.using(pool):
        states = [each.result() for each in [parallel.submit(work_of_its_own, name) for name in ("a", "b")]]
        _until(lambda: sum(len(each.words) for each in heard.others) == 6)
    assert states == [(True, 1)] * 2  # Ctrl-C ends them through the command, and alone they have one thread
    assert heard.words == []
    words = [word for each in heard.others for word in each.words]  # of two workers, or one that was quicker
    assert sorted(map(str, words)) == ["('a', 2)", "('b', 2)", "2", "2", "a is done", "b is done"]


def test_workers_are_not_held_up_where_nobody_listens() -> None:
    with parallel.processes(2, threads=1) as pool, parallel.using(pool):
        assert parallel.submit(many_words).result() == 5000  # more than the queue holds


def many_words() -> int:
    for _ in range(5000):
        progress.advance(1)
    return 5000


def test_a_worker_that_is_ended_from_outside_is_a_clear_line() -> None:
    with (
        pytest.raises(MdlError, match="fewer `workers`"),
        parallel.processes(2, threads=1) as pool,
        parallel.using(pool),
    ):
        parallel.submit(os._exit, 9).result()


_KILLED = """
import os, time
from mdlcode import parallel
if __name__ == "__main__":
    with parallel.processes(2, threads=1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 600).result()
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
    with parallel.processes(2, threads=1) as pool, parallel.using(pool):
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
