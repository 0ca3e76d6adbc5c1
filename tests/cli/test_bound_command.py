"""`mdlcode bound`: the certificates of a person's files, and a person's mistakes."""

import json
import os
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import Run
from mdlcode.cli.app import main

QUANTISED = """
limit: 300
codes:
  - {kind: two-part, learner: {kind: net, arch: linear}, weights: {kind: quantised, values: {kind: grid, levels: 5}}}
"""
STOCHASTIC = """
limit: 200
candidates: 4
chosen_on: these labels
codes:
  - &code
    kind: variational
    learner: &learner
      kind: bayes
      start: {kind: fresh, arch: linear}
      training: {min_steps: 60, max_steps: 60}
  - <<: *code
    learner: {<<: *learner, kl: {weight: 4}}
"""
READOUT = """
limit: 400
candidates: 16
readout:
  kind: gaussian-readout
  directions: 60
  steps: 20
  features: {kind: random-filters, filters: 16, size: 3, mirrored: false}
"""


def test_message_is_decoded_evaluated_and_bounded(mdlcode: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(QUANTISED)
    made = mdlcode("encode", "digits", "--config", tmp_path / "c.yaml", "-o", tmp_path / "m")
    assert made.returncode == 0, made.stderr
    ran = mdlcode("bound", "digits", tmp_path / "m", "-o", tmp_path / "b.json", "--candidates", 4)
    assert ran.returncode == 0, ran.stderr
    report = json.loads((tmp_path / "b.json").read_text())
    assert report["n"] == 300
    assert report["bits_by_part"]["input moments"] == 64
    assert report["bits_by_part"]["choice"] == 2
    assert report["total_bits"] == pytest.approx(sum(report["bits_by_part"].values()))
    assert "exact binomial" in ran.stdout
    assert "vacuous" in ran.stdout  # of McAllester's bounds; none is left out
    for each in report["bounds"]:
        assert each["value"] >= report["errors"] / 300
        assert each["vacuous"] == (each["value"] >= 1)


def test_stochastic_sweep_through_the_command(mdlcode: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(STOCHASTIC)
    ran = mdlcode("bound", "digits", "--config", tmp_path / "c.yaml", "--mean", 0.3, "--std", 0.4, "--delta", 0.1)
    assert ran.returncode == 0, ran.stderr
    assert "150,000 random draws" in ran.stdout
    assert "delta = 0.08 + 0.02 for the draws" in ran.stdout
    assert re.search(r"choice +│ +3\.0 ", ran.stdout)  # two codes, and four settings in the config
    assert "pays for 8 settings that were tried" in ran.stdout
    assert "would not, and is no guarantee" in ran.stdout
    assert "input moments" not in ran.stdout


def test_gaussian_readout_of_a_config_is_bounded(mdlcode: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(READOUT)
    ran = mdlcode("bound", "digits", "--config", tmp_path / "c.yaml", "-o", tmp_path / "b.json")
    assert ran.returncode == 0, ran.stderr
    report = json.loads((tmp_path / "b.json").read_text())
    assert report["bits_by_part"]["choice"] == 4
    assert set(report["bits_by_part"]) == {"KL mean", "KL covariance", "choice"}
    assert report["mc_delta"] == 0
    assert report["risk"] < min(each["value"] for each in report["bounds"]) < 0.8
    assert "288 fixed features along 60 directions" in ran.stdout.replace("\n", " ")
    for key, line in (("codes: float32", "say what to bound"), ("mean: 0.5\nstd: 0.5", "does not go with a readout")):
        (tmp_path / "d.yaml").write_text(f"{READOUT}{key}\n")
        refused = mdlcode("bound", "digits", "--config", tmp_path / "d.yaml")
        assert refused.returncode == 2
        assert line in refused.stderr


def test_compare_shows_bounds(mdlcode: Run, tmp_path: Path) -> None:
    arguments = ("--limit", 100, "--codes", "uniform,float32", "--arch", "linear", "--bounds", "-o", tmp_path / "out")
    ran = mdlcode("compare", "digits", *arguments)
    assert ran.returncode == 0, ran.stderr
    assert "100.000 % (vacuous)" in ran.stdout
    uniform, float32 = json.loads((tmp_path / "out" / "results.json").read_text())
    assert uniform["bound"] is None
    assert float32["bound_bits"] == float32["model_bits"] + 64


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("digits",), "say what to bound"),
        (("digits", "--code", "float32", "--delta", "1"), "delta is a failure probability"),
        (("digits", "--code", "float32", "--delta", "nan"), "--delta is nan: a finite number"),
        (
            ("digits", "--code", "float32", "--candidates", "0"),
            "--candidates is 0: at least 1",
        ),
        (("digits", "--code", "prequential", "--limit", "50"), "sends no net"),
        (("digits", "--code", "float32", "--prior", "1.5"), "between 0 and 1"),
        (("digits", "{bad}"), "no message"),
        (("digits", "none"), "can't be read"),
        (("digits", "--weights", "{bad}", "--arch", "linear"), "can't be read as plain tensors"),
        (("digits", "--weights", "{npz}", "--arch", "linear"), "do not fit the net"),
        (("digits", "--weights", "{npz}"), "need --arch"),
        (("digits", "--weights", "{npz}", "--arch", "linear", "--mean", "0.5"), "go together"),
        (("digits", "--code", "uniform", "-o", "{npz}"), "there already"),
        (("-numbers", "--errors", "11", "--examples", "10", "--bits", "1"), "errors must not be above n"),
        (("-numbers", "--errors", "0", "--examples", "0", "--bits", "1"), "n must be a whole number, 1 or more"),
        (("-numbers", "--errors", "1", "--examples", "10", "--bits", "-1"), "code_bits must be 0 or more"),
        (("-numbers", "--errors", "1", "--examples", "10", "--bits", "nan"), "code_bits must be a finite number"),
        (("-numbers", "--errors", "1", "--examples", "10", "--bits", "9", "--delta", "0"), "delta is a failure"),
    ],
)
def test_mistakes_are_one_clear_line_and_status_2(
    arguments: tuple[str, ...], line: str, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    """In this process, where each costs no start."""
    (tmp_path / "bad.pt").write_text("no tensors\n")
    np.savez(tmp_path / "w.npz", w=np.zeros((2, 3), dtype=np.float32))
    paths = {"bad": tmp_path / "bad.pt", "npz": tmp_path / "w.npz"}
    given = [each.format(**paths) for each in arguments]
    numbers = given[0] == "-numbers"
    command = ["bound-numbers", *given[1:]] if numbers else ["bound", *given, "--threads", "1"]
    monkeypatch.setattr(sys, "argv", ["mdlcode", *command])
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # `main` sets its own
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    [said] = capsys.readouterr().err.strip().splitlines()
    assert said.startswith("error: ")
    assert line in said


@pytest.mark.parametrize(
    ("size_bytes", "errors", "published"),
    [(350 * 1024, 448_408, 0.965), (350 * 1024, 166_552, 0.89), (0.47 * 2**20, 448_408, 0.986)],
)
def test_imagenet_from_published_sizes(
    size_bytes: float, errors: int, published: float, tmp_path: Path, monkeypatch: Any
) -> None:
    """MobileNet (35 % and 13 % train error), SqueezeNet (35 %, which the paper does not state)."""
    given = ["--errors", str(errors), "--examples", "1281167", "--bits", str(8 * size_bytes)]
    monkeypatch.setattr(sys, "argv", ["mdlcode", "bound-numbers", *given, "-o", str(tmp_path / "b.json")])
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code in (0, None)
    made = {each["name"]: each["value"] for each in json.loads((tmp_path / "b.json").read_text())["bounds"]}
    assert made["Catoni 1.2.6"] == pytest.approx(published, abs=5e-4)
    assert made["exact binomial"] < made["Catoni 1.2.6"]
    assert made["McAllester"] > 1  # vacuous, and shown


def test_stored_lenet_of_zhou_et_al(mdlcode: Run, tmp_path: Path) -> None:
    """Published as 46 %, 56.4 % once corrected; here its 3,884 bytes decode and make 470 errors."""
    data = Path(os.environ.get("MDLCODE_DATA", ""))
    if not (data / "zhou_lenet5.npz").is_file() or not (data / "MNIST").is_dir():
        pytest.skip("needs zhou_lenet5.npz and MNIST in the folder MDLCODE_DATA")
    arguments = ("--weights", data / "zhou_lenet5.npz", "--arch", "lenet5", "--mean", 0.5, "--std", 0.5)
    report = tmp_path / "b.json"
    ran = mdlcode("bound", "mnist", *arguments, "--weight-code", "as-trained", "-o", report, MDLCODE_DATA=str(data))
    assert ran.returncode == 0, ran.stderr
    made = json.loads(report.read_text())
    assert (made["errors"], made["n"], made["test"]["errors"], made["coded_bits"]) == (470, 60_000, 231, 8 * 3884)
    [tightest] = [each for each in made["bounds"] if each["tightest"]]
    assert tightest["name"] == "exact binomial"
    assert tightest["value"] == pytest.approx(0.3286, abs=1e-4)
