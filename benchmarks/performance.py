"""Writes docs/performance.md's table: CPU seconds of the library beside others', each a ratio in one run.

python benchmarks/performance.py [--repeats 3] [--only NAME ...] [--check]

Ours and the other one take turns, on one thread. What was measured is kept in `performance.json` beside this file; only
what is missing there is run, so that an interrupted run goes on, and a figure is measured again once it is taken out.
A figure whose other tool is not installed is left out. With --check the page is only held to what is kept.
"""

import argparse
import json
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from readme_table import written
from step import bare, cpu_seconds, data, ours

from mdlcode import NetLearner, Prequential, View, load
from mdlcode.codes import Forecaster, Identity, Switch, Temperature
from mdlcode.coding.channel import Ledger
from mdlcode.experiments.results import versions
from mdlcode.files import write_text
from mdlcode.learn import EnsembleLearner, Steps
from mdlcode.projections import Dense, Kronecker

ROOT = Path(__file__).parent
KEPT, PAGE = ROOT / "performance.json", ROOT.parent / "docs" / "performance.md"
BEGIN, END = "<!-- figures: python benchmarks/performance.py -->", "<!-- end of figures -->"
Pair = tuple[Callable[[], object], Callable[[], object]]  # ours, and the other one


def step() -> Pair:
    shared, labels = data()
    return partial(ours, shared, labels, 100), partial(bare, shared, labels, 100)


def loader() -> Pair:
    from mnist_mlp import LEARNER, plain_loop

    shown = load("mnist", View(limit=256))
    return lambda: Prequential((LEARNER,)).codelength(shown), lambda: plain_loop(256)


def preqtorch() -> Pair:
    import preqtorch as _  # noqa: F401
    from mnist_mlp import preqtorch_streams, replayed

    shown = load("mnist", View(limit=2048))
    return lambda: replayed().codelength(shown), lambda: preqtorch_streams(shown)


def pyvarinf() -> Pair:
    from variational_peer import ours as our_bits
    from variational_peer import theirs

    shown = load("mnist", View(limit=500))
    return lambda: our_bits(shown, 2, 0), lambda: theirs(shown, 2, 0)


def projection() -> Pair:
    size, dimension = 100_000, 500
    v, g = torch.randn(dimension), torch.randn(size)
    drawn = [each.bind(size, dimension, seed=0) for each in (Kronecker(), Dense())]

    def both(which: int) -> None:
        for _ in range(5):
            drawn[which](v), drawn[which].transpose(g)

    return partial(both, 0), partial(both, 1)


def calibration() -> Pair:
    random = np.random.default_rng(0)
    labels, rows = random.integers(10, size=20_000), random.dirichlet(np.full(10, 0.3), size=(1, 20_000))

    def send(calibration: Identity | Temperature) -> None:
        Forecaster(1, calibration, Switch()).transmit(Ledger(), rows, labels)

    return lambda: send(Temperature()), lambda: send(Identity())


def stacked() -> Pair:
    digits = load("digits", View(limit=256))
    net = NetLearner(arch="mlp-2x32", training=Steps(min_steps=60, max_steps=60, batch_size=32))

    def alone() -> None:
        for seed in range(16):
            replace(net, seed=seed).fit(digits.shared, digits.labels)

    return lambda: EnsembleLearner(net, 16).fit(digits.shared, digits.labels), alone


FIGURES: dict[str, tuple[Callable[[], Pair], str, str]] = {
    "step": (step, "a training step of an MLP 2 x 256, batches of 64", "a bare torch loop"),
    "loader": (
        loader,
        "prequential code of 256 MNIST labels, 20 epochs a block",
        "the same loop over a DataLoader",
    ),
    "preqtorch": (preqtorch, "one pass over 2,048 MNIST labels with replay", "preqtorch 0.2.0's replay streams"),
    "pyvarinf": (pyvarinf, "a variational small LeNet, 500 MNIST labels, 2 epochs", "pyvarinf 0.2"),
    "projection": (projection, "a Kronecker projection and its transpose, D = 100,000, d = 500", "a dense one"),
    "calibration": (
        calibration,
        "counting 20,000 labels of 10 classes under 44 variants",
        "under the predictions as they are",
    ),
    "stacked": (stacked, "an ensemble of 16 MLPs 2 x 32, which trains as one stack", "its nets one by one"),
}


def measure(make: Callable[[], Pair], repeats: int) -> list[tuple[float, float]]:
    """CPU seconds of ours and of the other one, in turns, after one round that is not counted."""
    both = make()
    pairs = [tuple(cpu_seconds(work) for work in both) for _ in range(1 + repeats)]
    return [(one, other) for one, other in pairs[1:]]


def processor() -> str:
    """Its name, where the system tells it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def table(kept: Mapping[str, Any]) -> str:
    """The page's table: ratio of the fastest runs, and the smallest and largest ratio of a turn."""
    rows = ["| figure | beside | ratio of CPU seconds | turns | seconds |", "|---|---|---:|---:|---:|"]
    for name, (_, figure, beside) in FIGURES.items():
        if name not in kept:
            continue
        pairs = kept[name]["cpu_seconds"]
        least = [min(each) for each in zip(*pairs, strict=True)]
        ratios = [one / other for one, other in pairs]
        spread = f"**{least[0] / least[1]:.3g}** ({min(ratios):.3g} - {max(ratios):.3g})"
        rows.append(f"| {figure} | {beside} | {spread} | {len(pairs)} | {least[0]:.3f} / {least[1]:.3f} |")
    made = sorted({f"{each['processor']}, {each['versions']}" for each in kept.values()})
    return "\n".join([*rows, "", f"Measured on: {'; '.join(made)}."])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=FIGURES, default=list(FIGURES))
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for name in [] if options.check else options.only:
        if name in kept:
            continue
        try:
            pairs = measure(FIGURES[name][0], options.repeats)
        except ImportError as error:
            print(f"{name}: not run, {error}")
            continue
        kept[name] = {
            "cpu_seconds": pairs,
            "processor": processor(),
            "versions": ", ".join(f"{name} {one}" for name, one in versions().items()),
        }
        write_text(KEPT, json.dumps(kept, indent=1) + "\n")
        print(name, [f"{one:.3f} / {other:.3f}" for one, other in pairs], flush=True)
    old = PAGE.read_text()
    new = written(old, table(kept), BEGIN, END)
    print(f"{len(kept)} of {len(FIGURES)} figures are kept")
    if not options.check:
        write_text(PAGE, new)
    elif old != new:
        sys.exit("the table in docs/performance.md is out of date: run python benchmarks/performance.py")


if __name__ == "__main__":
    main()
