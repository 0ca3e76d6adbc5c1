"""Many small nets at once: seconds of a stacked training beside the same nets one by one, in one run.

python benchmarks/stacked.py [--threads T]
"""

import argparse
import time

import torch

from mdlcode import NetLearner, View, load
from mdlcode.learn import EnsembleLearner, StackedLearner, Steps


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    data = load("digits", View(limit=512))
    net = {"arch": "mlp-3x200", "training": Steps(min_steps=200, max_steps=200, batch_size=64)}
    for size in (2, 4, 8, 16, 32):
        seconds = []
        for learner in (EnsembleLearner(NetLearner(**net), size), StackedLearner(**net, size=size)):
            learner.fit(data.shared, data.labels)
            begin = time.perf_counter()
            learner.fit(data.shared, data.labels)
            seconds.append(time.perf_counter() - begin)
        alone, stacked = seconds
        print(f"{size:3d} nets: one by one {alone:6.2f} s, stacked {stacked:6.2f} s, {alone / stacked:4.2f} x")


if __name__ == "__main__":
    main()
