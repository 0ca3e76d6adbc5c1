"""Every benchmark runs once at smoke size, in this process."""

import importlib.util
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from mdlcode import Uniform, View, compare, load
from mdlcode.data.load import data_root
from mdlcode.proof.proof import Proof

ROOT = Path(__file__).parent.parent / "benchmarks"
# Its arguments at smoke size, and what it needs beside the library: a file of MDLCODE_DATA, or a package.
SMOKE = {
    "any_module": ("--only conv1d --codes float32 compressed --labels 20", None),
    "attack": ("--messages 5 --nets 5 --configs 5 --results 5 --images 5", None),
    "bench_bounds": ("1000", None),
    "forecast": ("200", None),
    "full_plan": ("--scale smoke --only fig1", None),
    "dimension_coverage": ("--runs 2 --seeds 1", None),
    "kills": ("--kills 4 --commands dimension encode", None),
    "millions": ("--codes named --labels 100000 --classes 1000 --check", None),
    "mnist_mlp": ("--limit 40", "MNIST"),
    "performance": ("--check", None),
    "replay_curve": ("--limit 60 --kept {folder}/kept.json", "preqtorch"),
    "step": ("--steps 5 --repeats 1", None),
    "overhead": ("--labels 300", None),
    "imagenet_plan": ("--labels 300 --arch mlp-1x4 --shape 3 4 4", None),
    "plan_check": ("--data digits:60 --arch mlp-1x4 --within 9", None),
    "projections": ("--dimension 20 --repeats 1", None),
    "ranks": ("--archs mlp-1x4 --shape 4 --batch 8 --steps 2 --repeats 1", None),
    "recode_lenet": ("--no-predictions", "zhou_lenet5.npz"),
    "scaling": ("--data digits --limits 60 120", None),
    "stacked": ("--archs linear mlp-3x500 --sizes 2 --steps 5 --repeats 1", None),
    "variational_peer": ("--limit 100 --epochs 1 --seeds 1", "pyvarinf"),
}
PARTS = {"attack_changes", "attack_files", "sequence_nets", "vision_nets"}  # of those above, which import them
TOOLS = {"full_table", "readme_table", "record"}  # of the table in README, tested apart


def test_no_benchmark_is_left_out() -> None:
    assert {path.stem for path in ROOT.glob("*.py")} == set(SMOKE) | PARTS | TOOLS


@pytest.mark.parametrize("name", SMOKE)
def test_a_benchmark_runs(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments, needed = SMOKE[name]
    if needed and not (data_root() / needed).exists() and importlib.util.find_spec(needed.partition(".")[0]) is None:
        pytest.skip(f"needs {needed}")
    monkeypatch.setattr(sys, "argv", [name, *arguments.format(folder=tmp_path).split()])
    monkeypatch.syspath_prepend(ROOT)
    with patch.dict(os.environ):  # limits that it sets are its own
        runpy.run_path(str(ROOT / f"{name}.py"), run_name="__main__")
    assert any(letter.isdigit() for letter in capsys.readouterr().out)


def test_a_results_folder_becomes_a_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for seed in (0, 1):
        compare(load("digits", View(limit=50)), [Uniform()], out=tmp_path / f"run{seed}")
    made = runpy.run_path(str(ROOT / "record.py"))
    monkeypatch.setitem(made["main"].__globals__, "RECORDS", tmp_path)
    arguments = ["record.py", tmp_path / "run0", "--name", "small", "--order", 3, "--tried", 1, "--chosen-on", "none"]
    arguments += ["--seeds", tmp_path / "run1"]
    monkeypatch.setattr(sys, "argv", list(map(str, arguments)))
    made["main"]()
    record = json.loads((tmp_path / "small.json").read_text())
    assert (record["order"], record["data"], record["code"], record["total_bits"]) == (3, "digits", "uniform", 166.1)

    monkeypatch.syspath_prepend(ROOT)
    again = runpy.run_path(str(ROOT / "full_table.py"))
    monkeypatch.setitem(again["main"].__globals__, "RECORDS", tmp_path)
    record["command"] = "mdlcode compare digits --limit 50 --codes uniform --threads 1"
    (tmp_path / "small.json").write_text(json.dumps(record))
    monkeypatch.setattr(sys, "argv", ["full_table.py", str(tmp_path / "runs"), "--only", "small", "--seeds", "2"])
    again["main"]()
    remade = json.loads((tmp_path / "small.json").read_text())
    assert remade["total_bits_by_seed"] == {"0": 166.1}  # the uniform code draws nothing: one seed
    assert Proof(**remade["proof"]).proved
    monkeypatch.setattr(subprocess, "run", None)  # what is whole is not made again
    again["main"]()
