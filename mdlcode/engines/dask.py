"""Dask behind the standard executor: `Client.get_executor`, and residents scattered to all workers."""

import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mdlcode.engines.carried import Carried, Engine
from mdlcode.engines.task import Task
from mdlcode.engines.worker import run
from mdlcode.errors import MdlError, in_one_line

if TYPE_CHECKING:
    from distributed import Client

_PATIENCE_SECONDS = 10.0


class Dask(Engine):
    """Tasks of one client."""

    name = "dask"

    def __init__(self, client: "Client") -> None:
        self._client, self._executor = client, client.get_executor(pure=False)

    def put(self, name: str, blob: bytes) -> Any:
        """To all workers: what only one holds would die with it."""
        return self._client.scatter(blob, broadcast=True, hash=False)

    def send(self, task: Task, references: Sequence[Any]) -> "Future[bytes]":
        """Dask hands the bytes of the references to the worker."""
        future: Future[bytes] = self._executor.submit(run, task, *references)
        return future

    def explained(self, error: BaseException) -> str:
        """As of `Engine`."""
        if isinstance(error, CancelledError):
            return "all workers that held the data are gone: start others, and run the command again"
        return in_one_line(error)


@contextmanager
def opened(where: str, threads: int) -> Iterator[Executor]:
    """An executor on the cluster at `where`, or on a new one of so many workers on this machine.

    Raises MdlError where no scheduler answers, or one that has no workers.
    """
    import dask
    from distributed import Client, LocalCluster

    variable = {"distributed.nanny.pre-spawn-environ.OMP_NUM_THREADS": threads}
    with dask.config.set(variable), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Port .* is already in use")  # of the dashboard, which nobody asked for
        try:
            if where.isdigit():
                settings = {"threads_per_worker": 1, "memory_limit": 0, "dashboard_address": None}
                cluster = LocalCluster(n_workers=int(where), silence_logs="ERROR", **settings)
                client = Client(cluster)
            else:
                cluster, client = None, Client(where, timeout=_PATIENCE_SECONDS)
                client.wait_for_workers(1, timeout=_PATIENCE_SECONDS)
        except Exception as error:  # of many classes, by what is wrong
            raise MdlError(f"no Dask cluster with workers at '{where}': {in_one_line(error)}") from None
    try:
        yield Carried(Dask(client))
    finally:
        client.close()
        if cluster is not None:
            cluster.close()
