"""Labels and inputs without structure (Zhang et al. 2017)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mdlcode.config import to_config
from mdlcode.learn import AdamW, NetLearner, Sgd, Steps
from mdlcode.measures.phenomena.random import KINDS, corrupted, fit
from mdlcode.measures.phenomena.training import epochs_to
from mdlcode.papers import Job, sizes
from mdlcode.papers.denis.common import about, by_seed, dataset, sample, shown_interval, titled, verdict
from mdlcode.papers.denis.drawn import band, points
from mdlcode.plots.style import COLOURS, drawing

NOTICEABLE_BITS = 30.0  # chance saves as many with probability 2^-30
FITTED = 0.99  # of the training labels


@dataclass(frozen=True)
class Size:
    """Labels of a data set, what learns them, and the number of seeds."""

    data: str
    labels: int | None
    learner: NetLearner
    seeds: int


def _learner(arch: str, epochs: float, optimizer: AdamW | Sgd, batch_size: int) -> NetLearner:
    return NetLearner(arch, Steps(epochs=epochs, min_steps=50, batch_size=batch_size, warmup=0.05), optimizer)


RANDOM = {
    "smoke": Size("digits", 200, _learner("mlp-2x128", 60, AdamW(lr=3e-3, weight_decay=0.0), 32), 2),
    "cpu": Size("mnist", 1000, _learner("mlp-3x256", 60, AdamW(lr=1e-3, weight_decay=0.0), 32), 3),
    "full": Size("cifar10", None, _learner("mlp-3x512", 200, Sgd(lr=0.02, weight_decay=0.0), 128), 3),
}


def random(job: Job) -> None:
    """Train accuracy, epochs to fit, test accuracy and bits saved, with and without structure."""
    size = RANDOM[job.scale]
    found = {kind: _fits(job, size, kind) for kind in KINDS}
    colours = dict(zip(KINDS, COLOURS, strict=False))
    with drawing(columns=3, width=3.9, height=3.2) as (figure, axes):
        _draw_training(axes[0], found, colours)
        points(axes[1], KINDS, [[each["test_accuracy"] for each in found[kind]] for kind in KINDS], COLOURS)
        axes[1].set(xlabel="test accuracy", xlim=(-0.02, 1.02))
        points(axes[2], KINDS, [_saved(found[kind]) for kind in KINDS], COLOURS)
        axes[2].axvline(0.0, color="grey", linewidth=0.8)
        axes[2].set(xlabel="bits saved a label, prequential code")
        for each in axes[1:]:
            each.grid(visible=False, axis="y")
        titled(figure, found[KINDS[0]][0])
    job.store.figure("random", figure, _caption(job, size, found))


def _fits(job: Job, size: Size, kind: str) -> list[dict[str, Any]]:
    settings = {"data": dataset(job, size.data), "labels": size.labels, "learner": to_config(size.learner)}
    compute = partial(_fit, job, size, kind)
    return by_seed(job, f"random-{kind.replace(' ', '-').lower()}", settings, size.seeds, compute)


def _fit(job: Job, size: Size, kind: str, seed: int) -> dict[str, Any]:
    data = corrupted(sample(job, dataset(job, size.data), size.labels, seed), kind, seed)
    found = fit(replace(size.learner, seed=seed), data)
    return about(data, size.learner) | asdict(found)


def _draw_training(axes: Axes, found: Mapping[str, Sequence[Mapping[str, Any]]], colours: Mapping[str, str]) -> None:
    for kind, seeds in found.items():
        curves = [each["train_accuracies"] for each in seeds]
        band(axes, range(len(curves[0])), curves, kind, colours[kind])
    axes.set(xlabel="epoch", ylabel="training accuracy", ylim=(0, 1.02))
    axes.legend(loc="lower right")


def _saved(seeds: Sequence[Mapping[str, Any]]) -> list[float]:
    return [each["saved_bits"] / each["num_labels"] for each in seeds]


def _epochs(seeds: Sequence[Mapping[str, Any]]) -> list[float]:
    """Epochs to `FITTED` of each seed; infinite where it is never reached."""
    reached = [epochs_to(FITTED, each["train_accuracies"]) for each in seeds]
    return [np.inf if each is None else float(each) for each in reached]


def _caption(job: Job, size: Size, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    epochs = {kind: float(np.mean(_epochs(seeds))) for kind, seeds in found.items()}
    least = {kind: min(each["saved_bits"] for each in seeds) for kind, seeds in found.items()}
    most = {kind: max(each["saved_bits"] for each in seeds) for kind, seeds in found.items()}
    true, fake, shuffled, mixed, gaussian = KINDS
    checks = [
        all(np.isfinite(list(epochs.values()))),
        epochs[fake] > epochs[true],
        min(least[true], least[shuffled]) > NOTICEABLE_BITS,
        max(most[fake], most[gaussian]) <= NOTICEABLE_BITS,
    ]
    told = "; ".join(
        f"{kind} {epochs[kind]:.0f} epochs, test {shown_interval([100 * each['test_accuracy'] for each in seeds])} %,"
        f" {shown_interval(_saved(seeds), '.3f')} bits a label"
        for kind, seeds in found.items()
    )
    sentence = (
        f"to {100 * FITTED:.0f} % of the training labels, and what is saved against the uniform code (means over seeds,"
        f" 95 % intervals): {told}."
    )
    left = (
        f" Pixels shuffled in each image still save up to {most[mixed]:.0f} bits: how much ink there is tells classes"
        " apart."
        if most[mixed] > NOTICEABLE_BITS
        else ""
    )
    title = (
        "Zhang et al. 2017: a net fits labels and inputs without structure too, and a code tells them apart. Published"
        " for an MLP of 3 x 512 on CIFAR-10 (recalled): 100 % of the training and 52.39 % of the test labels, random"
        " labels 100 and 10.48 %. Shades are the range over seeds."
    )
    reduced = sizes(
        job.scale,
        f"{size.labels} labels of the digits, {size.seeds} seeds.",
        f"{size.labels} labels of MNIST, {size.seeds} seeds.",
        f"all labels of CIFAR-10, {size.seeds} seeds.",
    )
    return f"{title} {verdict(checks, sentence)}{left} {reduced}"
