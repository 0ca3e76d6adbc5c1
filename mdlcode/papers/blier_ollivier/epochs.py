"""Figure 1 of Blier & Ollivier 2018: fake labels can't be compressed."""

from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from mdlcode.bayes import BayesLearner, BayesPredictor, ExpectedLength, FreshNet, KlWeight
from mdlcode.codelength import uniform_bits
from mdlcode.config import to_config
from mdlcode.experiments.pieces import Values
from mdlcode.learn import Steps
from mdlcode.papers import Job, sizes
from mdlcode.papers.blier_ollivier.published import NAMES
from mdlcode.plots.epochs import codelength_by_epoch
from mdlcode.plots.style import drawing

# Data, net, epochs, and at how many points of the training the codelength is taken.
FIGURE1 = {
    "smoke": ("digits", "mlp-1x20", 120.0, 12),
    "cpu": ("mnist", "mlp-3x200", 12.0, 12),
    "full": ("mnist", "mlp-3x200", 30.0, 30),
}


def fig1(job: Job) -> None:
    """True and fake labels under a variational MLP of 3 x 200."""
    dataset, arch, epochs, points = FIGURE1[job.scale]
    # The full KL from the start: what is drawn is what is minimised.
    learner = BayesLearner(
        FreshNet(arch),
        estimator="local",
        training=Steps(epochs=epochs, min_steps=1, batch_size=256, warmup=0.05),
        kl=KlWeight(start=1.0, annealing=0.0),
    )
    curves = [
        Values(
            f"fig1-{labels}",
            {"learner": to_config(learner), "data": dataset, "label_noise": noise},
            partial(_epochs, job, learner, dataset, points, labels, noise),
        )
        for labels, noise in (("true", 0.0), ("fake", 1.0))
    ]
    rows = list(chain.from_iterable(job.store.all(curves)))
    data = job.data(dataset)()
    with drawing(width=6.5) as (figure, [axes]):
        codelength_by_epoch(axes, rows, uniform_bits(len(data), data.shared.num_classes))
        axes.set_title(f"{data.name}, n = {len(data):,}")
    caption = (
        "Figure 1 of Blier & Ollivier 2018: fake labels can't be compressed. Variational codelength of true and of"
        f" uniformly redrawn labels of {NAMES[dataset]} along training."
    )
    reduced = sizes(
        job.scale,
        "an MLP with one hidden layer of 20 on the digits.",
        "MLP with 3 hidden layers of 200, 12 epochs.",
        "MLP with 3 hidden layers of 200, 30 epochs.",
    )
    job.store.figure("fig1", figure, f"{caption} {reduced}")


def _epochs(
    job: Job, learner: BayesLearner, dataset: str, points: int, labels: str, noise: float
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    data = job.data(dataset, None, noise)()

    def watch(step: int, state: BayesPredictor) -> None:
        length = ExpectedLength.of(state, data.shared, data.labels, draws=2)
        rows.append(
            {
                "labels": labels,
                "epoch": step * learner.training.size(len(data)) / len(data),
                "total_bits": length.total_bits,
                "kl_bits": length.kl_bits + length.prior_bits,
                "label_bits": length.label_bits,
            }
        )

    learned = learner.watched(data.shared, data.labels, watch, max(1, learner.steps(len(data)) // points))
    if data.test_inputs is not None:
        rows[-1]["test_accuracy"] = float(np.mean(learned.predict(data.test_inputs).argmax(1) == data.test_labels))
    return rows
