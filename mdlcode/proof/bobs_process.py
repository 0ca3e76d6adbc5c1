"""The process of Bob: it has the inputs and a message, and nothing else of the data.

It imports the library, and then answers each task in a fork that has seen no other task (where the system
can't fork, Alice's side starts a process for each). `python -m mdlcode.proof.bobs_process FOLDER` reads names of
task folders from stdin, and writes progress and answers to stdout as lines of JSON.
"""

import json
import os
import pickle
import sys
import tempfile
from pathlib import Path
from typing import Any, TextIO, get_type_hints

import numpy as np
import torch
from pydantic import TypeAdapter

from mdlcode import progress
from mdlcode.codes import Code
from mdlcode.data.base import Shared
from mdlcode.data.sequences import Sequences
from mdlcode.environment import Environment
from mdlcode.errors import MdlError
from mdlcode.proof import confinement

FORKS = sys.platform == "linux"
CANARY = "not-for-bob"  # beside his folder, and not to be opened by him


def main(folder: Path) -> None:
    """Answers tasks until stdin ends."""
    # What a code prints goes to stderr: stdout is for answers.
    with os.fdopen(os.dup(1), "w", buffering=1) as replies:
        os.dup2(2, 1)
        Environment.here(torch.device("cpu"))  # asks the system once, while other programs may still be run
        torch.optim.SGD([torch.zeros(1)], lr=1.0)  # torch imports much for its first optimizer: once for all forks
        for line in sys.stdin:
            task = folder / line.strip()
            status = _in_fork(folder, task, replies) if FORKS else _answer(folder, task, replies)
            _say(replies, ended=status)


def _in_fork(folder: Path, task: Path, replies: TextIO) -> int:
    """The exit status of a fork that answers one task."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            status = _answer(folder, task, replies)
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _answer(folder: Path, task: Path, replies: TextIO) -> int:
    """Decodes; 0 when the labels, or what is wrong, stand in the task's folder."""
    asked = json.loads((task / "task.json").read_text())
    os.environ.update(MDLCODE_DATA=str(task / "no-data"), HOME=str(task), TMPDIR=str(task))
    tempfile.tempdir = str(task)
    readable = [*confinement.installed(), str(Path(__file__).parents[1]), str(folder), *asked["readable"]]
    confined_by = confinement.confine(task, readable, folder.parent / CANARY, asked["secret"])
    answer: dict[str, Any] = {"confined_by": confined_by}
    sys.path.append(str(task / "modules"))
    try:
        torch.set_num_threads(asked["threads"])
        with progress.listening(_Told(replies)):
            labels = Code.decode(_code(task), _shared(folder, asked["device"]), (task / "message").read_bytes())
        np.save(task / "labels.npy", labels)
    except MdlError as error:
        answer["error"] = str(error)
    except Exception as error:  # whatever a user's code raises is the answer
        answer["error"] = " ".join(f"{type(error).__name__}: {error}".split())
    (task / "answer.json").write_text(json.dumps(answer))
    return 0


def _code(task: Path) -> Any:
    """The code as Alice's side gave it before it saw a label."""
    with (task / "code.pickle").open("rb") as opened:
        return pickle.load(opened)


def _shared(folder: Path, device: str) -> Shared:
    """What both sides hold: the inputs, and what else stands in `Shared`."""
    values = json.loads((folder / "shared.json").read_text())
    if (tokens := values.pop("sequences")) is not None:
        tokens = Sequences(np.load(folder / "mask.npy", allow_pickle=False), **tokens)
    types = get_type_hints(Shared)
    others = {name: TypeAdapter(types[name]).validate_python(value) for name, value in values.items()}
    inputs = torch.from_numpy(np.load(folder / "inputs.npy", mmap_mode="c", allow_pickle=False))
    return Shared(inputs.to(torch.device(device)), sequences=tokens, **others)


class _Told:
    """A listener that hands progress on to Alice's side."""

    def __init__(self, replies: TextIO) -> None:
        self._replies = replies

    def start(self, description: str, total_steps: int) -> None:
        _say(self._replies, progress=["start", description, total_steps])

    def advance(self, steps: int) -> None:
        _say(self._replies, progress=["advance", steps])

    def say(self, line: str) -> None:
        _say(self._replies, progress=["say", line])

    def beside(self) -> "_Told":
        return self


def _say(replies: TextIO, **values: Any) -> None:
    replies.write(json.dumps(values) + "\n")
    replies.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
