"""The plan of a prequential code of ImageNet's labels with ResNet-50, without ImageNet: its inputs are all one pixel.

python benchmarks/imagenet_plan.py [--step-seconds 0.1] [--labels 1281167]

Operations and memory of a batch are those of two small ones, taken on to the batch of the training, in which they are
linear. How long a step takes on your device is yours to say. With several devices on one training a step is taken to be
as many times faster.
"""

import argparse
from dataclasses import replace

import numpy as np
import torch

from mdlcode import Prequential, Steps
from mdlcode.codes.schedule import Geometric
from mdlcode.data import Data, Shared
from mdlcode.data.standardise import Given
from mdlcode.engines import Place
from mdlcode.experiments.costs import Cost, measured
from mdlcode.experiments.plan import planned
from mdlcode.experiments.plan_table import duration, plan_table
from mdlcode.learn import NetLearner

_CLASSES = 1000
_SMALL = 4  # of a batch that this machine takes


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--labels", type=int, default=1_281_167)
    parser.add_argument("--shape", type=int, nargs=3, default=(3, 224, 224))
    parser.add_argument("--arch", default="resnet50")
    parser.add_argument("--epochs", type=float, default=18.0)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--step-seconds", type=float, default=0.1)
    options = parser.parse_args()
    pixel = torch.zeros((1, *options.shape), dtype=torch.uint8)
    shared = Shared(
        pixel[:, :1, :1, :1].expand(options.labels, *options.shape), _CLASSES, standardise=Given((0.5,), (0.25,))
    )
    data = Data("ImageNet", shared, np.arange(options.labels) % _CLASSES)
    training = Steps(epochs=options.epochs, min_steps=1, batch_size=options.batch)
    learner = NetLearner(arch=options.arch, training=training)
    code = Prequential((learner,), Geometric(first=-(-options.labels >> 10)))
    cost = on_batch(learner, data, options.batch)
    plan = planned(code, data, options.step_seconds, costs={learner: cost})
    print(plan_table("prequential", plan, Place("ray", "1"), stated=True).text())
    for devices in (1, 8, 64):
        together = planned(code, data, options.step_seconds / devices, costs={learner: cost})
        side_by_side, in_turn = duration(plan.wall_seconds(devices, "ray")), duration(sum(together.seconds))
        print(f"{devices} devices: {side_by_side} with a training on each, {in_turn} with all on each training")


def on_batch(learner: NetLearner, data: Data, batch: int) -> Cost:
    """The operations and bytes of a large batch, from two small ones."""
    few, twice = (
        measured(replace(learner, training=replace(learner.training, batch_size=size)), data, 1, clock=None)
        for size in (_SMALL, 2 * _SMALL)
    )
    assert few is not None
    assert twice is not None
    flops = few.step_flops + (twice.step_flops - few.step_flops) * (batch / _SMALL - 1)
    peak = few.peak_bytes + (twice.peak_bytes - few.peak_bytes) * (batch / _SMALL - 1)
    return replace(few, step_flops=flops, peak_bytes=round(peak))


if __name__ == "__main__":
    main()
