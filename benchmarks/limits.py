"""Theorem C.1 of Zhou et al. 2019 beside compressed sizes: the digits with labels that are more and more random.

python benchmarks/limits.py [--out limits.json]     (a minute on one thread)
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from mdlcode import load
from mdlcode.codes import TwoPart
from mdlcode.learn import AdamW, NetLearner, Steps
from mdlcode.papers.zhou.limits import NOISES, Limit, limits, split
from mdlcode.weights import Grid, Quantised

TRAIN, SEEDS = 1000, (0, 1, 2)
NET = NetLearner(
    arch="mlp-1x64", optimizer=AdamW(lr=4e-3, weight_decay=0.05), training=Steps(epochs=150, batch_size=32)
)
CODE = TwoPart(NET, Quantised(Grid(63), units="sorted"))


def main(out: Path | None) -> None:
    torch.set_num_threads(1)
    rows = list(limits(split(load("digits"), TRAIN), CODE, NOISES, SEEDS))
    print(f"digits, n = {TRAIN}, {NET.arch}, mean and sd over seeds {SEEDS}")
    print(f"{'noise':>6}{'train error':>16}{'test error':>16}{'least bits':>18}{'code bits':>22}{'bound':>9}")
    for noise in NOISES:
        mine = [row for row in rows if row.label_noise == noise]
        errors = [f"{100 * np.mean(x):7.2f} ({100 * np.std(x):.2f}) %" for x in zip(*map(_errors, mine), strict=True)]
        sizes = [f"{np.mean(x):10,.0f} ({np.std(x):,.0f})" for x in zip(*map(_bits, mine), strict=True)]
        print(f"{noise:6.0%}{errors[0]:>16}{errors[1]:>16}{sizes[0]:>18}{sizes[1]:>22}{mine[0].bound:9.2%}")
    if out is not None:
        out.write_text(json.dumps([asdict(row) for row in rows], indent=1))


def _errors(row: Limit) -> tuple[float, float]:
    return row.train_error, row.test_error


def _bits(row: Limit) -> tuple[float, float]:
    return row.least_bits, row.code_bits


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, help="JSON file for all rows")
    main(parser.parse_args().out)
