"""Results as tables: in Python, in a notebook, as a frame, as CSV, and on stdout row by row."""

import csv
import io
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mdlcode import MdlError, compare, from_arrays, load
from mdlcode.cli.app import app
from mdlcode.cli.show import GrowingTable
from mdlcode.codes.prequential import Prequential
from mdlcode.codes.uniform import Uniform
from mdlcode.data import Data, View
from mdlcode.experiments.results import Result
from mdlcode.experiments.shown import HEADER, Results, bounds_table, row
from mdlcode.experiments.tables import Table
from mdlcode.learn import EstimatorLearner, UniformLearner


@pytest.fixture(scope="module")
def results() -> Results:
    return compare(load("digits", View(limit=40)), ["uniform", "frequencies"])


def test_results_print_as_a_table(results: Results) -> None:
    printed = str(results)
    assert printed == repr(results)
    assert "digits: 40 labels, 10 classes" in printed
    [uniform] = [line for line in printed.splitlines() if line.startswith("│ uniform")]
    assert [each.strip() for each in uniform.strip("│").split("│")] == list(row(results[0]))
    assert isinstance(results, tuple)
    assert [each.code for each in results] == ["uniform", "frequencies"]


def test_a_notebook_shows_a_table_and_no_markup_of_names(results: Results) -> None:
    shown = Results([replace(results[0], code="<script>", dataset="<b>&", notes=("a <i>note</i>",))])._repr_html_()
    assert shown.startswith("<table>")
    assert "&lt;script&gt;" in shown
    assert not any(tag in shown for tag in ("<script>", "<b>", "<i>"))


def test_results_as_a_frame(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas")
    frame = results.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["total_bits"].tolist() == [each.total_bits for each in results]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MdlError, match="needs pandas: pip install"):
        results.to_pandas()


def test_csv_holds_numbers() -> None:
    cells = ("a, b", "7,322,433.1", "-7,316,423.4", "1226.6400", "99.50 %", "-", "1,0", "> 9.28")
    [_, read] = csv.reader(io.StringIO(Table("", tuple("abcdefgh"), (cells,)).csv()))
    assert read == ["a, b", "7322433.1", "-7316423.4", "1226.6400", "0.995", "", "1,0", "> 9.28"]


def test_a_row_is_printed_as_soon_as_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second code finds the first one's row on stdout already."""
    monkeypatch.setattr(sys, "stdout", pipe := io.StringIO())
    there: list[bool] = []

    def transmit(self, channel, shared, labels):  # type: ignore[no-untyped-def]
        there.append("│ uniform " in pipe.getvalue())
        return transmit_uniform(self, channel, shared, labels)

    transmit_uniform = Uniform.transmit
    monkeypatch.setattr(Uniform, "transmit", transmit)
    app(["compare", "digits", "--limit", "20", "--codes", "uniform,uniform"], standalone_mode=False)
    assert there == [False, True]
    lines = [line for line in pipe.getvalue().splitlines() if line[:1] in "┏┃┡│└"]
    assert [line[0] for line in lines] == ["┏", "┃", "┡", "│", "│", "└"]
    assert len({len(line) for line in lines}) == 1  # as wide as what was printed before it was known
    assert "lower is better" in pipe.getvalue()


def test_nothing_is_printed_of_a_table_without_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdlcode.cli.show.out", SimpleNamespace(print=pytest.fail))
    GrowingTable(HEADER, (10,) * len(HEADER), "title", "caption").end()


@pytest.fixture(scope="module")
def noise() -> Data:
    draws = np.random.default_rng(0)
    return from_arrays(draws.normal(size=(60, 20)).astype("float32"), draws.integers(2, size=60))


def test_a_prequential_code_of_noise_names_the_codes_that_stay_near_1(noise: Data) -> None:
    sure = EstimatorLearner("sklearn.neighbors:KNeighborsClassifier", (("n_neighbors", 1),))
    alone, switched, uniform = compare(noise, [Prequential((sure,)), Prequential((sure, UniformLearner())), "uniform"])
    assert alone.compression_ratio > 1
    [note] = alone.notes
    assert "`switch`" in note
    assert "`frequencies`" in note
    assert not any("`switch`" in each for each in (*switched.notes, *uniform.notes))
    learnt = from_arrays(torch.arange(60.0)[:, None] % 2, np.arange(60) % 2)
    assert compare(learnt, [Prequential((sure,))])[0].notes == ()


def test_bounds_say_what_bounds_a_variational_code(results: Results) -> None:
    bounded = replace(results[0], train_errors=4, bound_bits=100.0, bound=0.9, bound_name="Catoni", bound_delta=0.05)
    drawn = replace(results[1], code="mine", config={"kind": "variational"})
    table = bounds_table([bounded, drawn])
    assert table.rows == (
        ("uniform", "4 (10.00 %)", "100.0", "90.000 %", "Catoni", "0.05"),
        ("mine", "-", "-", "-", "-", "-"),
    )
    assert "mine: its net is drawn at random, `mdlcode bound` with this code bounds it" in table.caption
    assert "drawn" not in bounds_table([bounded]).caption
    assert Results([bounded]).table.header[-1] == "bound on error"


def test_every_field_is_in_the_frame(results: Results) -> None:
    pytest.importorskip("pandas")
    assert set(results.to_pandas().columns) == set(Result.__dataclass_fields__)
