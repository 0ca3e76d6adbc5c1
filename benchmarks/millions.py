"""Time and memory of coding millions of labels, each side in CPU seconds, the peak beyond the inputs.

python benchmarks/millions.py [--codes named ...] [--labels 10000000] [--classes 10] [--check]

Each is measured in a process of its own. `named` is a predictor that gives half of the probability to a class that the
input names, so that nothing is learned and the coding is all the work; `prequential` has it as its learner.
"""

import argparse
import json
import resource
import subprocess
import sys
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode import limits, progress
from mdlcode.codes import Code, Frequencies, Prequential, Uniform
from mdlcode.codes.base import Received, needed_bytes
from mdlcode.coding.channel import Channel
from mdlcode.config import STRICT
from mdlcode.data import Data, Shared
from mdlcode.learn import Learner, Predictor
from mdlcode.learn.turns import say_all
from mdlcode.typing import FloatArray, IntArray

CASES = [
    ("uniform", 10**7, 10),
    ("named", 10**7, 10),
    ("prequential", 10**7, 10),
    ("frequencies", 10**6, 10),
    ("uniform", 10**6, 1000),
    ("named", 10**6, 1000),
    ("named", 10**4, 100_000),
]


class NamedPredictor(Predictor):
    """Half of the probability on the class that an input (1,) is the number of."""

    def __init__(self, num_classes: int) -> None:
        self._num_classes = num_classes

    def predict(self, inputs: torch.Tensor) -> FloatArray:
        """As of `Predictor`."""
        rows = np.full((len(inputs), self._num_classes), 0.5 / self._num_classes)
        rows[np.arange(len(inputs)), inputs[:, 0].numpy().astype(np.int64)] += 0.5
        return rows


@dataclass(frozen=True, config=STRICT)
class Named(Code):
    """All labels under that predictor."""

    kind: Literal["named"] = Field(default="named", kw_only=True)

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """As of `Code`."""
        return Received(say_all(channel, shared, labels, NamedPredictor(shared.num_classes)))


@dataclass(frozen=True, config=STRICT)
class NamedLearner(Learner):
    """Learns nothing."""

    kind: Literal["named-learner"] = Field(default="named-learner", kw_only=True)

    def fit(self, shared: Shared, labels: IntArray) -> Predictor:
        """As of `Learner`."""
        return NamedPredictor(shared.num_classes)


CODES: dict[str, Code] = {
    "uniform": Uniform(),
    "frequencies": Frequencies(),
    "named": Named(),
    "prequential": Prequential((NamedLearner(),)),
}


def measured(name: str, num_labels: int, num_classes: int) -> dict[str, Any]:
    """Seconds of both sides and the peak of one code, in this process; half of the inputs name their labels."""
    random = np.random.default_rng(0)
    labels = random.integers(num_classes, size=num_labels)
    named = (labels + random.integers(2, size=num_labels)) % num_classes
    data = Data("made", Shared(torch.from_numpy(named.astype(np.float32))[:, None], num_classes), labels)
    limits.allow(max_memory=1000)
    before_bytes, seconds = _peak_bytes(), [_cpu_seconds()]
    with progress.quiet():
        message, sent = CODES[name].transmitted(data)
        seconds.append(_cpu_seconds())
        received = CODES[name].decode(data.shared, message)
        seconds.append(_cpu_seconds())
    assert np.array_equal(received, labels)
    return {
        "code": name,
        "labels": num_labels,
        "classes": num_classes,
        "bits": sent.codelength.total_bits,
        "alice_seconds": seconds[1] - seconds[0],
        "bob_seconds": seconds[2] - seconds[1],
        "peak_mib": (_peak_bytes() - before_bytes) / 2**20,
        "formula_mib": needed_bytes(data.shared) / 2**20,
    }


def _peak_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in KiB on Linux


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--codes", nargs="+", choices=CODES)
    parser.add_argument("--labels", type=int, default=10**7)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--check", action="store_true", help="fail where the peak is over the formula")
    parser.add_argument("--here", action="store_true", help="measure one code in this process, as JSON")
    options = parser.parse_args()
    cases = [(name, options.labels, options.classes) for name in options.codes] if options.codes else CASES
    if options.here:
        print(json.dumps(measured(*cases[0])))
        return
    print("| code | labels | classes | Alice, s | Bob, s | peak, MiB | formula, MiB |\n|---|---|---|---|---|---|---|")
    for name, num_labels, num_classes in cases:
        given = ["--codes", name, "--labels", str(num_labels), "--classes", str(num_classes), "--here"]
        found = json.loads(subprocess.run([sys.executable, __file__, *given], stdout=-1, check=True).stdout)
        print(
            f"| {name} | {num_labels:,} | {num_classes:,} | {found['alice_seconds']:.1f} | {found['bob_seconds']:.1f}"
            f" | {found['peak_mib']:,.0f} | {found['formula_mib']:,.0f} |",
            flush=True,
        )
        if options.check and found["peak_mib"] > found["formula_mib"]:
            sys.exit(f"{name} takes more memory than the formula says")


if __name__ == "__main__":
    main()
