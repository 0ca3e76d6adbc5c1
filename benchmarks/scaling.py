"""How the time of a prequential code grows: seconds against the sum of its block sizes.

python benchmarks/scaling.py [--data mnist] [--limits 1000 2000 ...] [--threads 1]
"""

import argparse
import time

import torch

from mdlcode import NetLearner, Prequential, View, load
from mdlcode.learn import Steps

LIMITS = (1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--limits", type=int, nargs="+", default=LIMITS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    code = Prequential((NetLearner(arch="mlp", training=Steps(epochs=5, min_steps=1)),))
    for limit in options.limits:
        data = load(options.data, View(limit=limit))
        learned = sum(code.schedule.stops(limit)[:-1])
        begin = time.perf_counter()
        bits = code.codelength(data).total_bits
        seconds = time.perf_counter() - begin
        per_label = 1e6 * seconds / learned
        print(
            f"n {limit:6d}, sum of blocks {learned:6d}: {seconds:6.2f} s, {per_label:6.1f} us a label, {bits:9.1f} bits"
        )


if __name__ == "__main__":
    main()
