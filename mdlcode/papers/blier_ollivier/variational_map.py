"""Where the variational bits go: nets of several widths and depths, priors and guides."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from mdlcode.bayes import BayesLearner, ExpectedLength, FreshNet, Rates
from mdlcode.bayes.guides import LowRankGuide
from mdlcode.bayes.priors import Gaussian, Horseshoe, NormalGamma, ScaleMixture
from mdlcode.config import shifted_seeds, to_config
from mdlcode.data import Data
from mdlcode.experiments.pieces import Values
from mdlcode.learn import NetLearner, RateAware, Steps
from mdlcode.papers import Job, sizes
from mdlcode.papers.blier_ollivier.published import NAMES
from mdlcode.plots.style import drawing
from mdlcode.plots.variants import bits_by_variant

DRAWS = 8


@dataclass(frozen=True)
class Size:
    """Labels of a data set, steps of each training, seeds, the nets, and the one that is varied further."""

    data: str
    limit: int
    steps: int
    seeds: int
    nets: tuple[str, ...]
    net: str


_NETS = ("linear", "mlp-small", "mlp-512", "mlp-3x200", "lenet-small", "lenet-patches", "tinycnn")
SIZES = {
    "smoke": Size("digits", 200, 30, 1, ("linear", "mlp-small"), "mlp-small"),
    "cpu": Size("mnist", 2000, 1500, 3, _NETS, "lenet-small"),
    "full": Size("mnist", 10_000, 5000, 3, _NETS, "lenet-small"),
}


def variants(base: BayesLearner, nets: Sequence[str], net: str) -> Iterator[tuple[str, BayesLearner]]:
    """Several nets, and one of them under several priors, estimators, starts and a guide, each by its name."""
    for arch in nets:
        yield f"net {arch}", replace(base, start=FreshNet(arch))
    small = replace(base, start=FreshNet(net))
    for prior in (Gaussian(scale=0.1), Gaussian(per="output"), ScaleMixture(), NormalGamma(), Horseshoe()):
        name = prior.kind + (" given" if isinstance(prior, Gaussian) and prior.scale else "")
        name += " per output" if isinstance(prior, Gaussian) and prior.per == "output" else ""
        yield f"prior {name}", replace(small, prior=prior)
    for estimator in ("local", "flipout", "one-draw"):
        yield f"estimator {estimator}", replace(small, estimator=estimator)
    squeezed = RateAware(
        NetLearner(arch=net), training=Steps(epochs=1, min_steps=base.training.max_steps // 2, warmup=0.05)
    )
    for prior in (Gaussian(), ScaleMixture()):
        yield (
            f"sparse start, {prior.kind}",
            replace(base, start=squeezed, prior=prior, rates=Rates(lr=3e-3), kl=replace(base.kl, start=1.0)),
        )
    yield "guide low-rank", replace(small, guide=LowRankGuide(), estimator="one-draw")


def variational_map(job: Job) -> None:
    """KL and label bits by net, prior, estimator, start and guide."""
    size = SIZES[job.scale]
    training = Steps(min_steps=size.steps, max_steps=size.steps, batch_size=64, warmup=0.05)
    base = BayesLearner(training=training, predictive_draws=DRAWS)
    pieces = [
        Values(
            f"map-{index}-{seed}",
            {"learner": to_config(learner), "seed": seed, "data": size.data, "limit": size.limit},
            partial(_measured, job.data(size.data, size.limit), name, learner, seed),
        )
        for index, (name, learner) in enumerate(variants(base, size.nets, size.net))
        for seed in range(size.seeds)
    ]
    rows = job.store.all(pieces)
    with drawing(width=6.5, height=5.0) as (figure, [axes]):
        bits_by_variant(axes, rows)
        figure.suptitle(f"{size.data}, n = {size.limit:,}")
    caption = (
        f"Where the bits of a variational code go, on {NAMES[size.data]}: KL and label bits, means over seeds with the"
        f" range of their sum; {size.net} unless a net is named. Accuracy on the test set, on the digits on the"
        " labels themselves."
    )
    reduced = sizes(
        job.scale,
        "200 labels, 30 steps, one seed.",
        "2,000 labels, 1,500 steps, three seeds.",
        "10,000 labels, 5,000 steps, three seeds.",
    )
    job.store.figure("map", figure, f"{caption} {reduced}")


def _measured(load: Callable[[], Data], name: str, learner: BayesLearner, seed: int) -> dict[str, Any]:
    begin, data = time.perf_counter(), load()
    state = shifted_seeds(learner, seed).fit(data.shared, data.labels)
    length = ExpectedLength.of(state, data.shared, data.labels, DRAWS)
    inputs, labels = (
        (data.shared.inputs, data.labels) if data.test_inputs is None else (data.test_inputs, data.test_labels)
    )
    return {
        "variant": name,
        "seed": seed,
        "kl_bits": length.kl_bits + length.prior_bits,
        "label_bits": length.label_bits,
        "standard_error": length.standard_error,
        "accuracy": float(np.mean(state.predict(inputs).argmax(1) == labels)),
        "seconds": time.perf_counter() - begin,
    }
