"""What each ingredient of a prequential code is worth: bits and seconds with one taken away at a time."""

from dataclasses import replace
from itertools import groupby

import numpy as np

from mdlcode.codes import Code, Identity, Prequential, Temperature
from mdlcode.config import replaced, shifted_seeds
from mdlcode.experiments.pieces import Run
from mdlcode.experiments.tables import Table
from mdlcode.learn import (
    AdamW,
    Affine,
    CheckpointedLearner,
    EnsembleLearner,
    FixMatch,
    FrequencyLearner,
    Muon,
    NetLearner,
    Prediction,
    Regularisation,
    Steps,
    UniformLearner,
    Views,
)
from mdlcode.papers import Job, sizes
from mdlcode.papers.blier_ollivier.published import NAMES

NET = NetLearner(
    arch="convnet",
    optimizer=Muon(lr=0.12),
    training=Steps(epochs=8, batch_size=64),
    regularisation=Regularisation(augment=Affine()),
    prediction=Prediction(views=Views(Affine(), count=4)),
)


SWITCHED = CheckpointedLearner(NET, (0.5,))
OTHERS = (UniformLearner(), FrequencyLearner())


def code(net: NetLearner) -> Prequential:
    """The net beside what bounds the loss where nets fail, calibrated and switched."""
    return Prequential((replace(SWITCHED, member=net), *OTHERS), calibration=Temperature())


FULL = code(NET)
VARIANTS = {
    "all": FULL,
    "without Muon (AdamW)": code(replace(NET, optimizer=AdamW(lr=6e-3, weight_decay=0.1))),
    "without augmentation and views": code(replace(NET, regularisation=Regularisation(), prediction=Prediction())),
    "without views": code(replace(NET, prediction=Prediction())),
    "without self-switch": replace(FULL, learners=(NET, *OTHERS)),
    "without the other experts": replace(FULL, learners=(SWITCHED,)),
    "without calibration": replace(FULL, calibration=Identity()),
    "with an ensemble of 3": replace(FULL, learners=(EnsembleLearner(NET, 3), *OTHERS)),
    "with unlabelled inputs (FixMatch)": code(
        replace(NET, regularisation=replace(NET.regularisation, unlabelled=FixMatch(batch_size=64)))
    ),
}
# Data, labels, seeds, and the most steps that a net trains on a block.
SIZES = {"smoke": ("digits", 24, 1, 2), "cpu": ("mnist", 2048, 3, 100_000), "full": ("mnist", 10_000, 3, 100_000)}


def ingredients(job: Job) -> None:
    """The prequential code with all that this library adds to the paper's, and without each of it."""
    dataset, limit, seeds, most = SIZES[job.scale]
    runs = [
        Run(f"ingredients-{index}-{seed}", name, job.data(dataset, limit), _seeded(variant, seed, most))
        for index, (name, variant) in enumerate(VARIANTS.items())
        for seed in range(seeds)
    ]
    rows = []
    for name, found in groupby(job.store.all(runs), key=lambda run: run.name):
        results = [run.result for run in found]
        bits = [result.total_bits for result in results]
        spread = f"{np.std(bits, ddof=1):,.1f}" if len(bits) > 1 else "-"
        seconds = np.mean([result.seconds for result in results])
        rows.append((name, f"{np.mean(bits):,.1f}", spread, f"{seconds:,.1f}"))
    caption = (
        f"What each ingredient of a prequential code is worth on {NAMES[dataset]}: bits with one taken away at a time,"
        " mean and standard deviation over seeds."
    )
    reduced = sizes(
        job.scale, "24 labels, 2 steps a block.", "2,048 labels, three seeds.", "10,000 labels, three seeds."
    )
    header = ("code", "bits", "standard deviation", "seconds")
    job.store.table("ingredients", Table(f"{caption} {reduced}", header, tuple(rows)))


def _seeded(variant: Code, seed: int, most_steps: int) -> Code:
    short = replaced(variant, "min_steps", lambda steps: min(steps, most_steps))
    return shifted_seeds(replaced(short, "max_steps", lambda steps: min(steps, most_steps)), 100 * seed)
