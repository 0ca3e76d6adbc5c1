"""Zhou et al. 2019, "Non-vacuous Generalization Bounds at the ImageNet Scale" (arXiv 1804.05862)."""

import copy
from functools import partial

import numpy as np

from mdlcode.config import to_config
from mdlcode.data.load import data_root
from mdlcode.experiments.pieces import Values
from mdlcode.learn import AdamW, NetLearner, Steps
from mdlcode.learn.squeeze.compress import apply_masks, magnitude_masks
from mdlcode.papers import Job, sizes
from mdlcode.papers.zhou.table import Row, imagenet_table, lenet_table
from mdlcode.plots.compression import pruning_curves
from mdlcode.plots.style import drawing
from mdlcode.report.tables import Table, percent

WEIGHTS = "zhou_lenet5.npz"
NOISES = (0.0, 0.3, 0.5, 0.7, 1.0)
DENSITIES = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.01)
FIGURE1 = {"smoke": ("digits", 300, 20.0), "cpu": ("cifar10", 4000, 60.0), "full": ("cifar10", 40_000, 100.0)}


def table1(job: Job) -> None:
    """Sizes and bounds as published, as their script makes them, and put right."""
    stored, rows, note = data_root() / WEIGHTS, [], ""
    if stored.is_file():
        with np.load(stored, allow_pickle=False) as arrays:
            rows = lenet_table({name: arrays[name] for name in arrays.files})
    else:
        note = f" The rows of LeNet-5 are left out: {WEIGHTS} is not in the folder of data sets."
    caption = (
        "Table 1 of Zhou et al. 2019: bounds on the test error at 95 % confidence (Catoni's). Their script fixes the"
        " prior's noise and optimises the posterior's, and evaluates another, so its smoothed rows are no bounds."
    )
    header = ("what", "KiB charged", "train error", "bound", "published", "valid")
    cells = tuple(map(_cells, [*rows, *imagenet_table()]))
    job.store.table("table1", Table(caption + note, header, cells))


def _cells(row: Row) -> tuple[str, ...]:
    charged, valid = f"{row.charged_bytes / 1024:,.2f}", "yes" if row.valid else "no"
    return row.what, charged, percent(row.train_error), percent(row.bound), percent(row.published), valid


def fig1(job: Job) -> None:
    """Accuracy on the training labels after pruning, under label noise."""
    dataset, limit, epochs = FIGURE1[job.scale]
    training = Steps(epochs=epochs, min_steps=300)
    learner = NetLearner(arch="mlp", optimizer=AdamW(lr=1e-3, weight_decay=0.0), training=training)
    settings = {"learner": to_config(learner), "data": dataset, "limit": limit}
    pieces = [
        Values(
            f"fig1-{100 * noise:.0f}",
            {**settings, "label_noise": noise},
            partial(_pruned, job, learner, dataset, limit, noise),
        )
        for noise in NOISES
    ]
    measured = zip(NOISES, job.store.all(pieces), strict=True)
    curves = {f"{100 * noise:.0f} % random labels": np.array(points) for noise, points in measured}
    with drawing() as (figure, [axes]):
        pruning_curves(axes, curves)
    caption = (
        "Figure 1 of Zhou et al. 2019: accuracy on the training labels when the smallest weights are cut at once."
        f" The paper has a ResNet-56 on CIFAR-10; here an MLP with 2 x 256 hidden units on {dataset}."
    )
    reduced = sizes(job.scale, "300 labels.", "4,000 labels.", "40,000 labels.")
    job.store.figure("fig1", figure, f"{caption} {reduced}")


def _pruned(job: Job, learner: NetLearner, dataset: str, limit: int, noise: float) -> list[list[float]]:
    data = job.data(dataset, limit, noise)()
    learned, points = learner.fit(data.shared, data.labels), []
    for density in DENSITIES:
        pruned = copy.deepcopy(learned)
        apply_masks(pruned.net, magnitude_masks(pruned.net, density))
        right = pruned.predict(data.shared.inputs).argmax(axis=1) == data.labels
        points.append([1 - density, float(np.mean(right))])
    return points


ITEMS = {"table1": table1, "fig1": fig1}
DATA = {"smoke": ("digits",), "cpu": ("cifar10",), "full": ("cifar10",)}
