"""CPU seconds of a training step of the library beside the same step in a bare torch loop, in one run.

python benchmarks/step.py [--steps 200] [--repeats 5]
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from mdlcode import Shared
from mdlcode.learn import NetLearner, Steps

BATCH = 64
ARCH = "mlp-2x256"


def data(num_labels: int = 512) -> tuple[Shared, np.ndarray]:
    """Random images of 28 x 28 with random labels: a step takes as long on them as on others."""
    generator = np.random.default_rng(0)
    images = torch.from_numpy(generator.integers(256, size=(num_labels, 1, 28, 28), dtype=np.uint8))
    return Shared(images, num_classes=10), generator.integers(10, size=num_labels)


def bare(shared: Shared, labels: np.ndarray, steps: int) -> None:
    """The loop that one writes who knows how: all inputs in memory, batches by index, a fused optimizer."""
    mean, std = shared.moments
    net = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)
    )
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, fused=True)
    targets = torch.from_numpy(labels)
    for step in range(steps):
        if step * BATCH % len(labels) == 0:
            order = torch.randperm(len(labels))
        batch = order[step * BATCH % len(labels) :][:BATCH]
        inputs = (shared.inputs[batch].float() - mean) / std
        optimizer.zero_grad()
        F.cross_entropy(net(inputs), targets[batch]).backward()
        optimizer.step()


def ours(shared: Shared, labels: np.ndarray, steps: int) -> None:
    """The same by a `NetLearner`, its making of the net and its last look at the weights included."""
    training = Steps(min_steps=steps, max_steps=steps, batch_size=BATCH)
    NetLearner(arch=ARCH, training=training).fit(shared, labels)


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process for the work."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def overhead(steps: int, repeats: int) -> list[float]:
    """CPU seconds of ours over those of the bare loop: of the fastest of all runs first, then of each pair of runs.

    They take turns, since other work on the machine comes and goes.
    """
    shared, labels = data()
    for loop in (bare, ours):  # torch starts
        loop(shared, labels, 5)
    pairs = [
        (cpu_seconds(lambda: ours(shared, labels, steps)), cpu_seconds(lambda: bare(shared, labels, steps)))
        for _ in range(repeats)
    ]
    fastest = [min(each) for each in zip(*pairs, strict=True)]
    return [one / other for one, other in (fastest, *pairs)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    least, *each = overhead(options.steps, options.repeats)
    print(f"a step takes {least:.2f} times that of a bare loop ({min(each):.2f} - {max(each):.2f})")


if __name__ == "__main__":
    main()
