"""Engines: the same bits from each, data that go there once, dead workers made good, and faults in one line."""

import errno
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from elsewhere import identity, once_killed, said, waits_for
from test_parallel import Heard

from conftest import Run
from mdlcode import engines, parallel, progress
from mdlcode.codes import Prequential
from mdlcode.codes.schedule import Listed
from mdlcode.data import Data
from mdlcode.engines import Place, place_of
from mdlcode.errors import MdlError
from mdlcode.learn import NetLearner, Steps

pytest.importorskip("cloudpickle", reason="no engine is installed: pip install 'mdlcode[ray,dask,slurm]'")
from mdlcode.engines import carried
from mdlcode.engines.packing import Packer
from mdlcode.engines.task import Outcome, Task

CODE = Prequential((NetLearner(arch="mlp-1x4", training=Steps(min_steps=5, max_steps=5)),), Listed((40, 80)))
JOBS = """
folder: jobs
cluster: local
at_once: 1
setup:
  - test -e jobs/died || { touch jobs/died; kill -9 $$; }
"""


@pytest.fixture(scope="module", params=["ray:2", "dask:2"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """An executor of two workers."""
    place = Place(*request.param.split(":"))
    package = {"ray": "ray", "dask": "distributed"}[place.engine]
    pytest.importorskip(package, reason=f"no {package}: pip install 'mdlcode[{place.engine}]'")
    with engines.opened(place) as executor:
        assert executor is not None
        yield executor


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file for jobs that are processes here; nobody waits for files that a file system may show later."""
    submitit = pytest.importorskip("submitit", reason="no submitit: pip install 'mdlcode[slurm]'")
    monkeypatch.setattr(submitit.Job, "_results_timeout_s", 0)
    monkeypatch.setenv("MDLCODE_CACHE", "")  # a job is needed, whatever other tests have finished
    monkeypatch.chdir(tmp_path)
    return tmp_path / "jobs.yaml"


def encoded(executor: Executor | None, data: Data) -> bytes:
    with parallel.using(executor):
        return replace(CODE).encode(replace(data))  # new ones: nothing is taken from the last run


def test_a_cluster_gives_the_bits_of_one_process(cluster: Executor, digits: Data) -> None:
    assert encoded(cluster, digits) == encoded(None, digits)


def test_data_go_to_a_worker_once(cluster: Executor, digits: Data) -> None:
    again = replace(digits)  # equal, and so the same to the engine
    seen = [cluster.submit(identity, each) for each in [digits] * 6 + [again] * 6]
    assert len({each.result() for each in seen}) <= 2  # objects of each worker
    brought = cluster._residents.references  # type: ignore[attr-defined]
    assert len(brought) == 2  # the data, and the inputs in them
    assert cluster.submit(lambda data: data, digits).result() is digits


def test_steps_lines_warnings_threads_and_errors_come_back(cluster: Executor) -> None:
    heard = Heard()
    with progress.listening(heard):
        with pytest.raises(MdlError, match="and ended"), pytest.warns(UserWarning, match="not too fast"):
            cluster.submit(said, MdlError).result()
        with pytest.raises(KeyError) as caught, pytest.warns(UserWarning, match="not too fast"):
            cluster.submit(said, KeyError).result()
    assert heard.words == [3, "well begun"] * 2
    assert "in said" in caught.value.__notes__[0]


def test_what_is_done_is_told_while_other_tasks_go_on(cluster: Executor, tmp_path: Path) -> None:
    heard, flags = Heard(), [tmp_path / "first", tmp_path / "second"]
    with progress.listening(heard):
        first, second = (cluster.submit(waits_for, flag, steps) for flag, steps in zip(flags, (3, 4), strict=True))
        flags[1].touch()
        second.result()
        assert heard.words == [4]  # before anybody asks for what is still under way
        flags[0].touch()
        first.result()
    assert heard.words == [4, 3]


def test_a_piece_that_is_waited_for_is_named_at_times_that_double(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried, "FIRST_SAID_SECONDS", 0.1)
    executor, heard = carried.Carried(Late()), Heard()
    with progress.listening(heard):
        assert [executor.submit(int).result(), executor.submit(int).result()] == [7, 7]
    *lines, steps = heard.words[1:]  # what is there at once gives no line
    assert heard.words[0] == steps == 2
    assert 1 <= len(lines) <= 3  # after 0.1, 0.2 and 0.4 seconds
    assert set(lines) == {"waiting for piece 2 that went to late, sent 0 min ago: its steps are told when it is done"}


class Late(carried.Engine):
    """An engine that has the first outcome at once, and the next ones after 0.6 seconds."""

    name, late_seconds = "late", 0.0

    def put(self, name: str, blob: bytes) -> None:
        """Nothing has residents."""

    def send(self, task: Task, references: Sequence[object]) -> "Future[bytes]":
        future: Future[bytes] = Future()
        outcome = Packer(lambda resident: None).packed(Outcome(value=7, steps=2))
        threading.Timer(self.late_seconds, future.set_result, [outcome]).start()
        self.late_seconds = 0.6
        return future


def test_a_killed_worker_is_made_good(cluster: Executor, tmp_path: Path, digits: Data) -> None:
    second = cluster.submit(once_killed, tmp_path / "flag").result()
    assert second != int((tmp_path / "flag").read_text())
    assert cluster.submit(identity, digits).result()  # the data are still there


def test_a_worker_of_another_version_ends_the_work(cluster: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdlcode.environment.version", lambda name: "0.0")
    with pytest.raises(BrokenExecutor, match=r"a worker has mdlcode \S+, here it is 0.0, and its bits may differ"):
        cluster.submit(pow, 2, 3).result()


def test_jobs_of_slurm_give_the_same_bits_and_are_sent_again(jobs: Path, digits: Data) -> None:
    jobs.write_text(JOBS)
    code = replace(CODE, schedule=Listed((80,)))
    heard = Heard()
    with progress.listening(heard), engines.opened(place_of(f"slurm:{jobs}")) as executor, parallel.using(executor):
        message = code.encode(digits)
    assert heard.words == [("prequential", 5), 5]
    assert message == replace(code).encode(replace(digits))
    assert Path("jobs/died").is_file()
    assert not [*Path("jobs").glob("*.pkl")]
    assert len([*Path("jobs/residents").iterdir()]) == 1


def test_a_job_that_never_ends_well_is_a_line(jobs: Path) -> None:
    jobs.write_text("folder: jobs\ncluster: local\nsetup: [kill -9 $$]\n")
    with engines.opened(place_of(f"slurm:{jobs}")) as executor:
        assert executor is not None
        with pytest.raises(BrokenExecutor, match=r"^slurm: a job ended 3 times without an outcome: see .*err$"):
            executor.submit(pow, 2, 3).result()


def test_a_full_disk_of_jobs_is_a_line(jobs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs.write_text("folder: jobs\ncluster: local\n")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("submitit.AutoExecutor.submit", full)
    with engines.opened(place_of(f"slurm:{jobs}")) as executor:
        assert executor is not None
        with pytest.raises(BrokenExecutor, match=r"^slurm: .*No space left on device"):
            executor.submit(pow, 2, 3).result()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("folder: jobs\npartiton: gpu\n", "unknown key 'partiton', did you mean 'partition'?"),
        ("folder: jobs\nminutes: soon\n", "`minutes` is 'soon': a whole number is needed"),
        ("partition: gpu\n", "`folder` is missing"),
        ("- gpu\n", "must be a mapping"),
        ("folder: [", "can't be read"),
        ("folder: jobs\n", "no jobs can be sent: Could not detect"),
    ],
)
def test_faults_of_jobs(text: str, line: str, jobs: Path) -> None:
    jobs.write_text(text)
    with pytest.raises(MdlError) as caught, engines.opened(place_of(f"slurm:{jobs}")):
        pass
    assert line in str(caught.value)


@pytest.mark.parametrize("engine", ["ray:127.0.0.1:1", "dask:tcp://127.0.0.1:1", "ray:ray://127.0.0.1:1"])
def test_an_address_where_nobody_is(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, address = engine.partition(":")
    module = pytest.importorskip(f"mdlcode.engines.{name}")
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.3)
    with pytest.raises(MdlError, match=f"^no .* at '{address}'"), engines.opened(place_of(engine)):
        pass


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("--executor spark", "error: --executor is 'spark': processes:N, ray[:N or :ADDRESS]"),
        ("--executor processes:0", "error: --executor is 'processes:0'"),
        ("--executor ray:0", "error: --executor is 'ray:0'"),
        ("--executor slurm", "error: --executor is 'slurm'"),
        ("--executor ray --workers 2", "error: --workers 2 is short for --executor processes:2: leave one"),
        ("--executor slurm:none.yaml", "error: jobs none.yaml can't be read"),
        ("--executor dask", "error: --executor dask needs the package distributed: pip install 'mdlcode[dask]'"),
    ],
)
def test_a_wrong_executor_is_one_line(arguments: str, line: str, mdlcode: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdlcode.engines.find_spec", lambda name: None if name == "distributed" else find_spec(name))
    ran = mdlcode("compare", "digits", "--codes", "uniform", "--limit", 20, *arguments.split())
    assert ran.returncode == 2
    assert " ".join(ran.stderr.split()).startswith(line)


def test_what_is_typed_overrides_the_other_word_of_a_config(mdlcode: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("limit: 20\nworkers: 2\ncodes: uniform\n")
    ran = mdlcode("compare", "digits", "--config", tmp_path / "c.yaml", "--executor", "processes:1")
    assert ran.returncode == 0, ran.stderr
    assert f"--executor processes:1 overrides workers: 2 of {tmp_path / 'c.yaml'}" in ran.stderr
