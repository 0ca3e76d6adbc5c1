"""The good files that an attack changes: small messages, nets, configs, results and images, each made once."""

import io
import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image

from mdlcode.bayes import BayesLearner
from mdlcode.codes import (
    BestOf,
    Code,
    Frequencies,
    Listed,
    Online,
    Prequential,
    Subspace,
    TwoPart,
    Uniform,
    Variational,
)
from mdlcode.codes.presets import PRESETS
from mdlcode.config import to_config
from mdlcode.data import Data, View, from_arrays
from mdlcode.experiments.compare import compare
from mdlcode.learn import EstimatorLearner, FrequencyLearner, NetLearner, NetPredictor, Steps, SubspaceLearner
from mdlcode.nets import build
from mdlcode.weights import Float16, Float32, Grid, Quantised
from mdlcode.weights.net_file import pack_net

FEW = Steps(min_steps=3, max_steps=3)


def prepare() -> None:
    """Makes the good files, before the clocks run."""
    for made in (messages, nets, configs, results, images):
        made()


@cache
def data() -> Data:
    """Thirty labels of three classes."""
    points = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    return from_arrays(points, (np.arange(30) % 3).tolist())


@cache
def messages() -> list[tuple[bytes, Any]]:
    """Small messages of all kinds of codes, and the labels that they tell."""
    net = NetLearner(arch="linear", training=FEW)
    codes: list[Code] = [
        *(Uniform(), Frequencies(), TwoPart(net), TwoPart(net, Quantised(Grid(5))), Online(arch="linear")),
        Prequential((net, FrequencyLearner(), EstimatorLearner("sklearn.naive_bayes:GaussianNB")), Listed((10,))),
        Subspace(SubspaceLearner(arch="linear", dimension=5, training=FEW)),
        Variational(BayesLearner(training=FEW)),
        BestOf((Uniform(), TwoPart(net))),
    ]
    source = {"name": "mine", "view": to_config(View()), "reading": {"target": None, "resize": None}}
    return [(code.transmitted(data(), source)[0], data().labels) for code in codes]


@cache
def nets() -> list[bytes]:
    """Small nets' files."""
    made = []
    for arch, weights in (("linear", Float32()), ("mlp-1x3", Quantised(Grid(5))), ("linear", Float16())):
        torch.manual_seed(0)
        learned = NetPredictor(build(arch, data().shared.shape, 3), data().shared, bf16=False)
        made.append(pack_net(learned, arch, data().shared.shape, 3, weights))
    span = Subspace(SubspaceLearner(arch="linear", dimension=5, training=FEW))
    learned = span.learner.fit(data().shared, data().labels)
    return [*made, pack_net(learned, "linear", data().shared.shape, 3, span.weights)]


@cache
def configs() -> list[dict[str, Any]]:
    """The named codes as configs."""
    return [to_config(code) for code in PRESETS.values()]


@cache
def results() -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Stored results of two codes, and their arrays by file."""
    place = folder() / "good"
    experts = Prequential((FrequencyLearner(), EstimatorLearner("sklearn.naive_bayes:GaussianNB")), Listed((10,)))
    compare(data(), [Uniform(), experts], place)
    arrays = {path.name: dict(np.load(path, allow_pickle=False)) for path in sorted(place.glob("*.npz"))}
    return json.loads((place / "results.json").read_text()), arrays


@cache
def images() -> list[tuple[str, bytes]]:
    """Small images in all formats that are read."""
    grey = Image.fromarray(np.random.default_rng(0).integers(256, size=(8, 8), dtype=np.uint8))
    made = []
    for kind in ("png", "jpeg", "bmp", "ppm", "webp", "tiff", "gif"):
        file = io.BytesIO()
        grey.save(file, kind)
        made.append((kind, file.getvalue()))
    return made


def folder() -> Path:
    """Where the files of this process lie, until it ends."""
    return Path(_folder().name)


@cache
def _folder() -> "TemporaryDirectory[str]":
    return TemporaryDirectory(prefix="mdlcode-attack-")
