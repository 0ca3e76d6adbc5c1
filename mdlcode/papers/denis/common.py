"""What the items share: their data, a stored piece for each seed, intervals over seeds, and the sentence of each."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.special import stdtrit

from mdlcode.data import Data, View
from mdlcode.data.view import split
from mdlcode.experiments.pieces import Values
from mdlcode.learn.nets.training import GradientLearner
from mdlcode.measures.phenomena.training import held_out
from mdlcode.papers import Job

LEVEL = 0.95
_TEST_SHARE = 1 / 3  # of a data set without a test set
_MOST_TESTED = {"smoke": 600, "cpu": 2000, "full": None}  # test labels: nets are tested after each epoch


def dataset(job: Job, wanted: str) -> str:
    """The data set of an item, or the first one that was asked for where it is not among these."""
    return wanted if wanted in job.datasets else job.datasets[0]


def sample(job: Job, name: str, size: int | None, seed: int) -> Data:
    """So many labels of a data set, drawn by `seed`, or all; the test set is its own, or always the same third.

    Below full scale no more than the first 2,000 labels of it are kept.
    """
    data = job.data(name)()
    if data.test_labels is None:
        data = split(data, len(data) - round(_TEST_SHARE * len(data)))
    inputs, labels = held_out(data)
    most = _MOST_TESTED[job.scale]
    return View(limit=size, order_seed=seed).of(replace(data, test_inputs=inputs[:most], test_labels=labels[:most]))


def by_seed(
    job: Job, name: str, settings: Mapping[str, Any], seeds: int, compute: Callable[[int], Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """What `compute` says of each seed 0, 1, ..., with the `seed` and its `seconds`; each is stored once it is done."""
    pieces = [
        Values(f"{name}-{seed}", {**settings, "seed": seed}, partial(_timed, compute, seed)) for seed in range(seeds)
    ]
    return job.store.all(pieces)


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean and the ends of its 95 % interval by Student's t; infinite ends for one value.

    >>> [round(each, 2) for each in mean_interval([1.0, 2.0, 3.0])]
    [2.0, -0.48, 4.48]
    """
    count, mean = len(values), float(np.mean(values))
    if count < 2:
        return mean, -np.inf, np.inf
    half = float(stdtrit(count - 1, (1 + LEVEL) / 2) * np.std(values, ddof=1) / np.sqrt(count))
    return mean, mean - half, mean + half


def shown_interval(values: Sequence[float], form: str = ",.1f") -> str:
    """The mean and its interval as text.

    >>> shown_interval([1.0, 2.0, 3.0]), shown_interval([2.0])
    ('2.0 (-0.5 .. 4.5)', '2.0')
    """
    mean, low, high = mean_interval(values)
    return f"{mean:{form}}" if len(values) < 2 else f"{mean:{form}} ({low:{form}} .. {high:{form}})"


def titled(figure: Figure, found: Mapping[str, Any]) -> None:
    """Writes above a figure which data and how many labels it is of, and which net."""
    figure.suptitle(f"{found['data']}, n = {found['num_labels']:,}, {found['arch']}")


def about(data: Data, learner: GradientLearner) -> dict[str, Any]:
    """What is stored of the data and the net beside what was found."""
    classes = data.shared.num_classes
    return {"data": data.name, "num_labels": len(data), "num_classes": classes, "arch": str(learner.arch)}


def verdict(found: Sequence[bool], sentence: str) -> str:
    """What a caption says: "Reproduced" where all that must show was found, "Not reproduced" where nothing was.

    >>> verdict([True, False], "the net fits noise in 12 epochs.")
    'Partly reproduced: the net fits noise in 12 epochs.'
    """
    word = "Reproduced" if all(found) else "Partly reproduced" if any(found) else "Not reproduced"
    return f"{word}: {sentence}"


def _timed(compute: Callable[[int], Mapping[str, Any]], seed: int) -> dict[str, Any]:
    begin = time.perf_counter()
    found = compute(seed)
    return {**found, "seed": seed, "seconds": time.perf_counter() - begin}
