"""Proof under attack: who has labels from where Bob can't have them is found out."""

import importlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cheats
import numpy as np
import pytest

from conftest import Run
from mdlcode import nets
from mdlcode.codes import Code, Listed, Prequential, TwoPart, Uniform
from mdlcode.data import Data, View, load
from mdlcode.errors import MdlError
from mdlcode.learn import EstimatorLearner, NetLearner, Steps, UniformLearner
from mdlcode.proof.bob import Bob
from mdlcode.proof.checks import CHECKS, LawBrokenError, audit, check_code, settings_bytes
from mdlcode.proof.confinement import LANDLOCK, NAMESPACE
from mdlcode.proof.labellings import arrangement_bits, permuted, planted, renamed
from mdlcode.proof.proof import Proof
from mdlcode.proof.prove import prove, transmit_and_prove

LINUX = sys.platform == "linux"


def proof_of(bob: Bob, code: Code, data: Data) -> Proof:
    return transmit_and_prove(bob, code, data)[2]


def test_a_proof_says_all_in_one_line(bob: Bob, digits: Data) -> None:
    proof = proof_of(bob, Uniform(), digits)
    assert proof.proved
    assert str(proof) == "reported 398.6 bits, message 448 bits, difference +49.4 bits; labels identical: proved"
    assert proof.seconds > 0
    assert "held by" in proof.confinement
    assert not replace(proof, message_bits=464).proved
    assert not replace(proof, labels_equal=False).proved


def test_prove_starts_a_bob_of_its_own(digits: Data) -> None:
    code = Prequential((EstimatorLearner(),), schedule=Listed((40,)))
    assert prove(code, digits).proved


