"""What `mdlcode reproduce blier-ollivier --scale full` takes, on paper: steps and operations of all its trainings.

python benchmarks/full_plan.py [--scale full] [--only table1,fig2] [--peak-tflops 989] [--share 0.1] [--step-ms 2]

No training is made but a few steps of each learner on batches of four and eight, whose operations are taken on to its
own batches, in which they are linear. A device is taken to reach a share of its peak, and to lose the same time at each
step, which is what it takes to start a step's kernels. Both are assumptions, and so are the minutes made of them.
Predictions are counted; estimators of scikit-learn, calibration, mixture, coding and what `codings` fits anew are not.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from mdlcode import Data, View, from_config, load
from mdlcode.bayes import BayesLearner
from mdlcode.bayes.bits_back import BitsBack
from mdlcode.codes import Code, Variational
from mdlcode.codes.compressed import Compressed
from mdlcode.config import replaced
from mdlcode.errors import MdlError
from mdlcode.experiments.costs import batch_size, measured
from mdlcode.experiments.pieces import Run, Values
from mdlcode.experiments.plan import trainings
from mdlcode.learn import Learner
from mdlcode.papers import Job, items
from mdlcode.report.reproduction import Reproduction

_SMALL = 4
_FEW = 500  # labels on which operations are counted


@dataclass(frozen=True)
class Part:
    """So many steps of a learner on one data set, and so many predictions."""

    learner: Learner
    data: str
    batch: int
    steps: int
    predicted: int


class Collected(Exception):  # noqa: N818
    """The pieces of an item are known, and nothing more is asked of it."""


class Paper(Reproduction):
    """A folder that does no work: it keeps what it is asked for."""

    def all(self, pieces: Sequence[Any]) -> list[Any]:
        """Keeps the pieces; raises Collected."""
        self.pieces = pieces
        raise Collected


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", default="full")
    parser.add_argument("--only", default="table1,fig1,fig2,fig3,ingredients,map,codings")
    parser.add_argument("--peak-tflops", type=float, default=989.0)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--step-ms", type=float, default=2.0)
    options = parser.parse_args()
    print("| item | trainings | steps | FLOPs | minutes by operations | by steps | together |")
    print("|---|---:|---:|---:|---:|---:|---:|", flush=True)
    sums = [0.0, 0.0, 0.0]
    for name in options.only.split(","):
        parts = [each for piece in asked(name, options.scale) for each in parts_of(piece)]
        row = [len(parts), sum(each.steps for each in parts), sum(map(flops, parts))]
        print(_row(name, row, options), flush=True)
        sums = [one + other for one, other in zip(sums, row, strict=True)]
    print(_row("all", sums, options))


def _row(name: str, row: Sequence[float], options: argparse.Namespace) -> str:
    by_operations = row[2] / (options.share * options.peak_tflops * 1e12) / 60
    by_steps = row[1] * options.step_ms / 60_000
    minutes = " | ".join(f"{each:,.1f}" for each in (by_operations, by_steps, by_operations + by_steps))
    return f"| {name} | {row[0]:,.0f} | {row[1]:,.0f} | {row[2]:.2e} | {minutes} |"


def asked(name: str, scale: str) -> Sequence[Any]:
    """The pieces of work of one table or figure."""
    datasets = {"smoke": ("digits",)}.get(scale, ("mnist", "cifar10"))
    with TemporaryDirectory() as folder:
        store = Paper(Path(folder), "blier-ollivier", scale)
        try:
            items("blier-ollivier")[name](Job(store, scale, datasets, torch.device("cpu")))
        except Collected:
            return store.pieces
    raise AssertionError(name)


def parts_of(piece: Run | Values) -> Iterator[Part]:
    """The trainings of a piece, which is a code, or values of a posterior."""
    if isinstance(piece, Run):
        yield from code_parts(piece.code, piece.load())
        return
    about = piece.settings
    data = loaded(about["data"], about.get("limit"))
    yield whole(from_config(about["learner"], BayesLearner, "learner"), data)


def code_parts(code: Code, data: Data) -> Iterator[Part]:
    """The trainings of a code on all labels."""
    n = len(data)
    if isinstance(code, Compressed):
        yield replace(whole(code.learner, data), steps=code.learner.sweep_steps(n, len(code.bit_prices)))
    elif isinstance(code, Variational):
        yield whole(code.learner, data)
        if isinstance(code.coding, BitsBack) and (how := code.coding.refinement) is not None:
            stages = how.stages(code.learner.layout(data.shared))
            last = _layer(stages[-1])
            each = [how.last_training if _layer(stage) == last else how.training for stage in stages[1:]]
            yield replace(whole(code.learner, data), steps=sum(one.count(n) for one in each), predicted=0)
    else:
        for one in trainings(code, data.shared):
            size = batch_size(one.learner, one.num_labels)
            yield Part(one.learner, data.name, size, one.steps, one.predicted)


def whole(learner: Learner, data: Data) -> Part:
    """A training on all labels, and a prediction of all."""
    return Part(learner, data.name, batch_size(learner, len(data)), learner.steps(len(data)), len(data))


def _layer(stage: Sequence[tuple[str, Any]]) -> str:
    return stage[0][0].rpartition(".")[0]


def flops(part: Part) -> float:
    """Floating-point operations of its steps and predictions; 0 for a learner without steps."""
    few, one = operations(part.learner, part.data, _SMALL)
    twice, _ = operations(part.learner, part.data, 2 * _SMALL)
    return part.steps * (few + (twice - few) * (part.batch / _SMALL - 1)) + part.predicted * one


@cache
def operations(learner: Learner, data: str, batch: int) -> tuple[float, float]:
    """Those of a step with that batch and of one prediction; none are known of a learner without steps."""
    small = replaced(learner, "training", lambda training: replace(training, batch_size=batch))
    cost = measured(small, loaded(data, _FEW), 1, clock=None)
    return (0.0, 0.0) if cost is None else (cost.step_flops, cost.prediction_flops)


@cache
def loaded(data: str, limit: int | None) -> Data:
    return load(data, View(limit=limit))


if __name__ == "__main__":
    try:
        main()
    except MdlError as error:  # such as a data set that is not there
        raise SystemExit(str(error)) from None
