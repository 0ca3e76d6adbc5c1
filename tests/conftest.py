import io
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from hypothesis import settings

from mdlcode.cli import main
from mdlcode.data import Data, View, load
from mdlcode.proof.bob import Bob

# Small nets are fastest on one thread, and never slowed down by a busy second core.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MDLCODE_CACHE"] = ""  # nothing that a test did is taken for another

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
def mdlcode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in this process, which saves its start: `main` with these words, its status and output."""

    def run(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
        words = ["mdlcode", *map(str, arguments)]
        out, err, status = io.StringIO(), io.StringIO(), None
        # What `main` changes of the process is put back afterwards.
        streams = redirect_stdout(out), redirect_stderr(err)
        with (
            monkeypatch.context() as patched,
            warnings.catch_warnings(),
            patch.dict(os.environ),
            streams[0],
            streams[1],
        ):
            patched.setattr(sys, "argv", words)
            patched.setattr(sys, "path", [*sys.path])
            for name, value in {"MDLCODE_DATA": str(tmp_path / "none"), **environment}.items():
                patched.setenv(name, value)
            try:
                main()
            except SystemExit as left:
                status = left.code
        torch.set_num_threads(1)
        return subprocess.CompletedProcess(words, int(status or 0), out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def fresh_mdlcode(tmp_path: Path) -> Run:
    """Runs the command in a fresh process, as a user does: for what depends on how it starts and ends."""

    def run(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "mdlcode", *map(str, arguments)]
        env = {**os.environ, "MDLCODE_DATA": str(tmp_path / "none"), **environment}
        return subprocess.run(command, capture_output=True, text=True, env=env, timeout=300, check=False)

    return run
