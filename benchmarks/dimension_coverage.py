"""How often the interval of d_int covers the true one: a simulation with curves whose crossing is known.

python benchmarks/dimension_coverage.py [--runs 500] [--seeds 1 2 3 5]
The search is the library's own (the dimensions that it tries depend on the noise), trainings are replaced by a curve
and Gaussian noise. Each run has a d_int of its own between 150 and 600, so that no curve fits the grid by luck.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from mdlcode.measures import IntrinsicDimension, Trial
from mdlcode.measures.dimension import FIXED, OWN
from mdlcode.measures.dimension_search import Bracket

SHARE, LARGEST = 0.9, 44_426
Curve = Callable[[float], float]  # of d / d_int, about
CURVES: dict[str, Curve] = {
    "linear in log d, capped": lambda u: min(1.0, 0.9 + 0.2 * math.log(u)),
    "saturating": lambda u: 0.97 * (1 - math.exp(-math.log(10) * u**0.6)),
    "logistic in log d": lambda u: 0.1 + 0.88 / (1 + math.exp(-1.3 * math.log(u) - 2.3)),
    "1 / (1 + 1 / (9 d^2))": lambda u: 0.98 / (1 + 1 / (9 * u**2)),
}


@dataclass(frozen=True)
class Toy:
    """A curve whose crossing is known, measured with noise; below 80 % of the baseline with half as much again."""

    curve: Curve
    scale: float
    noise: float
    seeds: int
    own_baseline: bool
    common: float  # share of the noise's variance that the trainings at one dimension have in common

    def accuracy(self, d: float) -> float:
        """Without noise."""
        return self.curve(d / self.scale)

    @property
    def baseline(self) -> float:
        """Without noise."""
        return self.accuracy(LARGEST) if self.own_baseline else 1.0

    def truth(self) -> float:
        """Where the curve reaches the threshold."""
        low, high = 1.0, float(LARGEST)
        for _ in range(100):
            middle = math.sqrt(low * high)
            low, high = (low, middle) if self.accuracy(middle) >= SHARE * self.baseline else (middle, high)
        return high

    def search(self, random: np.random.Generator) -> IntrinsicDimension:
        """What `DimensionSearch.run` would find."""
        noise = self.noise / 3 if self.own_baseline else 0.0
        baselines = random.normal(self.baseline, noise, self.seeds if self.own_baseline else 1)
        found = IntrinsicDimension((), LARGEST, tuple(baselines), OWN if self.own_baseline else FIXED, SHARE)
        bracket = Bracket(128, 1, LARGEST, 1.15)
        for dimensions in bracket:
            trials = [trial for d in dimensions for trial in self._trials(d, random)]
            found = IntrinsicDimension((*found.trials, *trials), LARGEST, found.baselines, found.baseline_name, SHARE)
            bracket.told({d: float(np.mean(found.accuracies[d])) >= found.threshold for d in dimensions})
        return found

    def _trials(self, d: int, random: np.random.Generator) -> list[Trial]:
        noise = self.noise * (1.5 if self.accuracy(d) < 0.8 * self.baseline else 1.0)
        own = random.normal(0, noise * math.sqrt(1 - self.common), self.seeds)
        together = random.normal(0, noise * math.sqrt(self.common))
        return [Trial(d, seed, self.accuracy(d) + together + each, 0.0) for seed, each in enumerate(own.tolist())]


def covered(
    curve: Curve, noise: float, seeds: int, own_baseline: bool, common: float, runs: int
) -> tuple[float, float, float]:
    """The share of runs whose interval covers; the median of high / low; the share that has an open end."""
    random, hits, ratios = np.random.default_rng(seeds), 0, []
    for _ in range(runs):
        scale = float(np.exp(random.uniform(np.log(150), np.log(600))))
        toy = Toy(curve, scale, noise, seeds, own_baseline, common)
        low, high = toy.search(random).interval()
        hits += low <= toy.truth() <= high
        ratios.append(math.inf if low == 1 else high / low)
    return hits / runs, float(np.median(ratios)), float(np.mean(np.isinf(ratios)))


def table(runs: int, all_seeds: Iterable[int]) -> None:
    """Prints it, a row for each curve and noise."""
    for own_baseline, common in ((False, 0.0), (True, 0.0), (False, 0.5)):
        print(
            f"\nbaseline {'measured too' if own_baseline else 'given'}, {common:.0%} of the noise common to one"
            " dimension; coverage, median of high / low, open ends"
        )
        for name, curve in CURVES.items():
            for noise in (0.002, 0.004, 0.02):
                cells = [covered(curve, noise, seeds, own_baseline, common, runs) for seeds in all_seeds]
                shown = "   ".join(f"{share:5.3f} {ratio:5.2f} {ends:4.2f}" for share, ratio, ends in cells)
                print(f"{name:24s} noise {noise:5.3f}   {shown}", flush=True)


def main() -> None:
    """Reads the options and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 5])
    options = parser.parse_args()
    begin = time.perf_counter()
    print(f"interval at 95 % with {options.seeds} seeds a dimension, {options.runs} runs each")
    table(options.runs, options.seeds)
    print(f"{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
