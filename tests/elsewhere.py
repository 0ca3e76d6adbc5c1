"""Work that tests have done by workers, which import it."""

import os
import signal
import time
import warnings
from pathlib import Path

import torch

from mdlcode import progress
from mdlcode.data import Data


def identity(data: Data) -> tuple[int, int, int]:
    return os.getpid(), id(data), id(data.shared)


def said(error: type[Exception]) -> int:
    progress.advance(3)
    progress.say("well begun")
    warnings.warn("not too fast", stacklevel=1)
    assert torch.get_num_threads() == 1
    raise error("and ended")


def waits_for(flag: Path, steps: int) -> None:
    """Steps that are done once a file is there."""
    ends = time.monotonic() + 300
    while not flag.exists() and time.monotonic() < ends:
        time.sleep(0.05)
    progress.advance(steps)


def once_killed(flag: Path) -> int:
    if not flag.exists():
        flag.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()
