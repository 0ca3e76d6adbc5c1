"""The command as a user meets it, its starts and ends in fresh processes."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch

from conftest import Run
from mdlcode import View, compare, load, names
from mdlcode.cli import main
from mdlcode.codes.presets import PRESETS, REAL_PRESETS
from mdlcode.coding.message import unpack
from mdlcode.data import DATASETS
from mdlcode.experiments import compare as measuring
from mdlcode.experiments.stored import read_results
from mdlcode.nets import NETS, TOKEN_NETS

QUICK = """
codes:
  - uniform
  - name: Few steps
    kind: prequential
    learners: [{kind: net, training: {min_steps: 10, max_steps: 10}}]
    schedule: {kind: listed, steps: [50]}
limit: 100
"""
RESULT_KEYS = {
    *(
        "code",
        "dataset",
        "num_labels",
        "num_classes",
        "model_bits",
        "label_bits",
        "total_bits",
        "uniform_bits",
    ),
    *("compression_ratio", "test_accuracy", "seconds", "seed", "device", "config", "versions"),
}


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    (tmp_path / "quick.yaml").write_text(QUICK)
    return tmp_path / "quick.yaml"


def test_help_starts_without_torch() -> None:
    script = "import sys, mdlcode.cli.app; sys.exit(any(m in sys.modules for m in ('torch', 'pyro', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
    children = os.times().children_user
    helped = subprocess.run([sys.executable, "-m", "mdlcode", "--help"], capture_output=True, check=True)
    assert b"compare" in helped.stdout
    assert os.times().children_user - children < 1.0


COMMANDS = """
import json, sys
from mdlcode.cli.app import app
for words in json.load(sys.stdin):
    app(words, standalone_mode=False)
