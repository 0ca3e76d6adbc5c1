"""The bound against the bits that are paid: stochastic nets on the digits, each at another weight of the KL."""

from functools import partial
from typing import Any

from mdlcode.bayes import BayesLearner, FreshNet, KlWeight
from mdlcode.certify.code import certify_posterior
from mdlcode.config import to_config
from mdlcode.data.view import split
from mdlcode.experiments.pieces import Values
from mdlcode.learn import Steps
from mdlcode.papers import Job, sizes
from mdlcode.plots.bounds import bound_over_bits, bounds_side_by_side
from mdlcode.plots.style import drawing

_FULL = ((0.05, 0.2, 0.5, 1.0, 2.0, 4.0), 1400, 1500, 20_000)
SIZES = {"smoke": ((0.2, 1.0, 4.0), 400, 100, 2000), "cpu": _FULL, "full": _FULL}


def kl_weights(job: Job) -> None:
    """Bounds of stochastic nets, each trained at another weight of the KL; each pays for the choice among them."""
    weights, train, steps, mc_draws = SIZES[job.scale]
    pieces = []
    for weight in weights:
        training = Steps(min_steps=steps, max_steps=steps, warmup=0.05)
        learner = BayesLearner(FreshNet("linear"), training=training, kl=KlWeight(weight=weight))
        settings = {"learner": to_config(learner), "train": train, "candidates": len(weights), "mc_draws": mc_draws}
        work = partial(_certified, job, learner, train, len(weights), mc_draws)
        pieces.append(Values(f"kl-weight-{weight:g}", settings, work))
    stored = job.store.all(pieces)
    with drawing(columns=2, width=5.5, height=3.8) as (figure, axes):
        bound_over_bits(axes[0], stored)
        bounds_side_by_side(axes[1], min(stored, key=lambda each: min(row["value"] for row in each["bounds"])))
    caption = (
        "The bound on the test error against the bits that it pays: linear stochastic nets on the digits, each at"
        f" another weight of the KL, the choice among {len(weights)} paid; on the right all bounds of the best."
    )
    reduced = sizes(job.scale, "400 labels, 100 steps.", "1,400 labels, 1,500 steps.", "1,400 labels, 1,500 steps.")
    job.store.figure("kl-weights", figure, f"{caption} {reduced}")


def _certified(job: Job, learner: BayesLearner, train: int, candidates: int, mc_draws: int) -> dict[str, Any]:
    data = split(job.data("digits")(), train)
    return certify_posterior(learner, data, candidates=candidates, mc_draws=mc_draws).to_config()
