"""Results and reproductions of strangers: stored rows and arrays, names in documents, figures and tables."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdlcode.codes import BestOf, Frequencies, Uniform
from mdlcode.data import Data, from_arrays
from mdlcode.errors import MdlError
from mdlcode.experiments.compare import compare
from mdlcode.experiments.stored import read_results
from mdlcode.experiments.tables import Table
from mdlcode.plots.kinds import draw
from mdlcode.report.document import MARKER
from mdlcode.report.readers import read_document
from mdlcode.report.reproduction import Reproduction


@pytest.fixture
def data() -> Data:
    return from_arrays(np.arange(24.0).reshape(12, 2), [0, 1] * 6)


@pytest.fixture
def stored(data: Data, tmp_path: Path) -> Path:
    compare(data, [Uniform(), BestOf((Uniform(), Frequencies()))], tmp_path / "run")
    return tmp_path / "run"


def change(folder: Path, **values: Any) -> None:
    rows = json.loads((folder / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps([{**rows[0], **values}, *rows[1:]]))


ROWS: list[dict[str, Any]] = [
    {"total_bits": "many"},
    {"total_bits": float("nan")},
    {"total_bits": 0},
    {"num_labels": 0},
    {"uniform_bits": -1},
    {"bits_by_part": [1]},
    {"bits_by_part": {"x" * 300: 1.0}},
    {"code": 3},
    {"versions": []},
    {"versions": {"mdlcode": 3}},
    {"config": "x"},
    {"proof": {"reported_bits": []}},
    {"notes": 3},
    {"schema_version": "x"},
    {"seconds": None},
]


@pytest.mark.parametrize("values", ROWS, ids=lambda values: str(values)[:40])
def test_stored_results_of_wrong_types(values: dict[str, Any], stored: Path) -> None:
    change(stored, **values)
    with pytest.raises(MdlError) as error:
        read_results(stored)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["{}", "[1]", "null", "[" * 10**5, "x", "[{}]"])
def test_results_that_are_no_list(text: str, stored: Path) -> None:
    (stored / "results.json").write_text(text)
    with pytest.raises(MdlError):
        read_results(stored)


def test_arrays_of_strangers(stored: Path) -> None:
    bits = np.full(12, 1.0)
    for odd in (
        {"bits_by_label": bits.astype(str)},
        {"bits_by_label": bits * np.nan},
        {"bits_by_label": bits[:, None]},
        {"bits_by_label": bits, "block_stops": np.zeros(0)},
        {"bits_by_label": bits, "block_stops": np.array([3.0, 2.0, 12.0])},
        {"bits_by_label": bits, "expert_weights": np.ones(12)},
        {"bits_by_label": bits, "correct_by_label": bits},
        {"bits_by_label": bits, "more": bits.astype(str)},
    ):
        np.savez(stored / "00-uniform.npz", allow_pickle=False, **odd)
        with pytest.raises(MdlError, match=r"00-uniform\.npz"):
            read_results(stored)


def test_names_of_strangers_in_figures_and_documents(stored: Path, tmp_path: Path) -> None:
    name = "_$\\frac$ <script>alert(1)</script> \x1b[31m |`"
    (stored / "00-uniform.npz").rename(stored / "00--frac-script-alert-1-script-31m-.npz")
    change(stored, code=name, command="</pre><script>")
    document = read_document(stored)
    assert "<script>" not in document.text(".html")
    assert "\x1b" not in document.text(".md")
    assert document.pictures[0].png.startswith(b"\x89PNG")
    change(stored, code=name, config={"learners": [{}]})
    with pytest.raises(MdlError, match="no experts"):
        draw("weights", read_results(stored))


def test_cells_are_text_in_every_form() -> None:
    cells = ("=HYPERLINK(1)", "@x", "-1+x", "-5.0", "+1", "-", "a|b\nc", "\\input{x}", "x^~_")
    table = Table("caption | {x}", ("code", "bits"), tuple((cell, "1") for cell in cells))
    read = [line.split(",")[0].strip('"') for line in table.csv().splitlines()[1:] if line.endswith(",1")]
    assert [each for each in read if each.startswith("'")] == ["'=HYPERLINK(1)", "'@x", "'-1+x"]
    assert {"-5.0", "+1", "-"} <= set(read)
    assert all(line.count("|") - line.count("\\|") == 3 for line in table.markdown().splitlines()[2:])
    assert r"\textbackslash{}input\{x\} & 1 \\" in table.latex()
    assert r"x\textasciicircum{}\textasciitilde{}\_" in table.latex()


@pytest.mark.parametrize(
    "figure", ["../secret.txt", "/etc/hostname", "link.png", "eps.png", "none.png", "x\x00.png", "."]
)
def test_a_reproduction_shows_its_own_figures_alone(figure: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    Reproduction(folder, "li", "smoke")
    assert (folder / MARKER).is_file()
    png = b"\x89PNG\r\n\x1a\n"
    (tmp_path / "secret.txt").write_bytes(png + b"secret")
    (folder / "link.png").symlink_to("../secret.txt")
    (folder / "eps.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n")
    (folder / "own.png").write_bytes(png)
    (folder / "fig1.json").write_text(json.dumps({"figure": "own.png", "caption": "mine"}))
    assert len(read_document(folder).pictures) == 1
    (folder / "fig1.json").write_text(json.dumps({"figure": figure, "caption": "theirs"}))
    with pytest.raises(MdlError, match="figure"):
        read_document(folder)


@pytest.mark.parametrize("table", [3, ["c"], ["c", ["a", "b"], [["1"]]], ["c", ["a"], [[1.0]]], {"a": 1}], ids=str)
def test_tables_of_strangers(table: Any, tmp_path: Path) -> None:
    Reproduction(tmp_path / "out", "li", "smoke")
    (tmp_path / "out" / "table1.json").write_text(json.dumps({"table": table}))
    with pytest.raises(MdlError, match=r"a table in .* is damaged"):
        read_document(tmp_path / "out")
