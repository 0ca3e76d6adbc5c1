"""Blier & Ollivier 2018, figure 1: variational codelength of true and of random labels along training.

python benchmarks/variational_epochs.py --out figure1 [--data mnist --arch mlp-3x200 --epochs 30 --limit N]
writes figure1.json and figure1.png.
"""

import argparse
import json
import time
from pathlib import Path

import torch

from mdlcode.bayes import BayesLearner, BayesPredictor, ExpectedLength, FreshNet, KlWeight
from mdlcode.codelength import uniform_bits
from mdlcode.data import Data, View, load
from mdlcode.learn import Steps
from mdlcode.plots.epochs import codelength_by_epoch
from mdlcode.plots.style import drawing, save


def run(learner: BayesLearner, data: Data, labels: str, points: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    begin = time.perf_counter()

    def watch(step: int, state: BayesPredictor) -> None:
        length = ExpectedLength.of(state, data.shared, data.labels, draws=2)
        row = {
            "labels": labels,
            "epoch": step * learner.training.size(len(data)) / len(data),
            "total_bits": length.total_bits,
            "kl_bits": length.kl_bits + length.prior_bits,
            "label_bits": length.label_bits,
            "seconds": time.perf_counter() - begin,
        }
        rows.append(row)
        print(json.dumps(row), flush=True)

    state = learner.watched(data.shared, data.labels, watch, max(1, learner.steps(len(data)) // points))
    if data.test_inputs is not None:
        rows[-1]["test_accuracy"] = float((state.predict(data.test_inputs).argmax(1) == data.test_labels).mean())
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--arch", default="mlp-3x200")
    parser.add_argument("--epochs", type=float, default=30)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--points", type=int, default=30)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    learner = BayesLearner(
        FreshNet(chosen.arch),
        estimator="local",
        training=Steps(epochs=chosen.epochs, min_steps=1, batch_size=256, warmup=0.05),
        kl=KlWeight(start=1.0, annealing=0.0),  # the full KL from the start: what is drawn is what is minimised
    )
    rows = []
    for labels, noise in (("true", 0.0), ("random", 1.0)):
        data = load(chosen.data, View(limit=chosen.limit, label_noise=noise))
        rows += run(learner, data, labels, chosen.points)
        chosen.out.with_suffix(".json").write_text(json.dumps({"arguments": vars(chosen), "rows": rows}, default=str))
    with drawing(width=6.5) as (figure, [axes]):
        codelength_by_epoch(axes, rows, uniform_bits(len(data), data.shared.num_classes))
        save(figure, chosen.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