sys.exit(" ".join(name for name in ("torch", "pyro", "sklearn") if name in sys.modules) or None)
"""


def test_names_bounds_of_numbers_and_stored_results_need_no_torch(tmp_path: Path) -> None:
    compare(load("digits", View(limit=20)), ["uniform"], out=tmp_path)
    numbers = ["--errors", "1", "--examples", "99", "--bits", "50"]
    words = [["list", "codes"], ["list", "data"], ["list", "nets"], ["bound-numbers", *numbers]]
    words += [
        ["plot", str(tmp_path), "-o", str(tmp_path / "a.png")],
        ["report", str(tmp_path), "-o", f"{tmp_path}/a.md"],
    ]
    command = [sys.executable, "-c", COMMANDS]
    ran = subprocess.run(command, input=json.dumps(words), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "prequential" in ran.stdout
    assert (tmp_path / "a.png").stat().st_size > 0


def test_names_that_are_listed_are_those_there_are() -> None:
    assert tuple(PRESETS | REAL_PRESETS) == names.CODES
    assert tuple(DATASETS) == names.DATA
    assert tuple(NETS) == names.NETS
    assert (TOKEN_NETS["auto"],) == names.TOKEN_NETS


def test_compare_writes_results_that_a_person_can_read(mdlcode: Run, quick: Path, tmp_path: Path) -> None:
    ran = mdlcode("compare", "digits", "--config", quick, "--out", tmp_path / "out", "--seed", 3)
    assert ran.returncode == 0, ran.stderr
    assert "lower is better" in ran.stdout
    uniform, prequential = json.loads((tmp_path / "out" / "results.json").read_text())
    assert set(uniform) >= RESULT_KEYS
    assert uniform["total_bits"] == pytest.approx(100 * np.log2(10))
    assert prequential["code"] == "Few steps"
    assert prequential["config"]["learners"][0]["seed"] == 3
    assert prequential["total_bits"] == prequential["model_bits"] + prequential["label_bits"]
    assert prequential["compression_ratio"] == pytest.approx(prequential["total_bits"] / uniform["total_bits"])
    with np.load(tmp_path / "out" / "01-few-steps.npz", allow_pickle=False) as arrays:
        assert arrays["bits_by_label"].sum() == pytest.approx(prequential["label_bits"])


def test_results_are_never_overwritten_without_force(mdlcode: Run, quick: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.json").write_text("mine")
    arguments = ("compare", "digits", "--codes", "uniform", "--out", tmp_path / "out")
    ran = mdlcode(*arguments)
    assert ran.returncode == 2
    assert "--force" in ran.stderr
    assert (tmp_path / "out" / "results.json").read_text() == "mine"
    assert mdlcode(*arguments, "--force").returncode == 0
    assert len(json.loads((tmp_path / "out" / "results.json").read_text())) == 1


def test_encode_and_decode_in_two_processes(fresh_mdlcode: Run, quick: Path, tmp_path: Path) -> None:
    message, labels = tmp_path / "message", tmp_path / "labels.npy"
    code = ("--config", quick, "--code", "Few steps", "--threads", 1)
    encoded = fresh_mdlcode("encode", "digits", *code, "-o", message)
    assert encoded.returncode == 0, encoded.stderr
    decoded = fresh_mdlcode("decode", "digits", message, "-o", labels, "--threads", 1)
    assert decoded.returncode == 0, decoded.stderr
    assert np.array_equal(np.load(labels), load("digits", View(limit=100)).labels)


def test_decode_needs_no_labels(mdlcode: Run, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    inputs, labels = generator.random((40, 3)), generator.integers(3, size=40)
    np.savez(tmp_path / "alice.npz", x_train=inputs, y_train=labels)
    np.savez(tmp_path / "bob.npz", x_train=inputs)
    sent = mdlcode("encode", tmp_path / "alice.npz", "--code", "prequential", "-o", tmp_path / "m")
    assert sent.returncode == 0, sent.stderr
    got = mdlcode("decode", tmp_path / "bob.npz", tmp_path / "m", "-o", tmp_path / "l.npy")
    assert got.returncode == 0, got.stderr
    order = np.random.Generator(np.random.PCG64(0)).permutation(40)
    assert np.array_equal(np.load(tmp_path / "l.npy"), labels[order])


def test_verify_and_audit(mdlcode: Run, quick: Path) -> None:
    code = ("--config", quick, "--code", "Few steps")
    verified = mdlcode("verify", "digits", *code)
    assert verified.returncode == 0, verified.stderr
    assert "labels identical: proved" in verified.stdout
    assert "Bob's process was held by" in verified.stdout
    audited = mdlcode("audit", "digits", *code)
    assert audited.returncode == 0, audited.stderr
    assert "renamed_classes: holds" in audited.stdout
    assert "10 classes: passes" in audited.stdout


def test_audit_of_one_check_that_fails(mdlcode: Run, tmp_path: Path) -> None:
    """A net whose table of the digits is made as it is built: the renamed classes are no use to it."""
    (tmp_path / "cheat.yaml").write_text(
        "codes: [{kind: prequential, learners: [{kind: net, arch: 'cheats:buffered_table_net',"
        " training: {min_steps: 1, max_steps: 1}}]}]\nlimit: 60\n"
    )
    audited = mdlcode("audit", "digits", "--config", tmp_path / "cheat.yaml", "--only", "decodes")
    assert audited.returncode == 1, audited.stderr
    assert "decodes: FAILS" in audited.stdout
    assert audited.stdout.rstrip().endswith("FAILS: decodes")


def test_compare_stores_the_proofs_it_is_asked_for(mdlcode: Run, tmp_path: Path) -> None:
    ran = mdlcode("compare", "digits", "--codes", "uniform", "--limit", 40, "--prove", "--out", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    assert "uniform: reported 132.9 bits, message 192 bits" in ran.stdout
    [stored] = read_results(tmp_path / "out")
    assert stored.result.proof is not None
    assert stored.result.proof.proved
    assert stored.result.proof.message_bits == 192


def test_several_nets_pay_for_the_choice(mdlcode: Run, tmp_path: Path) -> None:
    arguments = ("--codes", "prequential", "--arch", "linear,mlp", "--limit", 30, "--out", tmp_path / "out")
    ran = mdlcode("compare", "digits", *arguments)
    assert ran.returncode == 0, ran.stderr
    assert "best of 2" in ran.stdout
    [result] = json.loads((tmp_path / "out" / "results.json").read_text())
    assert result["bits_by_part"]["choice"] == 1.0


def test_users_net_is_imported_from_a_message_only_with_leave(mdlcode: Run, tmp_path: Path) -> None:
    net = "nets_of_mine:tiny"
    arguments = ("digits", "--code", "prequential", "--limit", 30, "--arch", net, "-o", tmp_path / "m")
    assert mdlcode("encode", *arguments).returncode == 0
    refused = mdlcode("decode", "digits", tmp_path / "m", "-o", tmp_path / "l.npy")
    assert refused.returncode == 2
    assert f"asks to import '{net}'" in refused.stderr
    allowed = mdlcode("decode", "digits", tmp_path / "m", "-o", tmp_path / "l.npy", "--trust", net)
    assert allowed.returncode == 0, allowed.stderr


class Pipe(io.StringIO):
    """What its reader has seen: all that was flushed."""

    seen = ""

    def flush(self) -> None:
        self.seen = self.getvalue()


def test_a_pipe_has_each_row_before_the_next_code_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, seen = Pipe(), []
    measured = measuring._measured

    def watched(*arguments: object) -> object:
        seen.append(pipe.seen)
        return measured(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(measuring, "_measured", watched)
    monkeypatch.setattr(
        sys, "argv", ["mdlcode", "compare", "digits", "--codes", "uniform,frequencies", "--limit", "20"]
    )
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "stdout", pipe)
    with patch.dict(os.environ), warnings.catch_warnings(), pytest.raises(SystemExit):
        main()
    assert [("uniform" in each, "frequencies" in each) for each in seen] == [(False, False), (True, False)]


def test_the_number_of_threads_does_not_depend_on_the_machine(mdlcode: Run, tmp_path: Path) -> None:
    """Bits of trainings do depend on it: by default they are the same wherever the processor is."""
    for typed, threads in (((), 1), (("--threads", 2), 2)):
        torch.set_num_threads(2)  # as on a machine of two cores
        ran = mdlcode("encode", "digits", "--code", "uniform", "--limit", 20, "-o", tmp_path / "m", *typed)
        assert ran.returncode == 0, ran.stderr
        assert unpack((tmp_path / "m").read_bytes())[0].environment.threads == threads


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("compare", "digit"), "did you mean 'digits'"),
        (("compare", "digits", "--codes", "unifrom"), "did you mean 'uniform'"),
        (("compare", "digits", "--codes", "prequential", "--arch", "lenet55"), "did you mean 'lenet5'"),
        (("compare", "digits", "--limit", "0"), "--limit is 0: at least 1"),
        (("compare", "digits", "--limit", "9999"), "more than the 1797"),
        (("compare", "digits", "--label-noise", "2"), "--label-noise is 2.0: at most 1"),
        (("compare", "mnist"), "MDLCODE_DATA"),
        (("compare", "digits", "--config", "none.yaml"), "can't be read"),
        (("compare", "digits", "--config", "{bad}"), "unknown key 'lmit'"),
        (("compare", "digits", "--device", "cuda"), "no GPU"),
        (("compare", "digits", "--device", "tpu"), "no device 'tpu'"),
        (("compare", "digits", "--codes", "uniform", "--out", "{bad}"), "is a file"),
        (("verify", "digits"), "one code is needed"),
        (("decode", "digits", "{bad}", "-o", "x.npy"), "no message"),
        (("decode", "digits", "none", "-o", "x.npy"), "can't be read"),
        (("encode", "digits", "--code", "uniform", "-o", "{bad}/x"), "can't be written"),
        (("list", "cods"), "codes"),
    ],
)
def test_mistakes_are_one_clear_line_and_status_2(
    arguments: tuple[str, ...], line: str, mdlcode: Run, tmp_path: Path
) -> None:
    if "cuda" in arguments:
        import torch

        if torch.cuda.is_available():
            pytest.skip("this machine has a GPU")
    (tmp_path / "bad.yaml").write_text("lmit: 3\n")
    ran = mdlcode(*(each.format(bad=tmp_path / "bad.yaml") for each in arguments))
    assert ran.returncode == 2, ran.stderr
    assert line in ran.stderr
    assert "Traceback" not in ran.stderr


def test_training_that_diverges_ends_one_code_and_keeps_the_others(mdlcode: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        "limit: 60\ncodes:\n  - uniform\n"
        "  - {kind: prequential, learners: [{kind: net, arch: mlp, optimizer: {kind: sgd, lr: 1.0e+30}}]}\n"
        "  - {kind: prequential, learners: [{kind: frequencies}]}\n"
    )
    ran = mdlcode("compare", "digits", "--config", tmp_path / "c.yaml", "-o", tmp_path / "out")
    assert ran.returncode == 1
    assert "lower the learning rate" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert len(json.loads((tmp_path / "out" / "results.json").read_text())) == 2


def test_full_disk_is_one_clear_line(mdlcode: Run) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full to try a full disk with")
    from mdlcode.errors import MdlError
    from mdlcode.files import write_atomically

    with pytest.raises(MdlError, match="can't be written"):
        write_atomically(Path("/dev/full/x"), lambda file: file.write(b"x"))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_keeps_what_is_done(workers: str, tmp_path: Path) -> None:
    slow = "codes:\n  - uniform\n  - {kind: prequential, learners: [{kind: net, training: {min_steps: 100000}}]}\n"
    (tmp_path / "slow.yaml").write_text(slow)
    command = [sys.executable, "-m", "mdlcode", "compare", "digits", "--config", str(tmp_path / "slow.yaml")]
    command += ["-o", str(tmp_path / "out"), "--workers", workers]
    # A test run in the background ignores Ctrl-C and hands that on; a user's command does not.
    default = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    results = tmp_path / "out" / "results.json"
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=default
    ) as process:
        try:
            for _ in range(1200):
                if results.exists():
                    break
                time.sleep(0.1)
            time.sleep(5.0)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            _, stderr = process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    assert "what was finished is kept" in stderr
    assert "Traceback" not in stderr
    assert [each["code"] for each in json.loads(results.read_text())] == ["uniform"]


def test_lists_name_what_there_is(mdlcode: Run) -> None:
    assert "prequential" in mdlcode("list", "codes").stdout.split()
    assert "digits" in mdlcode("list", "data").stdout.split()
    assert "lenet5" in mdlcode("list", "nets").stdout.split()
