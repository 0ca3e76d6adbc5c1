"""Seconds for a label under calibrated and mixed experts: Alice's side, Bob's, and the channel alone, in one run.

python benchmarks/forecast.py [LABELS]

The plain column is one expert as it is, the least that any code pays; the others are so many experts with all
temperatures of `Temperature`. CPU seconds of this process, one thread.
"""

import sys
import time

import numpy as np

from mdlcode.codes import Forecaster, Identity, Switch, Temperature
from mdlcode.coding.channel import Receiver, Sender


def measured(num_labels: int, num_classes: int, num_experts: int, calibrated: bool) -> tuple[float, float, float]:
    """Bits a label, and microseconds a label of Alice's and of Bob's side."""
    random = np.random.default_rng(0)
    labels = random.integers(num_classes, size=num_labels)
    experts = random.dirichlet(np.full(num_classes, 0.3), size=(num_experts, num_labels))
    experts[0] = 0.7 * experts[0] + 0.3 * np.eye(num_classes)[labels]
    calibration = Temperature() if calibrated else Identity()
    sender = Sender()
    start = time.process_time()
    Forecaster(num_experts, calibration, Switch()).transmit(sender, experts, labels)
    words = sender.words()
    middle = time.process_time()
    decoded = Forecaster(num_experts, calibration, Switch()).transmit(Receiver(words), experts, None)
    stop = time.process_time()
    if not np.array_equal(decoded, labels):
        raise SystemExit("Bob decoded other labels")
    bits = sender.codelength(num_classes).total_bits / num_labels
    return bits, 1e6 * (middle - start) / num_labels, 1e6 * (stop - middle) / num_labels


def main() -> None:
    """Prints the table."""
    num_labels = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    print("classes  experts  calibrated  bits/label  Alice us  Bob us  Alice / plain")
    for num_classes in (10, 1000):
        count = num_labels * 10 // num_classes
        plain = measured(count, num_classes, 1, calibrated=False)[1]
        for num_experts, calibrated in ((1, False), (1, True), (4, False), (4, True)):
            bits, alice, bob = measured(count, num_classes, num_experts, calibrated)
            shown = f"{bits:10.4f}  {alice:8.1f}  {bob:6.1f}  {alice / plain:13.1f}"
            print(f"{num_classes:7}  {num_experts:7}  {calibrated!s:>10}  {shown}")


if __name__ == "__main__":
    main()
