"""d_int90 of 20 dense nets of width 50 - 400 and depth 1 - 5 on MNIST: it hardly depends on D (Li et al. 2018).

python benchmarks/dimension_grid.py [--seeds 1] [--epochs 2] [--baseline 1.0] [--precision 1.5] [--out grid.json]
"""

import argparse
import json
import time
from pathlib import Path

import torch

from mdlcode import load, parallel
from mdlcode.experiments.results import versions
from mdlcode.learn import AdamW, Real, Steps, SubspaceLearner
from mdlcode.measures import DimensionSearch, IntrinsicDimension

WIDTHS, DEPTHS = (50, 100, 200, 400), (1, 2, 3, 4, 5)


def search(arch: str, options: argparse.Namespace) -> DimensionSearch:
    moving = SubspaceLearner(
        arch=arch,
        training=Steps(epochs=options.epochs),
        layers="joint",
        coordinates=Real(),
        optimizer=AdamW(lr=0.05, weight_decay=0.0),
    )
    return DimensionSearch(
        moving, baseline=options.baseline, seeds=options.seeds, start=options.start, precision=options.precision
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--baseline", type=float, default=1.0)
    parser.add_argument("--epochs", type=float, default=2.0)
    parser.add_argument("--start", type=int, default=500)
    parser.add_argument("--precision", type=float, default=1.5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = load(options.data)
    print(f"{options.data}, {options.seeds} seed(s), {options.epochs} epochs, {versions()}")
    reports: dict[str, object] = {}
    found: list[IntrinsicDimension] = []
    with parallel.processes(options.workers, threads=1) as pool, parallel.using(pool):
        for arch in (f"mlp-{depth}x{width}" for width in WIDTHS for depth in DEPTHS):
            begin = time.perf_counter()
            found.append(search(arch, options).run(data))
            seconds, last = time.perf_counter() - begin, found[-1]
            print(
                f"{arch:12s} D {last.num_parameters:9,d}  d_int90 {last.dimension:7.0f}"
                f"  of {last.threshold:.3f}  {seconds:6.0f} s",
                flush=True,
            )
            reports[arch] = last.report()
            if options.out is not None:
                options.out.write_text(json.dumps(reports, indent=1))
    dimensions, sizes = [each.dimension for each in found], [each.num_parameters for each in found]
    print(f"D varies {max(sizes) / min(sizes):.1f}x, d_int90 {max(dimensions) / min(dimensions):.2f}x")


if __name__ == "__main__":
    main()
