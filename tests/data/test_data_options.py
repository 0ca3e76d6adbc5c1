"""The command's options for anyone's data."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Run


def results(ran: object, out: Path) -> dict[str, object]:
    assert ran.returncode == 0, ran.stderr  # type: ignore[attr-defined]
    [result] = json.loads((out / "results.json").read_text())
    return dict(result)


def test_a_table_from_the_command_to_bob(mdlcode: Run, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    place = np.arange(60)
    frame = pandas.DataFrame({"size": place % 7, "colour": np.array(["red", "blue"])[place % 2], "kind": place % 2 + 5})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame[:10].to_csv(tmp_path / "test.csv", index=False)
    frame.drop(columns="kind").to_csv(tmp_path / "bob.csv", index=False)
    own = ("--target", "kind", "--standardise", "per-channel", "--order-seed", 4)
    tested = ("--test", tmp_path / "test.csv", "--out", tmp_path / "out")
    ran = mdlcode("compare", tmp_path / "t.csv", "--codes", "prequential", "--arch", "mlp", *own, *tested)
    result = results(ran, tmp_path / "out")
    assert (result["class_names"], result["order_seed"], result["standardise"]) == (["5", "6"], 4, "per-channel")
    assert result["test_accuracy"] == 1
    assert "2 classes (5, 6)" in ran.stdout
    sent = mdlcode("encode", tmp_path / "t.csv", "--code", "frequencies", *own, "-o", tmp_path / "m")
    assert sent.returncode == 0, sent.stderr
    decoded = mdlcode("decode", tmp_path / "bob.csv", tmp_path / "m", "-o", tmp_path / "labels.npy")
    assert decoded.returncode == 0, decoded.stderr
    order = np.random.Generator(np.random.PCG64(4)).permutation(60)
    assert np.array_equal(np.load(tmp_path / "labels.npy"), (place % 2)[order])


def test_classes_order_and_size_are_options(mdlcode: Run, tmp_path: Path) -> None:
    for i in range(8):
        (folder := tmp_path / "images" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((5, 5 + i), i, dtype=np.uint8)).save(folder / f"{i}.png")
    more = ("--codes", "uniform", "--order-seed", "none", "--out", tmp_path / "out")
    ran = mdlcode("compare", tmp_path / "images", "--classes", "b,a,c,d", "--resize", "6x4", *more)
    result = results(ran, tmp_path / "out")
    assert (result["total_bits"], result["order_seed"]) == (pytest.approx(16), None)
    assert result["class_names"] == ["b", "a", "c", "d"]
    for option, value, says in (
        ("--resize", "6", "resize.1` is missing"),
        ("--resize", "0x9", "1 to 4096"),
        ("--num-classes", "0", "--num-classes is 0: at least 1"),
        ("--standardise", "some", "--standardise is 'some'"),
        ("--order-seed", "-1", "--order-seed is '-1': at least 0"),
        ("--classes", "a,c", "hold the class 'b'"),
    ):
        refused = mdlcode("compare", tmp_path / "images", "--codes", "uniform", "--resize", "6x4", option, value)
        assert refused.returncode == 2
        assert says in refused.stderr
