"""The tables and figures of Kuhn et al. 2021 on grids of a few tiny nets, and what codelengths add to each other."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mdlcode.data import View, load
from mdlcode.learn.grid import Training
from mdlcode.measures.trained import Trained
from mdlcode.nets import build
from mdlcode.papers import Job, items
from mdlcode.papers.kuhn import settings
from mdlcode.papers.kuhn.lengths import added
from mdlcode.papers.kuhn.perturbing import _SPARSITIES, curves
from mdlcode.papers.kuhn.settings import Nets, grids, halved
from mdlcode.ranking import Models
from mdlcode.report.reproduction import Reproduction

_FEW = (
    *("prunability", "sotl", "cross-entropy", "parameters", "perturbation-magnitude"),
    *("prequential-bits", "prequential-errors", "prequential-tail-bits", "two-part-bits"),
)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"width": (1, 3, 6)}
    for table, axes, measures in (
        (settings._A, {"width": (2, 6), "dropout": (0.0, 0.3), "seed": (0, 1)}, _FEW),
        (settings._CODES, few, (*_FEW, "subspace-bits")),
        (settings._DESCENT, few, _FEW),
        (settings._RESNETS, {"width": (1, 2, 3)}, _FEW),
    ):
        fixed = {"depth": 1, "train_size": 80, "label_noise": 0.2, "batch_size": 20}
        grid = replace(table["smoke"].grid, training=Training(steps=20), axes=axes, fixed=fixed)
        monkeypatch.setitem(table, "smoke", Nets("digits", grid, measures, "tiny nets"))


@pytest.mark.usefixtures("tiny")
def test_every_table_and_figure_is_made_and_nothing_is_made_twice(tmp_path: Path) -> None:
    job = Job(Reproduction(tmp_path / "out", "kuhn", "smoke"), "smoke", ("digits",), torch.device("cpu"))
    for make in items("kuhn").values():  # on four nets with a code
        make(job)
    names = {path.stem for path in (tmp_path / "out").glob("*.json")} - {"reproduction"}
    assert names == set(items("kuhn"))
    told = {name: json.loads((tmp_path / "out" / f"{name}.json").read_text()) for name in names}
    assert all(told[f"fig{number}"]["figure"].endswith(".png") for number in range(1, 6))
    assert "In the paper 0.3613 for prunability" in told["fig1"]["caption"]
    table = told["codelengths"]["table"][2]
    assert [row[:3] for row in table if row[0] == "subspace-bits"] == [["subspace-bits", "codes", "3"]]
    rows = {row[0]: row for row in table if row[1] == "A"}
    assert rows["prequential-bits"][2] == "4"  # nets of the first seed alone
    assert {"control: random", "control: -train CE", "control: noisy oracle"} <= rows.keys()
    assert [row[0] for row in told["table3"]["table"][2]][:2] == ["perturbation-magnitude", "sotl"]
    weights = tmp_path / "out" / "grids" / "A" / "weights" / "0000.npz"
    before = weights.stat().st_mtime_ns
    items("kuhn")["table1"](job)
    assert weights.stat().st_mtime_ns == before


def test_scales_are_those_of_the_issue() -> None:
    sizes = {scale: {name: len(nets.grid.settings) for name, nets in grids(scale).items()} for scale in settings._A}
    assert sizes["smoke"] == {"A": 32, "codes": 8, "descent": 8, "resnets": 3}
    assert sizes["cpu"] == {"A": 324, "B": 96, "codes": 54, "descent": 80, "resnets": 16}
    assert sizes["full"] == {"A": 324, "codes": 54, "descent": 160, "resnets": 160}


def test_pruned_and_perturbed_weights_move_as_far() -> None:
    data = load("digits", View(limit=100))
    torch.manual_seed(0)
    net = Trained(build("mlp-1x8", (1, 8, 8), 10), data)
    found = curves(net, net)
    assert found["pruned, train"][0] == pytest.approx(net.loss, abs=1e-6)
    assert found["perturbed, train"][0] == pytest.approx(net.loss, abs=1e-6)
    assert found["pruned, train"] == found["pruned, test"]
    from mdlcode.papers.kuhn.perturbing import _changed

    sizes = torch.cat([each.abs().flatten() for each in net.kernels.values()])
    gone = torch.zeros(len(sizes), dtype=torch.bool)
    gone[sizes.argsort()[:100]] = True
    flat = torch.cat([each.flatten() for each in net.kernels.values()])
    moved = torch.cat([each.flatten(1) for each in _changed(net, gone, 3).values()], dim=1) - flat
    assert moved[:, ~gone].abs().max() < 1e-6
    np.testing.assert_allclose(moved.norm(dim=1).numpy(), float(flat[gone].norm()), rtol=1e-4)
    assert len(found["pruned, test"]) == len(_SPARSITIES)


def test_a_measure_adds_nothing_to_itself_and_much_to_noise() -> None:
    random = np.random.default_rng(0)
    target, noise = random.random(60), random.random(60)
    levels = {"width": np.arange(60)}
    table = Models(levels, {"width": tuple(map(str, range(60)))}, {"good": target + 0, "noise": noise, "t": target})
    found = added(table, "t", "good", "noise")
    assert found.partial == pytest.approx(1.0)
    assert found.r2_both > 0.99 > found.r2_alone
    useless = added(table, "t", "noise", "good")
    assert np.isnan(useless.partial)  # nothing is left to explain


def test_halved_images_are_means_of_four_pixels() -> None:
    data = load("digits", View(limit=5))
    small = halved(data)
    assert small.shared.shape == (1, 4, 4)
    first = data.shared.inputs[0, 0, :2, :2].float().mean()
    assert abs(float(small.shared.inputs[0, 0, 0, 0]) - float(first)) <= 0.5
