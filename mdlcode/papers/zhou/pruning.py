"""Figure 1 of Zhou et al. 2019: accuracy on the training labels against sparsity, under label noise.

A net that has learned structure keeps its accuracy when most of its weights are cut; one that knows random
labels by heart does not.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch.nn.functional as F
from torch import Generator, optim

from mdlcode.config import to_config
from mdlcode.data import Data
from mdlcode.experiments.pieces import Values
from mdlcode.learn import AdamW, NetLearner, NetPredictor, Steps
from mdlcode.learn.squeeze.compress import apply_masks, magnitude_masks
from mdlcode.learn.squeeze.pruning import MaskedNet
from mdlcode.papers import Job, sizes
from mdlcode.papers.zhou.limits import NOISES
from mdlcode.plots.compression import pruning_curves
from mdlcode.plots.style import drawing

Points = list[tuple[float, float]]  # sparsity, accuracy
_LR, _BATCH = 1e-3, 128
_SETTLED, _REFRESH = 0.7, 10  # masks move for this share of the steps, every so many


@dataclass(frozen=True)
class Size:
    """Labels of a data set, epochs of the net, and the densities with so many steps of surgery each."""

    data: str
    limit: int
    epochs: float
    steps: int
    densities: tuple[float, ...]


_DENSITIES = (0.5, 0.3, 0.2, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01, 0.005)
FIGURE1 = {
    "smoke": Size("digits", 300, 20.0, 30, (0.5, 0.1, 0.01)),
    "cpu": Size("cifar10", 4000, 60.0, 400, _DENSITIES),
    "full": Size("cifar10", 40_000, 100.0, 4000, _DENSITIES),
}


def fig1(job: Job) -> None:
    """Accuracy on the training labels after pruning at once and by surgery, under label noise."""
    size = FIGURE1[job.scale]
    learner = NetLearner(
        arch="mlp",
        optimizer=AdamW(lr=_LR, weight_decay=0.0),
        training=Steps(epochs=size.epochs, min_steps=300, batch_size=_BATCH),
    )
    settings = {"learner": to_config(learner), "size": vars(size)}
    pieces = [
        Values(f"fig1-{100 * noise:.0f}", settings | {"label_noise": noise}, partial(_pruned, job, learner, noise))
        for noise in NOISES
    ]
    measured = dict(zip(NOISES, job.store.all(pieces), strict=True))
    with drawing(columns=2) as (figure, axes):
        for each, method in zip(axes, ("one-shot", "surgery"), strict=True):
            curves = {
                f"{100 * noise:.0f} % random labels": np.array(found[method]) for noise, found in measured.items()
            }
            if legend := pruning_curves(each, curves).get_legend():
                legend.remove()
            each.set_title(method)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper")
        figure.suptitle(f"{size.data}, n = {size.limit:,}")
    caption = (
        "Figure 1 of Zhou et al. 2019: accuracy on the training labels when the smallest weights are cut at once, and"
        " when Dynamic Network Surgery cuts and splices while it trains on, each density from the net of the density"
        f" before. The paper has a ResNet-56 on CIFAR-10; here an MLP with 2 x 256 hidden units on {size.data}."
    )
    reduced = sizes(job.scale, "300 labels.", "4,000 labels.", "40,000 labels.")
    job.store.figure("fig1", figure, f"{caption} {reduced}")


def _pruned(job: Job, learner: NetLearner, noise: float) -> dict[str, Points]:
    size = FIGURE1[job.scale]
    data = job.data(size.data, size.limit, noise)()
    learned = learner.fit(data.shared, data.labels)
    return {
        "one-shot": _one_shot(learned, data, size.densities),
        "surgery": _surgery(learned, data, size.densities, size.steps),
    }


def _one_shot(learned: NetPredictor, data: Data, densities: Sequence[float]) -> Points:
    points = [(0.0, _accuracy(learned, data))]
    for density in densities:
        pruned = copy.deepcopy(learned)
        apply_masks(pruned.net, magnitude_masks(pruned.net, density))
        points.append((1 - density, _accuracy(pruned, data)))
    return points


def _surgery(learned: NetPredictor, data: Data, densities: Sequence[float], steps: int) -> Points:
    pruned, points = copy.deepcopy(learned), [(0.0, _accuracy(learned, data))]
    for index, density in enumerate(densities):
        _operate(pruned, data, density, steps, seed=index)
        points.append((1 - density, _accuracy(pruned, data)))
    return points


def _operate(learned: NetPredictor, data: Data, density: float, steps: int, seed: int) -> None:
    """Dynamic Network Surgery (Guo et al. 2016) down to one density, in place."""
    learned.net.train()
    names = [name for name, each in learned.net.named_parameters() if each.ndim > 1]
    masked = MaskedNet(learned.net, dict.fromkeys(names, density), "surgery", steps=round(_SETTLED * steps))
    optimizer, generator = optim.Adam(masked.weights.values(), lr=_LR), Generator().manual_seed(seed)
    training = Steps(min_steps=steps, max_steps=steps, batch_size=_BATCH, warmup=None)
    for step, (raw, targets) in enumerate(
        training.minibatches(optimizer, data.shared, data.labels, generator), start=1
    ):
        F.cross_entropy(learned.logits(raw), targets).backward()
        masked.backward()
        optimizer.step()
        if step % _REFRESH == 0 and step <= _SETTLED * steps:
            masked.cut(step)
        masked.write()


def _accuracy(learned: NetPredictor, data: Data) -> float:
    return float(np.mean(learned.predict(data.shared.inputs).argmax(axis=1) == data.labels))
