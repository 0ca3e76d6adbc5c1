"""Slurm behind the standard executor, through submitit: each task is a job, residents are files that all nodes see."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError
from pydantic.dataclasses import dataclass as settings

from mdlcode.config import STRICT, Settings
from mdlcode.engines.carried import Carried, Engine
from mdlcode.engines.task import Task
from mdlcode.engines.worker import run
from mdlcode.errors import MdlError, in_one_line
from mdlcode.files import make_folder, write_atomically
from mdlcode.validation import one_line

_POLL_SECONDS = 0.2
_ATTEMPTS = 3  # at a task whose job ended without an outcome


@settings(frozen=True, config=STRICT)
class Jobs(Settings):
    """What a job asks Slurm for. `folder` is one that all nodes see, for tasks, outcomes, residents and logs.

    At most `at_once` jobs are in the queue at a time. `setup` are lines of shell before a job. With `cluster` local,
    jobs are processes of this machine, to try with.

    >>> Jobs(folder=Path("jobs"), partition="gpu", gpus_per_node=1).at_once
    64
    """

    folder: Path
    cluster: Literal["slurm", "local"] = "slurm"
    at_once: int = Field(default=64, ge=1)
    minutes: int = Field(default=60, ge=1)
    memory_gib: float | None = Field(default=None, gt=0)
    gpus_per_node: int | None = Field(default=None, ge=0)
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    setup: tuple[str, ...] = ()

    def parameters(self, threads: int) -> dict[str, Any]:
        """The same in submitit's words."""
        own = {name: getattr(self, name) for name in ("partition", "account", "qos", "constraint")}
        asked: dict[str, Any] = {
            "timeout_min": self.minutes,
            "mem_gb": self.memory_gib,
            "gpus_per_node": self.gpus_per_node,
        }
        asked |= {f"slurm_{name}": value for name, value in own.items()}
        asked |= {f"{self.cluster}_setup": list(self.setup) or None, "cpus_per_task": threads, "name": "mdlcode"}
        return {name: value for name, value in asked.items() if value is not None}


def read_jobs(path: Path) -> Jobs:
    """The settings in a YAML file. Raises MdlError where it can't be read, for unknown keys and values out of range."""
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise MdlError(f"jobs {path} can't be read: {in_one_line(error)}") from None
    if not isinstance(values, dict):
        raise MdlError(f"jobs {path} must be a mapping: `folder`, `partition`, `minutes` and the like")
    try:
        return Jobs(**values)
    except (MdlError, ValidationError, TypeError) as error:
        line = one_line(error) if isinstance(error, ValidationError) else in_one_line(error)
        raise MdlError(f"jobs {path}: {line}") from None


def run_files(task: Task, *paths: Path) -> bytes:
    """In a job: `run`, with the bytes of residents read from files."""
    return run(task, *(path.read_bytes() for path in paths))


@dataclass
class _Sent:
    """A task on its way."""

    task: Task
    paths: Sequence[Path]
    future: "Future[bytes]" = field(default_factory=Future)
    attempts: int = 0
    job: Any = None


class Slurm(Engine):
    """Jobs of one submitit executor. A thread submits them and waits; `end` cancels those that are not done."""

    name = "slurm"

    def __init__(self, executor: Any, folder: Path, at_once: int) -> None:
        self._executor, self._folder, self._at_once = executor, folder, at_once
        self._waiting: deque[_Sent] = deque()
        self._running: list[_Sent] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def put(self, name: str, blob: bytes) -> Path:
        """A file by that name, which may be there from another command."""
        path = self._folder / name
        if not path.is_file():
            write_atomically(path, lambda file: file.write(blob))
        return path

    def send(self, task: Task, references: Sequence[Path]) -> "Future[bytes]":
        """The task waits for its turn."""
        sent = _Sent(task, references)
        self._waiting.append(sent)
        return sent.future

    def end(self) -> None:
        """No further jobs."""
        self._ended.set()
        self._thread.join()
        for each in self._running:
            with suppress(Exception):  # it may be done by now
                each.job.cancel()

    def _watch(self) -> None:
        while not self._ended.is_set():
            while self._waiting and len(self._running) < self._at_once:
                self._submit(self._waiting.popleft())
            self._running = [each for each in self._running if not self._arrived(each)]
            time.sleep(_POLL_SECONDS)

    def _submit(self, sent: _Sent) -> None:
        sent.attempts += 1
        try:
            sent.job = self._executor.submit(run_files, sent.task, *sent.paths)
        except Exception as error:  # of many classes, and what Slurm answers
            sent.future.set_exception(error)
            return
        self._running.append(sent)

    def _arrived(self, sent: _Sent) -> bool:
        from submitit.core.utils import UncompletedJobError

        if not sent.job.done():
            return False
        try:
            outcome = sent.job.result()
        except UncompletedJobError:  # killed, or its node was lost: the same again
            if sent.attempts < _ATTEMPTS:
                self._waiting.appendleft(sent)
            else:
                sent.future.set_exception(MdlError(f"a job ended {_ATTEMPTS} times without an outcome: {_log(sent)}"))
        except Exception:  # before `run` could tell
            sent.future.set_exception(MdlError(f"a job failed: {_log(sent)}"))
        else:
            sent.future.set_result(outcome)
        for path in (sent.job.paths.submitted_pickle, sent.job.paths.result_pickle):
            path.unlink(missing_ok=True)
        return True


def _log(sent: _Sent) -> str:
    return f"see {sent.job.paths.stderr}"


@contextmanager
def opened(where: str, threads: int) -> Iterator[Executor]:
    """An executor of jobs as the file `where` has them. Raises MdlError as `read_jobs` does, and for no Slurm."""
    import submitit

    jobs = read_jobs(Path(where))
    residents = jobs.folder.absolute() / "residents"
    make_folder(residents)
    try:
        executor = submitit.AutoExecutor(jobs.folder.absolute(), cluster=jobs.cluster)
        executor.update_parameters(**jobs.parameters(threads))
    except Exception as error:  # of many classes, by what is wrong
        raise MdlError(f"no jobs can be sent: {in_one_line(error)}") from None
    engine = Slurm(executor, residents, jobs.at_once)
    try:
        yield Carried(engine)
    finally:
        engine.end()
