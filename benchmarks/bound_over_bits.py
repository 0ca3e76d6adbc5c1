"""The bound against the bits that are paid: stochastic nets on the digits, each at another weight of the KL.

    python benchmarks/bound_over_bits.py [--out FOLDER]     (half a minute on one thread)

Writes certificates.json and bound_over_bits.png into the folder. Each pays for the choice among them.
"""

import argparse
import json
from pathlib import Path

import torch

from mdlcode import load
from mdlcode.bayes import BayesLearner, FreshNet, KlWeight
from mdlcode.certify.code import certify_posterior
from mdlcode.learn import Steps
from mdlcode.papers.zhou.limits import split
from mdlcode.plots.bounds import bound_over_bits, bounds_side_by_side
from mdlcode.plots.style import drawing, save

WEIGHTS = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0)
TRAINING = Steps(min_steps=1500, max_steps=1500, warmup=0.05)


def main(out: Path) -> None:
    torch.set_num_threads(1)
    data = split(load("digits"), 1400)
    made = []
    for weight in WEIGHTS:
        learner = BayesLearner(FreshNet("linear"), training=TRAINING, kl=KlWeight(weight=weight))
        each = certify_posterior(learner, data, candidates=len(WEIGHTS), mc_draws=20_000)
        print(f"KL weight {weight}: {each.total_bits:,.0f} bits, at most {100 * each.tightest.value:.2f} %")
        made.append(each)
    stored = [each.to_config() for each in made]
    out.mkdir(parents=True, exist_ok=True)
    (out / "certificates.json").write_text(json.dumps(stored, indent=1))
    with drawing(columns=2, width=5.5, height=3.8) as (figure, axes):
        bound_over_bits(axes[0], stored)
        bounds_side_by_side(axes[1], min(stored, key=lambda each: min(row["value"] for row in each["bounds"])))
        save(figure, out / "bound_over_bits.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("bounds-digits"))
    main(parser.parse_args().out)
