"""Where the variational bits go: nets of several widths and depths, priors and guides, three seeds each.

python benchmarks/variational_map.py --out map [--data mnist --limit 2000 --steps 1500 --seeds 3]
writes map.json and map.png, and prints a table.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from mdlcode.bayes import BayesLearner, ExpectedLength, FreshNet, Rates
from mdlcode.bayes.guides import LowRankGuide
from mdlcode.bayes.priors import Gaussian, Horseshoe, NormalGamma, ScaleMixture
from mdlcode.config import shifted_seeds
from mdlcode.data import View, load
from mdlcode.learn import NetLearner, RateAware, Steps
from mdlcode.plots.style import drawing, save
from mdlcode.plots.variants import bits_by_variant

DRAWS = 8


def variants(base: BayesLearner) -> Iterator[tuple[str, BayesLearner]]:
    for arch in ("linear", "mlp-small", "mlp-512", "mlp-3x200", "lenet-small", "lenet-patches", "tinycnn"):
        yield f"net {arch}", replace(base, start=FreshNet(arch))
    small = replace(base, start=FreshNet("lenet-small"))
    for prior in (Gaussian(scale=0.1), Gaussian(per="output"), ScaleMixture(), NormalGamma(), Horseshoe()):
        name = prior.kind + (" given" if isinstance(prior, Gaussian) and prior.scale else "")
        name += " per output" if isinstance(prior, Gaussian) and prior.per == "output" else ""
        yield f"prior {name}", replace(small, prior=prior)
    for estimator in ("local", "flipout", "one-draw"):
        yield f"estimator {estimator}", replace(small, estimator=estimator)
    squeezed = RateAware(
        NetLearner(arch="lenet-small"), training=Steps(epochs=1, min_steps=base.training.max_steps // 2, warmup=0.05)
    )
    for prior in (Gaussian(), ScaleMixture()):
        yield (
            f"sparse start, {prior.kind}",
            replace(base, start=squeezed, prior=prior, rates=Rates(lr=3e-3), kl=replace(base.kl, start=1.0)),
        )
    yield "guide low-rank", replace(small, guide=LowRankGuide(), estimator="one-draw")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--limit", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    data = load(chosen.data, View(limit=chosen.limit))
    training = Steps(min_steps=chosen.steps, max_steps=chosen.steps, batch_size=64, warmup=0.05)
    base = BayesLearner(training=training, predictive_draws=DRAWS)
    rows = []
    for name, learner in variants(base):
        for seed in range(chosen.seeds):
            begin = time.perf_counter()
            state = shifted_seeds(learner, seed).fit(data.shared, data.labels)
            length = ExpectedLength.of(state, data.shared, data.labels, DRAWS)
            right = state.predict(data.test_inputs[:2000]).argmax(1) == data.test_labels[:2000]
            row = {
                "variant": name,
                "seed": seed,
                "kl_bits": length.kl_bits + length.prior_bits,
                "label_bits": length.label_bits,
                "standard_error": length.standard_error,
                "test_accuracy": float(right.mean()),
                "seconds": time.perf_counter() - begin,
            }
            rows.append(row)
            chosen.out.with_suffix(".json").write_text(
                json.dumps({"arguments": vars(chosen), "rows": rows}, default=str)
            )
        mine = [row for row in rows if row["variant"] == name]
        totals = [row["kl_bits"] + row["label_bits"] for row in mine]
        kl, accuracy = (np.mean([row[key] for row in mine]) for key in ("kl_bits", "test_accuracy"))
        print(
            f"{name:28} {np.mean(totals):9,.0f} +- {np.std(totals):5,.0f}   KL {kl:8,.0f}   {100 * accuracy:5.1f} %",
            flush=True,
        )
    with drawing(width=6.5, height=5.0) as (figure, [axes]):
        bits_by_variant(axes, rows)
        save(figure, chosen.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
