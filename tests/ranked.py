"""What `tests/test_ranks.py` starts: two processes by torch's launcher, of which rank 0 writes what it finds."""

import io
import json
import os
import signal
import socket
import sys
import time
from contextlib import redirect_stderr, redirect_stdout, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from mdlcode import Data, MdlError, Shared, View, cached, load, ranks
from mdlcode.cli import main
from mdlcode.codes import Prequential
from mdlcode.learn import FixMatch, NetLearner, Regularisation, Steps
from mdlcode.learn.nets.augment import Affine
from mdlcode.learn.nets.checkpoints import Checkpoint
from mdlcode.learn.nets.optimizer import Sgd
from mdlcode.learn.nets.predictor import Prediction
from mdlcode.typing import IntArray

LIMIT = 90
CODE = Prequential(learners=(NetLearner("mlp-1x8", training=Steps(min_steps=20, batch_size=33)),))
FEW = Steps(min_steps=3, max_steps=3, batch_size=33)
LEARNERS = {
    # By SGD: Adam steps as far along a gradient of rounding errors, as one before a batch norm is, as along any other.
    "batch norm": NetLearner("tinycnn", FEW, Sgd(lr=0.01), regularisation=Regularisation(Affine(), 0.1)),
    "averaged": NetLearner("mlp-1x8", training=FEW, prediction=Prediction(ema_decay=0.5)),
    "one input": NetLearner("mlp-1x8", training=Steps(min_steps=3, max_steps=3, batch_size=1)),
}
DROPPING = NetLearner("nets_of_mine:dropping", training=Steps(min_steps=9, max_steps=9, batch_size=8))
REFUSED = {
    "FixMatch": NetLearner("mlp-1x8", training=FEW, regularisation=Regularisation(unlabelled=FixMatch(8))),
    "compiled": NetLearner("mlp-1x8", training=FEW, compiled=True),
}
COMMANDS = {
    "encode": ["--out", "message"],
    "decode": ["message", "--out", "labels.npy"],
    "verify": [],
    "compare": ["--workers", "2"],
}


def data() -> Data:
    return load("digits", View(limit=LIMIT))


def trained(learner: NetLearner, digits: Data) -> list[float]:
    """All that a trained net holds."""
    net = learner.fit(digits.shared, digits.labels).net
    return [number for each in net.state_dict().values() for number in each.flatten().tolist()]


def command(name: str, *words: str) -> tuple[int, str]:
    """The exit status of a command and the lines that it says."""
    said, told = io.StringIO(), ["--code", "prequential"] * (name in ("encode", "verify"))
    view = [] if name == "decode" else ["--limit", str(LIMIT), "--config", "config.yaml"]
    with (
        patch.object(sys, "argv", ["mdlcode", name, "digits", *words, *told, *view]),
        redirect_stdout(said),
        redirect_stderr(said),
    ):
        try:
            main()
        except SystemExit as left:
            return int(left.code or 0), said.getvalue()
    return 0, said.getvalue()


def ended(shared: Shared, labels: IntArray) -> None:
    """A training that ends, on all ranks, after five steps, which are kept."""

    def at(checkpoint: Checkpoint, step: int) -> None:
        checkpoint.step = step
        if step == 5:
            checkpoint.save(step)
            raise MdlError("ended")

    with patch.object(Checkpoint, "at", at):
        DROPPING.fit(shared, labels)


def lost(shared: Shared) -> None:
    """Work in the middle of which one process dies."""
    if dist.get_rank() == 1:
        os._exit(3)
    dist.all_reduce(shared.inputs[:1].float())


def forever(shared: Shared) -> None:
    """Work that does not end."""
    Path("begun").touch()
    while True:
        dist.all_reduce(shared.inputs[:1].float())


def orphaned() -> int | None:
    """The exit status of the second of two processes, which no launcher watches, once the first is killed at work."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        place = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": str(free.getsockname()[1])}
    first, second = (get_context("fork").Process(target=_endless, args=(place, rank)) for rank in (0, 1))
    first.start()
    second.start()
    last = time.monotonic() + 120
    while not Path("begun").exists() and time.monotonic() < last:
        time.sleep(0.1)
    first.kill()
    second.join(60)
    second.kill()
    second.join()
    return second.exitcode


def _endless(place: dict[str, str], rank: int) -> None:
    os.environ |= {**place, "RANK": str(rank)}
    ranks.run(lambda: ranks.together(forever, data().shared))


def told(work: Any, *arguments: Any) -> str:
    """What the MdlError of some work says."""
    try:
        work(*arguments)
    except MdlError as error:
        return str(error)
    return ""


def lead() -> None:
    digits, found = data(), dict[str, Any]()
    found["bits"] = CODE.codelength(digits).total_bits
    found["nets"] = {name: trained(learner, digits) for name, learner in LEARNERS.items()}
    found["refused"] = {name: told(learner.fit, digits.shared, digits.labels) for name, learner in REFUSED.items()}
    found["commands"] = {name: command(name, *words) for name, words in COMMANDS.items()}
    found["undisturbed"] = trained(DROPPING, digits)
    with cached("finished"):
        with suppress(MdlError):
            ranks.together(ended, digits.shared, digits.labels)
        found["entries"] = len([*Path("finished").glob("??/*")])
        found["resumed"] = trained(DROPPING, digits)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the launcher's, who sees the other one die, too
    found["lost"] = [told(ranks.together, lost, digits.shared), told(CODE.codelength, load("digits", View(limit=20)))]
    Path("found.json").write_text(json.dumps(found))
    os._exit(0)  # a function that was launched is kept until the launcher has read what it returns


def launched() -> None:
    """Both, by what torchrun itself calls; as forks, which spares each process the start of torch."""
    torch.set_num_threads(1)
    config = LaunchConfig(
        1, 1, 2, run_id="ranks", rdzv_backend="c10d", rdzv_endpoint="localhost:0", max_restarts=0, start_method="fork"
    )
    ended = dict[str, list[int | None]]()
    try:
        elastic_launch(config, ranks.run)(lead)
    except ChildFailedError as error:
        ended["failed"] = list(error.failures)
    ended["orphaned"] = [orphaned()]
    Path("ended.json").write_text(json.dumps(ended))


if __name__ == "__main__":
    launched()
