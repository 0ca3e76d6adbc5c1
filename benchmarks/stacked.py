"""Many small nets at once: CPU seconds of nets trained as one stack beside the same nets one by one, in one run.

python benchmarks/stacked.py [--archs linear mlp-small ...] [--sizes 4 8 ...] [--steps 40] [--dataset digits]

The rule of `mdlcode.learn.nets.stacks`, which nets of an ensemble train so, was read off this table.
"""

import argparse
from dataclasses import replace

import torch
from step import cpu_seconds

from mdlcode import NetLearner, View, load
from mdlcode.learn import Steps
from mdlcode.learn.nets.stacks import is_stacked, stacked_paths, step_flops

ARCHS = ("linear", "mlp-small", "mlp-2x32", "mlp-1x100", "mlp", "mlp-3x200", "pooled-8-16", "lenet-small")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--archs", nargs="+", default=ARCHS)
    parser.add_argument("--sizes", type=int, nargs="+", default=(2, 4, 8, 16))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = load(options.dataset, View(limit=512))
    training = Steps(min_steps=options.steps, max_steps=options.steps, batch_size=options.batch)
    for arch in options.archs:
        net = NetLearner(arch=arch, training=training)
        flops = step_flops(net, data.shared, len(data))
        in_stacks = "in stacks" if is_stacked(net, data.shared, len(data)) else "one by one"
        print(f"{arch}: {flops / 1e6:.2f} MFLOP a step, an ensemble trains {in_stacks}", flush=True)
        for size in options.sizes:
            nets = [replace(net, seed=seed) for seed in range(size)]

            def alone(nets: list[NetLearner] = nets) -> None:
                for each in nets:
                    each.fit(data.shared, data.labels)

            def stacked(nets: list[NetLearner] = nets) -> None:
                stacked_paths(nets, data.shared, data.labels)

            pairs = [(cpu_seconds(alone), cpu_seconds(stacked)) for _ in range(1 + options.repeats)][1:]
            one, other = (1000 * min(each) / size / options.steps for each in zip(*pairs, strict=True))
            print(
                f"  {size:3d} nets: {one:.2f} ms a net and step, stacked {other:.2f}, {one / other:.2f} x", flush=True
            )


if __name__ == "__main__":
    main()
