"""Alice's end of Bob: starts his process, gives it messages, and reads his labels."""

import dataclasses
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import mdlcode
from mdlcode import finished, limits, progress
from mdlcode.codes.base import Code
from mdlcode.config import to_config
from mdlcode.data.base import Shared
from mdlcode.data.sequences import Sequences
from mdlcode.environment import num_ranks
from mdlcode.errors import MdlError
from mdlcode.proof import bobs_process
from mdlcode.proof.confinement import packages
from mdlcode.proof.modules import copy_modules
from mdlcode.trust import imported, names
from mdlcode.typing import IntArray

# All that Bob's process sees of the environment; threads and kernels must be Alice's, or the bits differ.
_ENVIRONMENT = (
    *("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT"),
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_CBWR"),
    *("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG"),
    *(limits.STEPS, limits.MEMORY),
)
SealedCode = bytes


@dataclass(frozen=True, eq=False)
class Answer:
    """What Bob made of a message: the labels (n,), or None and why not; what he was confined by, and the time."""

    labels: IntArray | None
    error: str
    confined_by: tuple[str, ...]
    seconds: float


def seal(code: Code) -> SealedCode:
    """A code as Bob gets it; to be made before the code meets a label. Raises MdlError where it can't be sent.

    What the code names is imported, since Bob is given the modules that are loaded here: so far a worker may have been
    the only process to need it.
    """
    for name in names(to_config(code)):
        with suppress(MdlError):  # a text with a colon need not name a module
            imported(name, "code")
    try:
        sealed = pickle.dumps(code)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise MdlError(f"the code can't be sent to another process: {error}") from None
    if b"__main__" in sealed:
        raise MdlError("the code can't be sent to another process: put what a script or notebook defines into a module")
    return sealed


class Bob:
    """A process that holds the inputs and is given messages; a context manager, which ends it.

    It is started before Alice speaks, so that nothing which a code does with the labels can change what Bob has:
    his inputs, environment and `readable` files (none but those named, besides installed software) are set.
    Each message is decoded by a process that has seen no other.
    """

    def __init__(self, shared: Shared, readable: Iterable[Path] = ()) -> None:
        if (count := num_ranks()) > 1:
            raise MdlError(
                f"Bob is one process, and {count} train each net together: run encode and then decode, both by torchrun"
            )
        self._readable = [str(_without_store(path.resolve())) for path in readable]
        self._folder = tempfile.TemporaryDirectory(prefix="mdlcode-bob-")
        self._began_seconds = time.time()
        self._device = str(shared.inputs.device)
        (Path(self._folder.name) / bobs_process.CANARY).write_text("This file is not for Bob.")
        self._own = Path(self._folder.name).resolve() / "bob"
        self._own.mkdir()
        np.save(self._own / "inputs.npy", shared.inputs.cpu().numpy())
        if shared.sequences is not None:
            np.save(self._own / "mask.npy", shared.sequences.mask)
        others = {each.name: _plain(getattr(shared, each.name)) for each in dataclasses.fields(Shared)[1:]}
        (self._own / "shared.json").write_text(json.dumps(others))
        self._environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        self._environment["PYTHONPATH"] = os.pathsep.join([*packages(), str(Path(mdlcode.__file__).parents[1])])
        self._process = self._start()

    def __enter__(self) -> "Bob":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._folder.cleanup()

    def decode(self, code: SealedCode, message: bytes) -> Answer:
        """What Bob makes of a message of this code."""
        begin = time.perf_counter()
        task = Path(tempfile.mkdtemp(dir=self._own))
        try:
            changed = copy_modules(task / "modules", self._began_seconds)
            (task / "code.pickle").write_bytes(code)
            (task / "message").write_bytes(message)
            store = finished.in_use()
            asked = {
                "threads": torch.get_num_threads(),
                "device": self._device,
                "readable": self._readable,
                "secret": [] if store is None else [str(store.folder)],
            }
            (task / "task.json").write_text(json.dumps(asked))
            status = self._ask(task.name)
            answer = _read(task, status, begin)
            note = f"; he was not given what changed meanwhile: {', '.join(changed)}" if changed else ""
            return replace(answer, error=answer.error + note) if answer.error else answer
        finally:
            shutil.rmtree(task)
            if not bobs_process.FORKS:
                self._end()
                self._process = self._start()

    def _start(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-P", "-m", "mdlcode.proof.bobs_process", str(self._own)]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, stdin=pipe, stdout=pipe, env=self._environment, cwd=self._own, text=True, encoding="utf-8"
        )

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _ask(self, name: str) -> int:
        """The exit status of the process that answered; progress on the way reaches the listener here."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            reply = json.loads(line)
            if "ended" in reply:
                return int(reply["ended"])
            word, *arguments = reply["progress"]
            getattr(progress, word)(*arguments)
        raise MdlError(f"Bob's process ended before it answered (status {self._process.wait()}): see the lines above")


def _without_store(path: Path) -> Path:
    """The path. Raises MdlError for a folder that holds the store in use: Alice's trainings have seen all labels."""
    store = finished.in_use()
    if store is not None and store.folder.resolve().is_relative_to(path):
        raise MdlError(f"{path} holds the cache {store.folder}, which Bob must not see: name another `cache`")
    return path


def _plain(value: Any) -> Any:
    """A member of `Shared` as plain values; arrays lie in files of their own."""
    if isinstance(value, Sequences):
        return {"vocabulary": value.vocabulary, "autoregressive": value.autoregressive}
    return to_config(value)


def _read(task: Path, status: int, begin: float) -> Answer:
    try:
        answer: dict[str, Any] = json.loads((task / "answer.json").read_text())
    except FileNotFoundError:
        answer = {"confined_by": (), "error": f"his process ended with status {status}, for want of memory?"}
    error = answer.get("error", "")
    labels = None if error else np.load(task / "labels.npy", allow_pickle=False)
    return Answer(labels, error, tuple(answer["confined_by"]), time.perf_counter() - begin)
