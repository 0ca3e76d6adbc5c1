"""Seconds for every bound on 10^6 (errors, n, bits) triples: python benchmarks/bench_bounds.py [triples]"""

import sys
import time
from collections.abc import Callable

import numpy as np

from mdlcode import bounds

DELTA = 0.05


def triples(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """n up to 10^9 and bits up to 10^7, both log-uniform; more small error rates than large ones."""
    rng = np.random.default_rng(0)
    n = np.floor(10 ** rng.uniform(0, 9, count))
    return np.floor(n * rng.uniform(size=count) ** 2), n, 10 ** rng.uniform(0, 7, count)


def calls(k: np.ndarray, n: np.ndarray, bits: np.ndarray) -> dict[str, Callable[[], object]]:
    q, nats = k / n, bits * np.log(2)
    return {
        "exact_binomial": lambda: bounds.exact_binomial(k, n, bits, DELTA),
        "held_out": lambda: bounds.held_out(k, n, DELTA),
        "chernoff_kl": lambda: bounds.chernoff_kl(q, n, bits, DELTA),
        "hoeffding": lambda: bounds.hoeffding(q, n, bits, DELTA),
        "empirical_bernstein": lambda: bounds.empirical_bernstein(q, bounds.error_variance(k, n), n, bits, DELTA),
        "bounded_loss": lambda: bounds.bounded_loss(q, 0.0, 1.0, n, bits, DELTA),
        "maurer": lambda: bounds.maurer(q, n, nats, DELTA),
        "mcallester": lambda: bounds.mcallester(q, n, nats, DELTA),
        "mcallester_2003": lambda: bounds.mcallester_2003(q, n, nats, DELTA),
        "mcallester_1999": lambda: bounds.mcallester_1999(q, n, nats, DELTA),
        "quadratic": lambda: bounds.quadratic(q, n, nats, DELTA),
        "thiemann": lambda: bounds.thiemann(q, n, nats, DELTA, bounds.best_lambda(q, n, nats, DELTA)),
        "tolstikhin_seldin": lambda: bounds.tolstikhin_seldin(q, n, nats, DELTA),
        "catoni": lambda: bounds.catoni(q, n, nats, DELTA),
        "catoni_uniform": lambda: bounds.catoni_uniform(q, n, nats, DELTA, n),
        "sample_convergence": lambda: bounds.sample_convergence(q, 10_000, 0.01),
        "certificate": lambda: bounds.certificate(q, 10_000, n, nats, DELTA, 0.01),
        "subsampled": lambda: bounds.subsampled(q, 10_000, n, bits, DELTA),
        "least_entropy_bits": lambda: bounds.least_entropy_bits(n, q / 2, q),
    }


def main(count: int) -> None:
    total = 0.0
    for name, call in calls(*triples(count)).items():
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        total += seconds
        print(f"{name:22}{seconds:8.3f} s")
    print(f"{'all, ' + format(count, ','):22}{total:8.3f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
