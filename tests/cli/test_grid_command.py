"""Grids of nets: the folder, going on after an interruption, bad input, and the command with `rank` after it."""

import csv
import errno
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from mdlcode.cli.app import app
from mdlcode.data import View, load
from mdlcode.errors import MdlError
from mdlcode.experiments.grid import Grid, read_grid, run_grid
from mdlcode.learn.grid import Training
from mdlcode.measures.base import chosen
from mdlcode.measures.generalization import MEASURES
from mdlcode.ranking import read_models

NAMES = ["prunability", "distance", "disagreement", "sotl", "prequential-bits"]
AXES: dict[str, Any] = {"width": (4, 16), "lr": (0.1, 1e30), "seed": (0, 1)}
FIXED: dict[str, Any] = {"train_size": 100, "label_noise": 0.2, "depth": 1, "batch_size": 32}


def small(**changes: Any) -> Grid:
    settings: dict[str, Any] = {"training": Training(steps=30), "axes": AXES, "fixed": FIXED, "prequential_seeds": (0,)}
    return Grid(**{**settings, **changes})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, str]]]:
    folder = tmp_path_factory.mktemp("grid") / "out"
    return folder, run_grid(small(), load("digits"), folder, chosen(MEASURES, NAMES))


def test_every_net_is_a_row_and_what_is_missing_has_a_reason(made: tuple[Path, list[dict[str, str]]]) -> None:
    folder, rows = made
    assert [row["converged"] for row in rows] == ["1", "1", "0", "0"] * 2
    for row in rows:
        if row["lr"] == "1e+30":
            assert row["reason"] == row["prunability.reason"] == "diverged within 8 steps"
            assert "train_error" not in row
        else:
            assert all(name in row for name in NAMES[:4])
            assert float(row["gap"]) == pytest.approx(float(row["noisy_test_error"]) - float(row["train_error"]))
            noisy = 0.8 * float(row["test_error"]) + 0.2 * 0.9
            assert float(row["noisy_test_error"]) == pytest.approx(noisy)
            assert ("prequential-bits" in row) == (row["seed"] == "0")
            assert bool(row.get("prequential-bits.reason")) == (row["seed"] == "1")
    assert float(rows[0]["prequential-bits"]) < 100 * 3.33  # it learned something, in spite of the noise
    assert sorted(path.name for path in (folder / "weights").iterdir()) == [f"{i:04d}.npz" for i in (0, 1, 4, 5)]
    assert len(list((folder / "history").iterdir())) == 8
    models = read_models(folder)
    assert models.axes == ("width", "lr")
    assert models.left_out == {"no finite train or test error": 4}
    assert set(models.measures) == set(NAMES)
    assert models.signs["sotl"] == -1


