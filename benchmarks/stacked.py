"""Many small nets at once: seconds of a stacked training beside the same nets one by one, in one run.

python benchmarks/stacked.py [--sizes 2 4 ...] [--steps 200] [--threads 1]
"""

import argparse
import time

import torch

from mdlcode import NetLearner, View, load
from mdlcode.learn import EnsembleLearner, StackedLearner, Steps

ARCH = "mlp-3x200"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=(2, 4, 8, 16, 32))
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data = load("digits", View(limit=512))
    training = Steps(min_steps=options.steps, max_steps=options.steps, batch_size=64)
    for size in options.sizes:
        seconds = []
        for learner in (
            EnsembleLearner(NetLearner(arch=ARCH, training=training), size),
            StackedLearner(arch=ARCH, training=training, size=size),
        ):
            learner.fit(data.shared, data.labels)
            begin = time.perf_counter()
            learner.fit(data.shared, data.labels)
            seconds.append(time.perf_counter() - begin)
        alone, stacked = seconds
        print(f"{size:3d} nets: one by one {alone:6.2f} s, stacked {stacked:6.2f} s, {alone / stacked:4.2f} x")


if __name__ == "__main__":
    main()
