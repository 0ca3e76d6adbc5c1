import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from mdlcode.data import Data, View, load
from mdlcode.proof.bob import Bob

# Small nets are fastest on one thread, and never slowed down by a busy second core.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"

# How long one example takes says nothing on a shared machine.
settings.register_profile("mdlcode")
settings.load_profile("mdlcode")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def digits() -> Data:
    return load("digits", View(limit=120))


@pytest.fixture(scope="session")
def bob(digits: Data) -> Iterator[Bob]:
    """One process that holds the digits without labels: it decodes each message in a fork of its own."""
    with Bob(digits.shared) as process:
        yield process


@pytest.fixture
def mdlcode(tmp_path: Path) -> Run:
    """Runs the command in a fresh process, as a user does."""

    def run(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "mdlcode", *map(str, arguments)]
        env = {**os.environ, "MDLCODE_DATA": str(tmp_path / "none"), **environment}
        return subprocess.run(command, capture_output=True, text=True, env=env, timeout=300, check=False)

    return run
