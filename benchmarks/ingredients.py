"""What each ingredient of the prequential code is worth: bits and seconds with one taken away at a time.

python benchmarks/ingredients.py [--data mnist] [--limit 2048] [--seeds 3] [--threads 1]
"""

import argparse
import time
from dataclasses import replace

import numpy as np
import torch

from mdlcode import NetLearner, Prequential, View, load
from mdlcode.codes import Identity, Temperature
from mdlcode.config import shifted_seeds
from mdlcode.experiments.results import versions
from mdlcode.learn import (
    AdamW,
    Affine,
    CheckpointedLearner,
    EnsembleLearner,
    FixMatch,
    FrequencyLearner,
    Muon,
    Prediction,
    Regularisation,
    Steps,
    UniformLearner,
    Views,
)

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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--limit", type=int, default=2048)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data = load(options.data, View(limit=options.limit))
    print(f"{options.data}, {options.limit} labels, {options.seeds} seeds, {options.threads} thread(s), {versions()}")
    for name, variant in VARIANTS.items():
        begin = time.perf_counter()
        seeded = [shifted_seeds(variant, 100 * seed) for seed in range(options.seeds)]
        bits = [each.codelength(data).total_bits for each in seeded]
        seconds = (time.perf_counter() - begin) / options.seeds
        spread = np.std(bits, ddof=1) if len(bits) > 1 else 0.0
        print(f"{name:35s} {np.mean(bits):8.1f} bits, sd {spread:6.1f}, {seconds:7.1f} s a run", flush=True)


if __name__ == "__main__":
    main()
