"""Real-valued targets on the command line: stated, told in a table, sent and decoded as numbers."""

from pathlib import Path

import numpy as np
import pytest

from conftest import Run
from mdlcode.data import View

REAL = ("--target", "price", "--precision", "0.5", "--range=-2,8")


@pytest.fixture
def table(tmp_path: Path) -> tuple[Path, list[float]]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    prices = np.clip(np.rint(2 * (3 + x)) / 2, -2, 8).tolist()
    lines = ["a,price", *(f"{a},{price}" for a, price in zip(x, prices, strict=True))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    return tmp_path / "t.csv", prices


def test_targets_are_compared_sent_and_decoded(mdlcode: Run, table: tuple[Path, list[float]], tmp_path: Path) -> None:
    path, prices = table
    ran = mdlcode("compare", path, *REAL, "--test", path, "--codes", "uniform,linear")
    assert ran.returncode == 0, ran.stderr
    assert "40 labels, targets from -2 to 8 at precision 0.5 (21 bins)" in ran.stdout
    assert "test RMSE" in ran.stdout
    assert mdlcode("encode", path, *REAL, "--code", "linear", "-o", tmp_path / "m").returncode == 0
    bob = tmp_path / "bob.csv"  # without the column of targets
    bob.write_text("\n".join(line.rpartition(",")[0] for line in path.read_text().splitlines()))
    for suffix in (".npy", ".csv"):
        ran = mdlcode("decode", bob, tmp_path / "m", "-o", tmp_path / f"labels{suffix}")
        assert ran.returncode == 0, ran.stderr
    assert np.load(tmp_path / "labels.npy").tolist() == [prices[i] for i in View().order(40)]
    assert (tmp_path / "labels.csv").read_text().splitlines()[1:] == [f"{i},{each}" for i, each in enumerate(prices)]


def test_mistakes_are_one_line(mdlcode: Run, table: tuple[Path, list[float]], tmp_path: Path) -> None:
    path, _ = table
    (tmp_path / "c.yaml").write_text("codes: uniform\nprecision: 0.5\nrange: [0, 1]\ntarget: price\n")
    for arguments, said in (
        (("--target", "price"), "state the --precision and --range of measured values"),
        ((*REAL[:4],), "--precision and --range go together"),
        (("--config", tmp_path / "c.yaml"), "outside of the range 0 to 1"),
        ((*REAL, "--codes", "uniform", "--binary"), "--binary halves a list of classes"),
    ):
        ran = mdlcode("compare", path, *arguments)
        assert (ran.returncode, said in ran.stderr) == (2, True), ran.stderr
    ran = mdlcode("dimension", "diabetes")
    assert (ran.returncode, "are real numbers" in ran.stderr) == (2, True), ran.stderr
