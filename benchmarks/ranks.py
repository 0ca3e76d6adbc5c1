"""What a step costs that several processes take together, beside one that a process takes alone, in turns.

torchrun --nproc-per-node 2 benchmarks/ranks.py [--archs mlp lenet] [--batch 128] [--steps 30] [--repeats 3]
"""

import argparse
import time
from statistics import median

import numpy as np
import torch
import torch.distributed as dist

from mdlcode import Shared, ranks
from mdlcode.environment import num_ranks
from mdlcode.learn import NetLearner, Steps
from mdlcode.typing import IntArray


def seconds(shared: Shared, labels: IntArray, learner: NetLearner) -> tuple[float, float]:
    """Wall time of a training, and processor time of all processes that take part in it."""
    begin, used = time.perf_counter(), time.process_time()
    learner._trained(shared, labels, [learner.steps(len(labels))])
    wall, processor = time.perf_counter() - begin, torch.tensor(time.process_time() - used)
    if ranks.sharing():
        dist.all_reduce(processor)
    return wall, float(processor)


def lead() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--archs", nargs="+", default=["mlp", "lenet"])
    parser.add_argument("--shape", type=int, nargs="+", default=[1, 28, 28])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(256, (given.batch, *given.shape), dtype=torch.uint8, generator=generator)
    shared, labels = Shared(inputs, 10), np.arange(given.batch) % 10
    for arch in given.archs:
        steps = Steps(min_steps=given.steps, max_steps=given.steps, batch_size=given.batch)
        learner = NetLearner(arch, training=steps)
        ranks.together(seconds, shared, labels, learner)  # the data are there, and everything was used once
        alone, all_of_them = [], []
        for _ in range(given.repeats):
            alone.append(seconds(shared, labels, learner))
            all_of_them.append(ranks.together(seconds, shared, labels, learner))
        for name, which in (("wall", 0), ("processor", 1)):
            one, several = (1000 * median(each[which] for each in kind) / given.steps for kind in (alone, all_of_them))
            ratio = median(b[which] / a[which] for a, b in zip(alone, all_of_them, strict=True))
            print(f"{arch}, {name}: {one:.2f} ms a step alone, {several:.2f} by {num_ranks()}, ratio {ratio:.2f}")


if __name__ == "__main__":
    ranks.run(lead)
