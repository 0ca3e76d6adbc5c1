"""A report of every kind of folder and file that the commands write, with their figures."""

import html
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from mdlcode import MdlError, View, bounds, compare, load
from mdlcode.certify.certificate import certify_numbers
from mdlcode.codes import TwoPart
from mdlcode.learn import NetLearner, Steps
from mdlcode.measures.dimension import IntrinsicDimension, Trial
from mdlcode.ranking import rank, read_models
from mdlcode.report.readers import read_document
from mdlcode.weights import Grid, Quantised

TRIALS = tuple(Trial(d, seed, a + 0.01 * seed, 1.0) for d, a in ((10, 0.5), (40, 0.9)) for seed in (0, 1))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    net = NetLearner("linear", training=Steps(min_steps=20, max_steps=20))
    compare(load("digits", View(limit=60)), ["uniform", TwoPart(net, Quantised(Grid(7)))], out=tmp_path / "run")
    return tmp_path / "run"


def dimension(folder: Path) -> None:
    found = IntrinsicDimension(TRIALS, 1000, (0.9,), baseline_name="fixed", share=0.9)
    about = {"dataset": "digits", "num_labels": 300, "arch": "mlp-1x20", "view": {}, "config": {"kind": "search"}}
    (folder / "dimension.json").write_text(json.dumps(about | found.report()))


def ranking(folder: Path) -> None:
    rows = ["width,train_error,test_error,norm", *(f"{w},0.0,{0.5 / w:.3f},{3.123456789 * w}" for w in range(1, 9))]
    (folder / "models.csv").write_text("\n".join(rows))
    ranked = rank(read_models(folder / "models.csv", ["width"]), ["test_error"])
    (folder / "rank.json").write_text(json.dumps([asdict(row) for row in ranked]))


def measures(folder: Path) -> None:
    known = {"value": 3.5, "error": 0.25, "seconds": 0.1, "reason": "", "sign": 1}
    values = {"norm": known, "distance": {**known, "value": float("nan"), "reason": "needs the weights before <b>"}}
    (folder / "measures.json").write_text(json.dumps(values))


def test_a_comparison_with_its_bounds_and_notes(run: Path) -> None:
    page = read_document(run).html()
    assert page.count("<img") == 3  # panels, parts, bound
    assert "bound on error" in page
    assert '"kind": "quantised"' in html.unescape(page)


def test_a_dimension(tmp_path: Path) -> None:
    dimension(tmp_path)
    document = read_document(tmp_path)
    [table] = document.tables
    assert table.rows == (("10", "50.50 %", "50.00 %", "51.00 %"), ("40", "90.50 %", "90.00 %", "91.00 %"))
    assert table.caption.startswith(f"d_int90 = {10 * 4 ** ((0.81 - 0.505) / 0.4):.0f} of D = 1,000")
    assert document.html().count("<img") == 1


def test_a_certificate_by_its_file_or_its_folder(tmp_path: Path) -> None:
    (tmp_path / "bound.json").write_text(json.dumps(certify_numbers(900, 60_000, 3500, candidates=4).to_config()))
    value = bounds.exact_binomial(900, 60_000, 3502, 0.05)
    for path in (tmp_path, tmp_path / "bound.json"):
        shown, paid = read_document(path).tables
        assert ("exact binomial", f"{100 * value:.3f} %", "tightest") in shown.rows
        assert paid.rows == (("code", "3,500.0", "99.9 %"), ("choice", "2.0", "0.1 %"))
    assert f"{100 * value:.3f} %" in read_document(tmp_path).text(".md")
    assert f"exact binomial,{value:.5f},tightest" in read_document(tmp_path).text(".csv")


def test_measures_rankings_and_models_in_one_folder(tmp_path: Path) -> None:
    measures(tmp_path)
    ranking(tmp_path)
    (tmp_path / "grid.json").write_text('{"axes": ["width"]}')  # of a grid, and not a table
    measured, models, order, say = read_document(tmp_path).tables
    assert measured.rows[0] == ("norm", "+1", "3.5", "0.25", "0.10", "")
    assert models.header == ("width", "train_error", "test_error", "norm")
    assert models.rows[0][-1] == "3.1235"
    assert "norm" in [row[0] for row in order.rows]
    assert {len(row) for row in order.rows} == {len(order.header)}
    assert {len(row) for row in say.rows} == {len(say.header)}
    page = read_document(tmp_path).html()
    assert "needs the weights before &lt;b&gt;" in page
    assert "<b>" not in page


def test_all_of_a_folder_is_in_one_report(run: Path) -> None:
    dimension(run)
    document = read_document(run)
    assert len(document.tables) == 2
    assert "Intrinsic dimension" in document.title
    assert "Codelengths" in document.title


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("other.json", "{}", "holds no results"),
        ("dimension.json", '{"trials": 3}', "dimension.json is damaged"),
        ("bound.json", '{"bounds": [], "bits_by_part": {}}', "bound.json is damaged"),
        ("x.json", "[" * 100_000, "x.json is damaged"),
        ("models.csv", "", "models.csv is damaged"),
    ],
)
def test_what_is_no_result_is_one_clear_line(name: str, content: str, line: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(MdlError, match=line):
        read_document(tmp_path)
