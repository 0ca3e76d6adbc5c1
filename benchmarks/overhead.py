"""What proving costs: seconds of ledger, encoder and decoder for many labels, without any training.

python benchmarks/overhead.py [--labels 60000]
"""

import argparse
import time

import numpy as np

from mdlcode.codes import Forecaster, Identity, Switch, Temperature
from mdlcode.codes.calibration import Calibration
from mdlcode.coding.channel import Ledger, Receiver, Sender
from mdlcode.proof.proof import within_tolerance

NUM_CLASSES = 10


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--labels", type=int, default=60_000)
    num_labels = parser.parse_args().labels
    generator = np.random.default_rng(0)
    logits = 6 * generator.standard_normal((2, num_labels, NUM_CLASSES))
    probs = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)  # two experts
    labels = np.array([generator.choice(NUM_CLASSES, p=row) for row in probs[0]])
    rows: list[tuple[str, int, Calibration]] = [
        ("one block", 1, Identity()),
        ("calibrated, label by label", 1, Temperature()),
    ]
    for name, experts, calibration in [*rows, ("two experts, calibrated and switched", 2, Temperature())]:
        seconds = {}
        ledger, sender = Ledger(), Sender()
        for side, channel, known in (("ledger", ledger, labels), ("sender", sender, labels)):
            begin = time.perf_counter()
            Forecaster(experts, calibration, Switch()).transmit(channel, probs[:experts], known)
            if side == "sender":
                words = sender.words()
            seconds[side] = time.perf_counter() - begin
        begin = time.perf_counter()
        decoded = Forecaster(experts, calibration, Switch()).transmit(Receiver(words), probs[:experts], None)
        seconds["receiver"] = time.perf_counter() - begin
        reported, sent = ledger.codelength(NUM_CLASSES).total_bits, 32 * len(words)
        assert np.array_equal(decoded, labels)
        assert within_tolerance(sent, reported)
        timings = ", ".join(f"{side} {value:.3f} s" for side, value in seconds.items())
        print(f"{name}: {timings}; {reported:,.1f} bits reported, {sent:,} sent")


if __name__ == "__main__":
    main()