def test_a_grid_goes_on_where_it_was_killed(made: tuple[Path, list[dict[str, str]]]) -> None:
    """Nets that are there are not trained again; what is lost is made again, and is the same."""
    folder, rows = made
    kept, lost = folder / "weights" / "0000.npz", folder / "weights" / "0004.npz"
    before, content = kept.stat().st_mtime_ns, (folder / "models.csv").read_text()
    lost.unlink()
    (folder / "history" / "0004.npz").unlink()
    (folder / "forecasts" / "0004.npz").unlink()
    table = list(csv.DictReader(content.splitlines()))
    with (folder / "models.csv").open("w", newline="") as file:  # two nets were measured before it was killed
        writer = csv.DictWriter(file, table[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table[:2])
    again = run_grid(small(), load("digits"), folder, chosen(MEASURES, NAMES))
    assert kept.stat().st_mtime_ns == before
    assert [row["model"] for row in again] == [str(net) for net in range(8)]
    for one, other in zip(rows, again, strict=True):
        for name in ("prunability", "sotl", "test_ce", "prequential-bits"):
            assert one.get(name) == other.get(name)


def test_a_grid_that_a_full_disk_stopped_at_its_start_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    one = small(axes={"width": (4,)}, training=Training(steps=2))
    with monkeypatch.context() as patched:
        patched.setattr("mdlcode.files.os.fsync", full)
        with pytest.raises(MdlError, match=r"grid\.json can't be written: No space left on device"):
            run_grid(one, load("digits"), tmp_path, {})
    assert len(run_grid(one, load("digits"), tmp_path, {})) == 1


def test_other_measures_of_nets_that_are_there(made: tuple[Path, list[dict[str, str]]]) -> None:
    folder, _ = made
    before = (folder / "weights" / "0001.npz").stat().st_mtime_ns
    rows = run_grid(small(), load("digits"), folder, chosen(MEASURES, [*NAMES, "parameters"]))
    assert "parameters" in rows[0]
    assert "prunability" in rows[0]
    assert (folder / "weights" / "0001.npz").stat().st_mtime_ns == before
    with pytest.raises(MdlError, match="holds a grid of other config"):
        run_grid(small(training=Training(steps=31)), load("digits"), folder, {})
    (folder / "history" / "0003.npz").write_bytes(b"no")
    with pytest.raises(MdlError, match="damaged: delete it, and the net is trained again"):
        run_grid(small(), load("digits"), folder, chosen(MEASURES, ["path"]))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"axes": {"widht": (1,)}}, "'widht' is no hyperparameter"),
        ({"axes": {"width": ()}}, "must hold values"),
        ({"axes": {"width": (8, 8)}}, "each once"),
        ({"axes": {"width": (0,)}}, "`width` is 0: (above|at least)"),
        ({"axes": {"depth": (1, 2)}}, "'depth' is an axis and fixed"),
        ({"fixed": {"train_size": 10_000}}, "more than the 1797 examples"),
        ({"fixed": {}}, "leave none to test with"),
    ],
)
def test_grids_that_make_no_sense_are_one_line(changes: dict[str, Any], line: str, tmp_path: Path) -> None:
    with pytest.raises(MdlError, match=line):
        run_grid(small(**changes), load("digits"), tmp_path / "out", {})


def test_measures_of_a_grid_in_a_folder_of_other_things(tmp_path: Path) -> None:
    (tmp_path / "thing").write_text("mine")
    with pytest.raises(MdlError, match="not empty and holds no grid"):
        run_grid(small(), load("digits", View(limit=200)), tmp_path, {})
    assert (tmp_path / "thing").read_text() == "mine"


def test_the_command_trains_and_rank_reads_what_it_wrote(tmp_path: Path) -> None:
    config = tmp_path / "grid.yaml"
    settings = {
        "training": {"steps": 20},
        "axes": {"width": [4, 8], "l2": [0, 0.1], "seed": [0]},
        "fixed": FIXED,
        "measures": "parameters,cross-entropy,disagreement",
    }
    config.write_text(yaml.safe_dump(settings))
    ran = CliRunner().invoke(app, ["grid", "digits", "--config", str(config), "--out", str(tmp_path / "g")])
    assert ran.exception is None, ran.output
    assert "4 nets" in ran.output
    assert "4 trained, 0 diverged, 0 not converged" in ran.output
    words = ["rank", str(tmp_path / "g"), "--targets", "gap,clean_gap", "-o", str(tmp_path / "r")]
    ranked = CliRunner().invoke(app, words)
    assert ranked.exception is None, ranked.output
    rows = {(row["measure"], row["target"]): row for row in json.loads((tmp_path / "r").read_text())}
    assert rows["parameters", "clean_gap"]["scores"] is not None
    assert ("disagreement", "gap") not in rows  # one seed: no net has a value, and the table no such column
    config.write_text(yaml.safe_dump(settings | {"axis": {}}))
    with pytest.raises(MdlError, match="unknown key 'axis'"):
        read_grid(config)
    config.write_text(yaml.safe_dump({"axes": {"width": [1]}, "training": {"stop_ce": 0.1}}))
    with pytest.raises(MdlError, match="Give either `steps` or `epochs`"):
        read_grid(config)
