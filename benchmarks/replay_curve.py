"""Bits against CPU seconds of one pass over MNIST labels with replay: ours and preqtorch's, with one net, in one run.

python benchmarks/replay_curve.py [--limit 2048] [--out docs/replay-2048.png] [--kept FILE]

Both train an MLP of 2 x 256 on one thread. A point is one number of replays and one size of batches; ours takes turns
with preqtorch's (`pip install preqtorch`). What was measured is kept beside this file, and only what is missing is run.
"""

import argparse
import contextlib
import io
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from mnist_mlp import preqtorch_streams, replayed

from mdlcode import View, load
from mdlcode.data import Data
from mdlcode.files import write_text

OURS = [(1, 32), (1, 64), (2, 64), (3, 64), (5, 64), (2, 128), (3, 256)]  # replays, their size
THEIRS = [(1, 64), (2, 64), (1, 32), (2, 32), (4, 32)]  # streams, size of a batch
Points = dict[str, dict[str, list[float]]]  # by tool and setting: bits and CPU seconds
KEPT = Path(__file__).parent / "replay_curve.json"


def point(bits: Callable[[], float]) -> list[float]:
    """Bits and CPU seconds."""
    begin = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        total = bits()
    return [total, time.process_time() - begin]


def our_bits(data: Data, replays: int, size: int) -> float:
    """Of the library's code."""
    return replayed(replays, size).codelength(data).total_bits


def measured(limit: int, file: Path) -> Points:
    """Points by tool and setting, those that are kept and those that were missing."""
    kept = json.loads(file.read_text()) if file.exists() else {}
    points: Points = kept.setdefault(str(limit), {"mdlcode": {}, "preqtorch": {}})
    few, data = (load("mnist", View(limit=size)) for size in (100, limit))
    point(partial(our_bits, few, 1, 32)), point(partial(preqtorch_streams, few))  # torch starts
    for number in range(max(len(OURS), len(THEIRS))):
        for tool, settings, bits in (("mdlcode", OURS, our_bits), ("preqtorch", THEIRS, preqtorch_streams)):
            for replays, size in settings[number : number + 1]:
                if (name := f"{replays} x {size}") not in points[tool]:
                    points[tool][name] = point(partial(bits, data, replays, size))
                    write_text(file, json.dumps(kept, indent=1) + "\n")
                total, seconds = points[tool][name]
                print(f"{tool:10s} {name:8s} {total:9.1f} bits {seconds:7.2f} CPU s", flush=True)
    return points


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int, default=2048)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--kept", type=Path, default=KEPT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    points = measured(options.limit, options.kept)
    figure, axes = plt.subplots(figsize=(6, 4))
    for tool, marker, replayed_as, offset in (
        ("mdlcode", "o", "replays x size", (-14, -14)),
        ("preqtorch", "s", "streams x batch", (5, 4)),
    ):
        named = sorted((seconds, bits, name) for name, (bits, seconds) in points[tool].items())
        axes.plot(
            *zip(*((seconds, bits) for seconds, bits, _ in named), strict=True), marker, label=f"{tool} ({replayed_as})"
        )
        for seconds, bits, name in named:
            axes.annotate(name, (seconds, bits), textcoords="offset points", xytext=offset, fontsize=8)
    axes.set(xlabel="CPU seconds, one thread", ylabel="bits")
    axes.set_xlim(left=0)
    axes.set_title(f"MNIST, {options.limit:,} labels, MLP 2 x 256")
    axes.legend()
    if options.out:
        figure.savefig(options.out, dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    main()
