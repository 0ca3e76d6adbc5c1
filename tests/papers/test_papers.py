"""Figures, reproductions and reports through the command, in fresh processes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from conftest import Run
from mdlcode.cli.app import app
from mdlcode.codes.base import parse_code
from mdlcode.errors import MdlError
from mdlcode.experiments.results import SCHEMA_VERSION, stem
from mdlcode.experiments.stored import read_results
from mdlcode.experiments.tables import Table
from mdlcode.papers.blier_ollivier.codes import table1_codes
from mdlcode.papers.blier_ollivier.published import PUBLISHED, flat_confusion_bits
from mdlcode.papers.li.items import GRID, grid_search

ROOT = next(each for each in Path(__file__).parents if (each / "pyproject.toml").is_file())


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mdlcode import Prequential, Uniform, View, compare, load
    from mdlcode.learn import FrequencyLearner, UniformLearner

    folder = tmp_path_factory.mktemp("runs") / "run"
    switched = Prequential((UniformLearner(), FrequencyLearner()))
    compare(load("digits", View(limit=120)), [Uniform(), switched], out=folder)
    return folder


def test_what_is_stored_is_read_back(stored: Path) -> None:
    uniform, switched = read_results(stored)
    assert uniform.bits_after_label[-1] == pytest.approx(uniform.result.total_bits)
    assert switched.arrays["block_stops"].tolist() == [8, 16, 32, 64, 120]
    assert switched.expert_weights.shape == (120, 2)
    assert switched.arrays["correct_by_label"].shape == (120,)


def test_results_of_the_first_schema_are_read_under_todays_names(stored: Path, tmp_path: Path) -> None:
    now = read_results(stored)
    assert all(run.result.schema_version == SCHEMA_VERSION == 2 for run in now)
    rows = json.loads((stored / "results.json").read_text())
    for index, row in enumerate(rows):
        row["data_bits"] = row.pop("label_bits")
        del row["schema_version"]
        arrays = dict(now[index].arrays, rates=np.array([0.5, 1.0]))
        np.savez(tmp_path / f"{stem(index, row['code'])}.npz", **arrays)  # type: ignore[arg-type]
    (tmp_path / "results.json").write_text(json.dumps(rows))
    old = read_results(tmp_path)
    assert [run.result for run in old] == [run.result for run in now]
    assert old[0].arrays["bit_prices"].tolist() == [0.5, 1.0]
    assert "rates" not in old[0].arrays


def test_results_of_a_later_schema_are_refused(stored: Path, tmp_path: Path) -> None:
    rows = [row | {"schema_version": 99} for row in json.loads((stored / "results.json").read_text())]
    (tmp_path / "results.json").write_text(json.dumps(rows))
    with pytest.raises(MdlError, match="results of schema 99, and here schemas up to 2 are known"):
        read_results(tmp_path)


@pytest.mark.parametrize("kind", ["ratio", "regret", "blocks", "accuracy", "panels", "parts", "weights"])
def test_every_kind_is_drawn(kind: str, stored: Path) -> None:
    from mdlcode.plots.kinds import draw

    figure = draw(kind, read_results(stored))
    assert all(axes.get_xlabel() and len(axes.get_children()) > 10 for axes in figure.axes)


def test_a_sweep_finds_what_differs(tmp_path: Path) -> None:
    from mdlcode import Prequential, View, compare, load
    from mdlcode.codes import Geometric
    from mdlcode.learn import UniformLearner
    from mdlcode.plots.kinds import draw

    codes = [Prequential((UniformLearner(),), schedule=Geometric(first=first)) for first in (4, 8, 16)]
    compare(load("digits", View(limit=60)), codes, out=tmp_path / "run")
    [axes] = draw("sweep", read_results(tmp_path / "run")).axes
    assert axes.get_xlabel() == "schedule.first"
    assert axes.lines[0].get_xdata().tolist() == [4.0, 8.0, 16.0]  # type: ignore[union-attr]


def test_plot_and_report_through_the_command(mdlcode: Run, stored: Path, tmp_path: Path) -> None:
    drawn = mdlcode("plot", stored, "--kind", "weights", "-o", tmp_path / "weights.svg")
    assert drawn.returncode == 0, drawn.stderr
    assert (tmp_path / "weights.svg").read_text().count("frequencies") == 1
    told = mdlcode("report", stored, "-o", tmp_path / "report.html")
    assert told.returncode == 0, told.stderr
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    assert "http" not in page
    assert 'src="data:' in page
    assert mdlcode("report", stored, "-o", tmp_path / "table.md").returncode == 0
    assert "| uniform | 0.0 | 398.6 |" in (tmp_path / "table.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("plot", "{stored}", "--kind", "wieghts", "-o", "x.png"), "did you mean 'weights'"),
        (("plot", "{stored}", "-o", "x.docx"), "use png, pdf or svg"),
        (("plot", "{stored}", "--codes", "unifrom", "-o", "x.png"), "no code 'unifrom'"),
        (("plot", "{empty}", "-o", "x.png"), "no results folder"),
        (("plot", "{empty}", "--kind", "dimension", "-o", "x.png"), "not the folder of a dimension"),
        (("plot", "{stored}", "--kind", "prices", "-o", "x.png"), "swept trade-offs"),
        (("plot", "{stored}", "--kind", "bound", "-o", "x.png"), "no code of these results has a bound"),
        (("plot", "{old}", "-o", "x.png"), "was made by mdlcode 0.0.1"),
        (("report", "{damaged}", "-o", "x.html"), "damaged"),
        (("report", "{stored}", "-o", "x.doc"), ".html, .md, .tex or .csv"),
        (("reproduce", "blier-olivier", "--out", "{new}"), "did you mean 'blier-ollivier'"),
        (("reproduce", "zhou", "--only", "tabel1", "--out", "{new}"), "did you mean 'table1'"),
        (("reproduce", "zhou", "--scale", "smok", "--out", "{new}"), "did you mean 'smoke'"),
        (
            ("reproduce", "blier-ollivier", "--only", "table1", "--data", "mnist", "--threads", "1", "--out", "{new}"),
            "MDLCODE_DATA",
        ),
        (("reproduce", "zhou", "--only", "table1", "--out", "{stored}"), "holds no reproduction"),
        (("reproduce", "zhou", "--only", "table1", "--out", "{other}"), "begun with torch 1.0"),
    ],
)
def test_mistakes_are_one_clear_line(
    arguments: tuple[str, ...], line: str, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MDLCODE_DATA", str(tmp_path / "none"))
    places = {name: tmp_path / name for name in ("empty", "old", "damaged", "other")}
    for place in places.values():
        place.mkdir()
    row = json.loads((stored / "results.json").read_text())[0]
    old: dict[str, Any] = {**row, "nats": 1.0, "versions": {"mdlcode": "0.0.1"}}
    (places["old"] / "results.json").write_text(json.dumps([old]))
    (places["damaged"] / "results.json").write_text("[{")
    about = {"paper": "zhou", "scale": "smoke", "versions": {**row["versions"], "torch": "1.0"}}
    (places["other"] / "reproduction.json").write_text(json.dumps(about))
    ran = CliRunner().invoke(app, [each.format(stored=stored, new=tmp_path / "new", **places) for each in arguments])
    assert isinstance(ran.exception, MdlError)  # which `main` prints as one line, with status 2
    assert line in str(ran.exception)


def test_an_unknown_figure_ends_with_status_2(mdlcode: Run, tmp_path: Path) -> None:
    ran = mdlcode("reproduce", "zhou", "--only", "tabel1", "--out", tmp_path / "new")
    assert ran.returncode == 2
    assert "did you mean 'table1'" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "new").exists()


def test_a_reproduction_goes_on_where_it_was_interrupted(mdlcode: Run, tmp_path: Path) -> None:
    asked = ("reproduce", "blier-ollivier", "--only", "table2", "--out", tmp_path / "bo", "--threads", 1)
    first = mdlcode(*asked)
    assert first.returncode == 0, first.stderr
    done = tmp_path / "bo" / "runs" / "switching-one-net" / "results.json"
    before = done.stat().st_mtime_ns
    lost = tmp_path / "bo" / "runs" / "switching-switch" / "results.json"
    lost.unlink()  # as if it had been stopped there
    assert mdlcode(*asked).returncode == 0
    assert done.stat().st_mtime_ns == before
    assert lost.exists()
    refused = mdlcode("reproduce", "blier-ollivier", "--scale", "cpu", "--out", tmp_path / "bo")
    assert refused.returncode == 2
    assert "holds scale 'smoke'" in refused.stderr
    assert mdlcode("report", tmp_path / "bo", "-o", tmp_path / "bo.tex").returncode == 0
    assert "self-switch" in (tmp_path / "bo.tex").read_text()


def test_tables_of_zhou_hold_the_published_numbers(mdlcode: Run, tmp_path: Path) -> None:
    ran = mdlcode("reproduce", "zhou", "--only", "table1", "--out", tmp_path / "zhou")
    assert ran.returncode == 0, ran.stderr
    assert "96.54 % | 96.50 %" in ran.stdout
    assert "zhou_lenet5.npz is not in the folder" in ran.stdout


def test_the_rooms_of_the_papers_hold_their_grids(mdlcode: Run, tmp_path: Path) -> None:
    ran = mdlcode("reproduce", "zhou", "--only", "fig1,limits,kl-weights", "--out", tmp_path / "zhou", "--threads", 1)
    assert ran.returncode == 0, ran.stderr
    [header, _, *rows] = [line for line in ran.stdout.splitlines() if line.startswith("|")]
    assert "least bits" in header
    assert [row.split(" | ")[0] for row in rows] == ["| 0%", "| 30%", "| 50%", "| 70%", "| 100%"]
    pruned = json.loads((tmp_path / "zhou" / "runs" / "fig1-0.json").read_text())["values"]
    assert [len(pruned[method]) for method in ("one-shot", "surgery")] == [4, 4]
    asked = ("reproduce", "blier-ollivier", "--only", "fig1,ingredients,map,codings", "--threads", 1)
    ran = mdlcode(*asked, "--out", tmp_path / "bo")
    assert ran.returncode == 0, ran.stderr
    assert "| without calibration |" in ran.stdout
    assert "| relative entropy, 10 bits a block, slack 0 |" in ran.stdout
    assert all((tmp_path / "bo" / f"{name}.png").is_file() for name in ("fig1", "map"))
    grid = mdlcode("reproduce", "li", "--only", "fig3", "--out", tmp_path / "li", "--threads", 1)
    assert grid.returncode == 0, grid.stderr
    assert "d_int90 1." in json.loads((tmp_path / "li" / "fig3.json").read_text())["caption"]
    assert grid_search("full", "mlp-1x50").baseline == 1.0
    assert sum(len(GRID["full"][i]) for i in (0, 1)) == 9


def test_honest_totals_and_six_codes() -> None:
    assert flat_confusion_bits(60_000, 10, 0.9) / 1000 + 9.28 == pytest.approx(56.4, abs=0.1)
    assert flat_confusion_bits(50_000, 10, 0.7) / 1000 + 92.8 == pytest.approx(184.4, abs=0.1)
    assert PUBLISHED["mnist", "subspace"].cells(60_000, 10) == ("> 9.28", "> 56.4", "> 0.2832")
    assert PUBLISHED["cifar10", "prequential"].cells(50_000, 10) == ("45.3", "45.3", "0.2727")
    for scale in ("smoke", "cpu", "full"):
        for dataset in ("digits", "mnist", "cifar10"):
            assert {(dataset, name) for name in table1_codes(scale, dataset)} >= {
                key for key in PUBLISHED if key[0] == dataset
            }


@pytest.mark.parametrize(
    ("code", "name"), [("prequential", "mnist"), ("prequential", "cifar10"), ("subspace", "subspace-mnist")]
)
def test_codes_at_full_scale_are_those_of_the_configs(code: str, name: str) -> None:
    [config] = yaml.safe_load((ROOT / "configs" / f"{name}.yaml").read_text())["codes"]
    assert table1_codes("full", name.split("-")[-1])[code] == parse_code(config)


def test_latex_and_csv_of_a_table() -> None:
    made = Table("50 %", ("a", "b"), (("x_1", "1,0"),))
    assert r"x\_1 & 1,0 \\" in made.latex()
    assert made.csv() == 'a,b\nx_1,"1,0"\n'


def test_readme_table_is_made_from_the_records() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "readme_table.py"), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
