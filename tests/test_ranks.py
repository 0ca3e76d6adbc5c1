"""Several processes that train one net: the numbers of one process but for the order of sums, and one clear end."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ranked

from mdlcode.codes import decode
from mdlcode.errors import MessageError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ranks")


@pytest.fixture(scope="module")
def ended(folder: Path) -> dict[str, Any]:
    """How the processes ended, the second of which dies at last."""
    training = "{kind: net, arch: mlp-1x8, training: {min_steps: 20, batch_size: 33}}"
    (folder / "config.yaml").write_text(f"codes: [{{kind: prequential, learners: [{training}]}}]\n")
    script = [sys.executable, str(Path(ranked.__file__))]
    subprocess.run(script, cwd=folder, timeout=300, check=True)
    return _read(folder / "ended.json")


@pytest.fixture(scope="module")
def found(folder: Path, ended: dict[str, Any]) -> dict[str, Any]:
    """What two processes found."""
    return _read(folder / "found.json")


def _read(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text())
    return values


def test_two_processes_find_the_bits_of_one(found: dict[str, Any]) -> None:
    assert found["bits"] == pytest.approx(ranked.CODE.codelength(ranked.data()).total_bits, rel=1e-3)


@pytest.mark.parametrize("name", ranked.LEARNERS)
def test_a_few_steps_of_two_processes_are_those_of_one(found: dict[str, Any], name: str) -> None:
    """Statistics of batch norms, augmentation and averages among them."""
    alone = ranked.trained(ranked.LEARNERS[name], ranked.data())
    assert np.abs(np.array(found["nets"][name]) - alone).max() < 1e-4


def test_a_message_of_two_processes_is_decoded_by_two(found: dict[str, Any], folder: Path) -> None:
    for name in ("encode", "decode"):
        status, said = found["commands"][name]
        assert status == 0, said
    assert np.array_equal(np.load(folder / "labels.npy"), ranked.data().labels)


def test_a_message_of_two_processes_is_refused_by_one(found: dict[str, Any], folder: Path) -> None:
    with pytest.raises(MessageError, match=r"made with ranks 2, here it is 1, .* torchrun, as 2 processes"):
        decode(ranked.data().shared, (folder / "message").read_bytes())


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("verify", "error: Bob is one process, and 2 train each net together: run encode and then decode"),
        ("compare", "error: 2 processes train each net together: leave out --workers and --executor"),
    ],
)
def test_what_several_processes_can_not_do_is_refused_in_one_line(found: dict[str, Any], name: str, line: str) -> None:
    status, said = found["commands"][name]
    assert status == 2
    assert said.startswith(line)
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", ranked.REFUSED)
def test_trainings_of_whole_batches_are_refused(found: dict[str, Any], name: str) -> None:
    assert "one process" in found["refused"][name]
    assert "without torchrun" in found["refused"][name]


def test_a_training_goes_on_from_a_checkpoint_to_the_same_bits(found: dict[str, Any]) -> None:
    assert found["entries"] == 1
    assert found["resumed"] == found["undisturbed"]


def test_a_process_that_dies_ends_the_work_of_the_others_with_one_line(found: dict[str, Any]) -> None:
    assert all(line.startswith("another process of this training has ended") for line in found["lost"])


def test_an_ended_first_process_ends_the_others(ended: dict[str, Any]) -> None:
    """Without a launcher that would see to it, and by a signal that leaves no time for last words."""
    assert ended["failed"]  # with a launcher: all had ended when it said so
    assert ended["orphaned"] == [1]
