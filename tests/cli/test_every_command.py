"""Every command in one fresh process, one after the other, as a notebook or a script would run them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mdlcode import View, load
from mdlcode.cli.app import app
from mdlcode.nets import build

SEVERAL = """
import json, sys
from mdlcode.cli.app import app
for words in json.load(sys.stdin):
    app(words, standalone_mode=False)
"""


def test_every_command_in_a_fresh_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = {name: 0.125 * each.sign() for name, each in build("mlp-1x4", (1, 8, 8), 10).state_dict().items()}
    torch.save(state, tmp_path / "net.pt")
    columns = np.random.default_rng(0).normal(size=(12, 2)).round(3)
    rows = [f"{index % 3},{index // 3},{gap},{norm}" for index, (gap, norm) in enumerate(columns)]
    (tmp_path / "models.csv").write_text("width,depth,gap,norm\n" + "\n".join(rows) + "\n")
    (tmp_path / "grid.yaml").write_text(
        "axes: {width: [4, 6]}\nfixed: {train_size: 60, depth: 1, batch_size: 32}\ntraining: {steps: 4}\n"
    )
    lines = """
        list nets
        bound-numbers --errors 1 --examples 99 --bits 50
        compare digits --codes uniform,frequencies --limit 20 --out run
        plan digits --arch mlp-1x4 --limit 60 --workers 2 --step-seconds 0.01
        plot run -o run.png
        report run -o run.html
        encode digits --code prequential --arch mlp-1x4 --limit 20 -o message
        decode digits message -o labels.npy
        verify digits --code prequential --arch mlp-1x4 --limit 20
        audit digits --code frequencies --limit 20 --only decodes
        compress digits --arch mlp-1x4 --weights net.pt --limit 60 -o net.mdl
        show net.mdl
        bound digits net.mdl --limit 60
        measure digits net.pt --arch mlp-1x4 --limit 40 --measures distance,cross-entropy
        dimension digits --arch mlp-1x4 --limit 60 --seeds 1 --precision 4 --baseline 0.1 --epochs 1
        grid digits --config grid.yaml --measures distance --out grid
        rank models.csv --axes width,depth --targets gap
        reproduce zhou --only table1 --out zhou --workers 1
        cache --cache kept --limit 1MB
    """
    words = [line.split() for line in lines.strip().splitlines()]
    named = {each.name or str(getattr(each.callback, "__name__", "")) for each in app.registered_commands}
    assert {each.replace("_", "-") for each in named} == {each[0] for each in words}
    command = [sys.executable, "-c", SEVERAL]
    ran = subprocess.run(command, input=json.dumps(words), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    for said in (
        "lenet5",
        "exact binomial",
        "uniform",
        "run.png",
        "run.html",
        "mlp-1x4",
        "cross-entropy",
        "d_int90",
        "critical path",
    ):
        assert said in ran.stdout, said
    for said in ("labels identical: proved", "decodes: holds", "2 nets in grid", "norm", "96.50 %", "0 B of 1 MB"):
        assert said in ran.stdout, said
    assert np.array_equal(np.load("labels.npy"), load("digits", View(limit=20)).labels)
