"""Accuracy on the training labels against sparsity, under label noise (Zhou et al. 2019, section 6).

A net that has learned structure keeps its accuracy when most of its weights are cut; one that has
memorised random labels does not. "one-shot" cuts the smallest weights and stops there; "surgery" cuts and
splices while it trains on, each density from the net of the density before. Writes all points as JSON and
the figure beside it, as PNG and PDF.

    python benchmarks/pruning_curves.py OUT.json [--data mnist] [--limit 4000] [--arch mlp]
"""

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, optim

from mdlcode import Data, View, load
from mdlcode.environment import Environment
from mdlcode.experiments.results import versions
from mdlcode.learn import AdamW, NetLearner, NetPredictor, Steps
from mdlcode.learn.squeeze.compress import apply_masks, magnitude_masks
from mdlcode.learn.squeeze.pruning import MaskedNet
from mdlcode.plots.compression import pruning_curves
from mdlcode.plots.style import drawing, save

NOISE = (0.0, 0.3, 0.5, 0.7, 1.0)
DENSITIES = (0.5, 0.3, 0.2, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01, 0.005)
EPOCHS, STEPS, SETTLING, REFRESH = 80, 400, 0.7, 10
LR = 1e-3


def accuracy(learned: NetPredictor, data: Data) -> float:
    return float(np.mean(learned.predict(data.shared.inputs).argmax(axis=1) == data.labels))


def one_shot(learned: NetPredictor, data: Data) -> list[tuple[float, float]]:
    points = [(0.0, accuracy(learned, data))]
    for density in DENSITIES:
        pruned = copy.deepcopy(learned)
        apply_masks(pruned.net, magnitude_masks(pruned.net, density))
        points.append((1 - density, accuracy(pruned, data)))
    return points


def surgery(learned: NetPredictor, data: Data, seed: int) -> list[tuple[float, float]]:
    pruned, points = copy.deepcopy(learned), [(0.0, accuracy(learned, data))]
    for index, density in enumerate(DENSITIES):
        operate(pruned, data, density, seed + index)
        points.append((1 - density, accuracy(pruned, data)))
    return points


def operate(learned: NetPredictor, data: Data, density: float, seed: int) -> None:
    """Dynamic network surgery down to one density, in place."""
    learned.net.train()
    names = [name for name, each in learned.net.named_parameters() if each.ndim > 1]
    masked = MaskedNet(learned.net, dict.fromkeys(names, density), "surgery", steps=round(SETTLING * STEPS))
    optimizer, generator = optim.Adam(masked.weights.values(), lr=LR), Generator().manual_seed(seed)
    training = Steps(min_steps=STEPS, max_steps=STEPS, warmup=None)
    minibatches = training.minibatches(optimizer, data.shared, data.labels, generator)
    for step, (raw, targets) in enumerate(minibatches, start=1):
        F.cross_entropy(learned.logits(raw), targets).backward()
        masked.backward()
        optimizer.step()
        if step % REFRESH == 0 and step <= SETTLING * STEPS:
            masked.cut(step)
        masked.write()


def main(out: Path, name: str, limit: int, arch: str, seed: int) -> None:
    torch.set_num_threads(1)
    start = time.perf_counter()
    learner = NetLearner(arch=arch, optimizer=AdamW(lr=LR, weight_decay=0.0), training=Steps(epochs=EPOCHS), seed=seed)
    curves: dict[str, dict[str, list[tuple[float, float]]]] = {"one-shot": {}, "surgery": {}}
    for noise in NOISE:
        data = load(name, View(limit=limit, label_noise=noise))
        learned = learner.fit(data.shared, data.labels)
        label = f"{100 * noise:.0f} % random labels"
        curves["one-shot"][label] = one_shot(learned, data)
        curves["surgery"][label] = surgery(learned, data, seed)
        print(f"{label}: trained {curves['surgery'][label][0][1]:.3f}, {time.perf_counter() - start:.0f} s", flush=True)
    facts = {"data": name, "limit": limit, "arch": arch, "seed": seed, "seconds": time.perf_counter() - start}
    device = Environment.here(torch.device("cpu")).processor
    out.write_text(json.dumps({**facts, "processor": device, "versions": versions(), "curves": curves}, indent=1))
    with drawing(columns=2) as (figure, axes):
        for each, (method, named) in zip(axes, curves.items(), strict=True):
            pruning_curves(each, {label: np.array(points) for label, points in named.items()})
            each.set_title(method)
        save(figure, out.with_suffix(""))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path, help="JSON file to write")
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--limit", type=int, default=4000)
    parser.add_argument("--arch", default="mlp")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    main(asked.out, asked.data, asked.limit, asked.arch, asked.seed)
