"""What a projection and its transpose take beside a training step of LeNet-5.

python benchmarks/projections.py [--dimension 1000] [--repeats 20] [--threads 1] [--large]

`--large` draws D = 10^7, d = 10^4 and takes both products, and tells the peak of memory.
"""

import argparse
import resource
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

from mdlcode import MdlError, Shared
from mdlcode.config import kind_of, kinds
from mdlcode.experiments.results import versions
from mdlcode.learn import NetLearner, Prediction
from mdlcode.learn.nets.predictor import Precision
from mdlcode.projections import CountSketch, Kronecker, Projection, Srht

BATCH = 128
ARCH = "lenet5"  # D = 431,080


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """The fastest of `repeats` runs: other work on the machine only ever adds to it."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return 1000 * min(times)


def step(precision: Precision, repeats: int) -> float:
    """Milliseconds of a forward and backward pass and an AdamW step of LeNet-5."""
    shared = Shared(torch.randint(256, (BATCH, 1, 28, 28), dtype=torch.uint8), num_classes=10)
    learned = NetLearner(arch=ARCH, prediction=Prediction(precision=precision)).initial(shared)
    optimizer = torch.optim.AdamW(learned.net.parameters(), fused=True)
    labels = torch.randint(10, (BATCH,))

    def work() -> None:
        optimizer.zero_grad()
        F.cross_entropy(learned.logits(shared.inputs.float()), labels).backward()
        optimizer.step()

    work()
    return milliseconds(work, repeats)


def measure(projection: Projection, size: int, dimension: int, repeats: int) -> tuple[float, float, float]:
    """Milliseconds to draw P, for P v and for P^T g."""
    begin = time.perf_counter()
    drawn = projection.bind(size, dimension, seed=0)
    drawing = 1000 * (time.perf_counter() - begin)
    v, g = torch.randn(dimension), torch.randn(size)
    drawn(v), drawn.transpose(g)
    return drawing, milliseconds(lambda: drawn(v), repeats), milliseconds(lambda: drawn.transpose(g), repeats)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dimension", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    size, dimension = (10**7, 10**4) if options.large else (431_080, options.dimension)
    print(f"D = {size:,}, d = {dimension:,}, {options.threads} thread(s), {versions()}")
    steps = [step("fp32", options.repeats), step("bf16", options.repeats)]
    print(f"training step of LeNet-5, batch {BATCH}: {steps[0]:.1f} ms in float32, {steps[1]:.1f} ms in bfloat16")
    print(f"{'kind':14s} {'draw':>9s} {'P v':>9s} {'P^T g':>9s}   of a float32 / bfloat16 step")
    every = [kind() for kind in kinds(Projection).values()]
    for projection in (CountSketch(), Kronecker(), Srht()) if options.large else every:
        try:
            drawing, there, back = measure(projection, size, dimension, options.repeats)
        except MdlError as error:
            print(f"{kind_of(projection):14s} {error}")
            continue
        shares = "".join(f"{100 * (there + back) / each:7.1f} %" for each in steps)
        print(f"{kind_of(projection):14s} {drawing:6.0f} ms {there:6.2f} ms {back:6.2f} ms {shares}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory of the process {peak:.2f} GiB, torch itself included")


if __name__ == "__main__":
    main()
