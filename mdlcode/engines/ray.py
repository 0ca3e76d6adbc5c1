"""Ray behind the standard executor: residents lie in its object store, one copy on each node."""

import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any

import numpy as np

from mdlcode.engines.carried import Carried, Engine
from mdlcode.engines.task import Task
from mdlcode.engines.worker import run
from mdlcode.errors import MdlError, in_one_line

_RETRIES = 3  # of a task whose worker died
_PATIENCE_SECONDS = 5.0


class Ray(Engine):
    """Tasks of so many CPUs each, and of one GPU where the data lie on one."""

    name = "ray"

    def __init__(self, threads: int) -> None:
        import ray

        self._threads, self._run, self._put = threads, ray.remote(run), ray.put

    def put(self, name: str, blob: bytes) -> Any:
        """Into the object store. As an array, which workers read where it lies, without a copy."""
        return self._put(np.frombuffer(blob, dtype=np.uint8))

    def send(self, task: Task, references: Sequence[Any]) -> "Future[bytes]":
        """Ray brings the bytes of the references to the worker's node first."""
        wanted = {"num_cpus": self._threads, "num_gpus": int(task.on_gpu), "max_retries": _RETRIES}
        future: Future[bytes] = self._run.options(**wanted).remote(task, *references).future()
        return future


@contextmanager
def opened(where: str, threads: int) -> Iterator[Executor]:
    """An executor on the cluster at `where`, or on a new one of so many workers on this machine.

    A cluster that this process is connected to already is used as it is. Raises MdlError where there is none.
    """
    import ray

    if ray.is_initialized():
        yield Carried(Ray(threads))
        return
    try:
        if where.isdigit():
            ray.init(num_cpus=int(where) * threads, include_dashboard=False, log_to_driver=False, logging_level="error")
        else:
            _reach(where)
            ray.init(address=where, log_to_driver=False, logging_level="error")
    except Exception as error:  # of many classes, by what is wrong
        raise MdlError(f"no Ray cluster at '{where}': {in_one_line(error)}") from None
    try:
        yield Carried(Ray(threads))
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raises OSError where nobody listens at host:port; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE_SECONDS).close()