CHEATS: dict[str, Code] = {
    "remembers": cheats.Remembers(),
    "stashes": cheats.Stashes(),
    "writes-itself": cheats.WritesItself(),
    "writes-file": cheats.WritesFile(),
    "sets-environment": cheats.SetsEnvironment(),
    "objects": Prequential((cheats.Searches(where="objects"),), schedule=Listed((40,))),
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_code_that_has_labels_from_elsewhere_is_not_proved(
    name: str, bob: Bob, digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "C")
    assert not proof_of(bob, CHEATS[name], digits).proved
    with pytest.raises(LawBrokenError):
        check_code(CHEATS[name], digits, bob=bob)


def test_inputs_that_alice_marks_are_not_those_that_bob_has(digits: Data) -> None:
    mine = Data("mine", replace(digits.shared, inputs=digits.shared.inputs.clone()), digits.labels)
    with Bob(mine.shared) as own:
        assert not proof_of(own, cheats.MarksInputs(), mine).proved
        with pytest.raises(LawBrokenError):
            check_code(cheats.MarksInputs(), mine, bob=own)


def test_the_base_of_a_slice_is_no_way_to_later_labels(bob: Bob, digits: Data) -> None:
    code = Prequential((cheats.Searches(where="base"),), schedule=Listed((40,)))
    proof = proof_of(bob, code, digits)
    assert proof.proved
    assert proof.reported_bits > 398.6


def test_labels_in_settings_are_found_by_renamed_classes(bob: Bob, digits: Data) -> None:
    code = cheats.Written(labels=tuple(digits.labels.tolist()))
    assert proof_of(bob, code, digits).reported_bits < 3
    assert [each.check for each in audit(code, digits, bob=bob) if not each.holds] == ["renamed_classes"]
    assert 8 * settings_bytes(code) > 0.8 * arrangement_bits(digits.labels)


@pytest.mark.parametrize("factory", ["table_net", "closure_net"])
def test_a_net_with_a_table_outside_its_parameters_is_refused(factory: str) -> None:
    with pytest.raises(MdlError, match="115,008 numbers"):
        nets.build(f"cheats:{factory}", (1, 8, 8), 10)


def test_a_net_that_opens_labels_is_not_proved(bob: Bob, digits: Data) -> None:
    """Here it finds the digits with their labels; Bob's process may not open them."""
    net = NetLearner(arch="cheats:buffered_table_net", training=Steps(min_steps=1, max_steps=1))
    proof = proof_of(bob, Prequential((net,), schedule=Listed((10,))), digits)
    assert not proof.proved
    assert "PermissionError" in proof.error or "Permission denied" in proof.error


@pytest.mark.skipif(not LINUX, reason="Landlock and namespaces are Linux's")
def test_what_confines_bob_here_is_said(bob: Bob, digits: Data) -> None:
    """On a kernel without them the proof must name the hook, and no namespace."""
    confined = proof_of(bob, Uniform(), digits).confined_by
    assert confined[0] in (LANDLOCK, "audit hook")
    assert confined[1:] in ((), (NAMESPACE,))


HELD = """if True:
    import sys, tempfile, pathlib, socket
    import numpy as np
    from sklearn.datasets import load_digits
    from mdlcode.proof import confinement
    without = sys.argv[1:]
    if "landlock" in without: confinement._landlock = lambda *_: False
    if "namespace" in without: confinement._leave_network = lambda: False
    root = pathlib.Path(tempfile.mkdtemp())
    own, other = root / "own", root / "other"
    own.mkdir(), other.write_text("labels")
    print(confinement.confine(own, confinement.installed(), other))
    (own / "x").write_text("mine")
    assert (own / "x").read_text() == "mine"
    import sklearn.svm, json.tool  # what is installed is there
    def refused(what, *arguments):
        try: what(*arguments)
        except OSError: return
        raise SystemExit(f"{what} was not refused")
    refused(other.read_text), refused(other.write_text, "mine"), refused((root / "new").write_text, "mine")
    refused(load_digits)
    refused(socket.create_connection, ("127.0.0.1", int(sys.stdin.read())))
"""


@pytest.mark.parametrize("without", [[], ["landlock"], ["landlock", "namespace"]], ids=str)
def test_confinement_holds_whatever_the_system_offers(without: list[str], tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", HELD, *without]
        port = str(server.getsockname()[1])
        ran = subprocess.run(command, input=port, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ("audit hook" in ran.stdout) == ("landlock" in without or not LINUX)


def test_bob_is_not_given_a_module_that_was_written_after_he_was_started(
    digits: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "from mdlcode.codes import Uniform\n\n\nclass Late(Uniform):\n    LABELS = {}\n"
    (tmp_path / "late_module.py").write_text(source.format([]))
    monkeypatch.syspath_prepend(str(tmp_path))
    late = importlib.import_module("late_module")
    try:
        with Bob(digits.shared) as own:
            assert proof_of(own, late.Late(), digits).proved
            (tmp_path / "late_module.py").write_text(source.format(digits.labels.tolist()))
            proof = proof_of(own, late.Late(), digits)
    finally:
        del sys.modules["late_module"]
    assert not proof.proved
    assert proof.error.endswith("he was not given what changed meanwhile: late_module")


def test_a_code_of_a_script_is_refused_with_a_clear_line(bob: Bob, digits: Data) -> None:
    class Local(Uniform):
        pass

    with pytest.raises(MdlError, match="another process"):
        proof_of(bob, Local(), digits)


def test_labellings_are_what_they_are_called(digits: Data) -> None:
    other = renamed(digits, seed=1)
    assert len(set(zip(digits.labels.tolist(), other.tolist(), strict=True))) == 10
    assert not (other == digits.labels).any()
    shuffled = permuted(digits, seed=1)
    assert sorted(shuffled) == sorted(digits.labels)
    assert not np.array_equal(shuffled, digits.labels)
    rule = planted(digits.shared, seed=1)
    half = len(digits) // 2
    learnt = Prequential((EstimatorLearner(),), schedule=Listed((half,)))
    assert len(np.unique(rule)) == 10
    assert learnt.codelength(Data("planted", digits.shared, rule)).saved_bits > 30


def test_checks_have_names_and_each_says_what_it_holds(bob: Bob, digits: Data) -> None:
    assert all((check.__doc__ or "").endswith(".") for check in CHECKS.values())
    [found] = audit(Uniform(), digits, only="adds_up", bob=bob)
    assert str(found) == "adds_up: holds, 0.0 bits of model + 398.6 of 120 labels"
    with pytest.raises(MdlError, match="no check 'decode'"):
        check_code(Uniform(), digits, only="decode", bob=bob)


def test_verify_of_a_net_with_a_table_is_refused(mdlcode: Run) -> None:
    ran = mdlcode("verify", "digits", "--code", "float32", "--limit", 60, "--arch", "cheats:table_net")
    assert ran.returncode == 2
    assert "which no code sends" in ran.stderr


def test_users_learner_and_view_of_the_digits_are_proved(bob: Bob, digits: Data) -> None:
    mine = NetLearner(arch="nets_of_mine:tiny", training=Steps(min_steps=5))
    assert proof_of(bob, Prequential((UniformLearner(), mine), schedule=Listed((40,))), digits).proved
    assert proof_of(bob, TwoPart(mine), digits).proved
    assert prove(Uniform(), load("digits", View(limit=50, shuffle_pixels=True))).proved
