"""Theorem C.1 of Zhou et al. 2019 beside compressed sizes: labels that are more and more random."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from mdlcode.codes import TwoPart
from mdlcode.config import to_config
from mdlcode.data import Data
from mdlcode.data.view import split
from mdlcode.experiments.pieces import Values
from mdlcode.experiments.tables import Table, percent
from mdlcode.learn import AdamW, NetLearner, Steps
from mdlcode.papers import Job, sizes
from mdlcode.papers.zhou.limits import NOISES, limits
from mdlcode.weights import Grid, Quantised


@dataclass(frozen=True)
class Size:
    """So many labels of a data set to learn from, the others to test with; epochs, and seeds."""

    data: str
    train: int
    epochs: float
    seeds: tuple[int, ...]


LIMITS = {
    "smoke": Size("digits", 300, 30.0, (0,)),
    "cpu": Size("digits", 1000, 150.0, (0, 1, 2)),
    "full": Size("mnist", 20_000, 150.0, (0, 1, 2)),
}


def limits_table(job: Job) -> None:
    """Errors, the least bits that the theorem allows, and the bits of the nets that were learned, by label noise."""
    size = LIMITS[job.scale]
    net = NetLearner(
        arch="mlp-1x64", optimizer=AdamW(lr=4e-3, weight_decay=0.05), training=Steps(epochs=size.epochs, batch_size=32)
    )
    code = TwoPart(net, Quantised(Grid(63), units="sorted"))
    settings = {"code": to_config(code), "size": vars(size)}
    pieces = [
        Values(
            f"limits-{100 * noise:.0f}",
            settings | {"label_noise": noise},
            partial(_limits, job.data(size.data), code, noise, size),
        )
        for noise in NOISES
    ]
    rows = tuple(_row(noise, found) for noise, found in zip(NOISES, job.store.all(pieces), strict=True))
    caption = (
        "Limits on compressibility, Theorem C.1 of Zhou et al. 2019: nets that know random labels by heart can't be"
        " small. Least bits: what no code of such nets goes below on average; code bits: the message of the net that"
        f" was learned, an MLP of 64 hidden units whose weights lie on a grid of 63 levels, on {size.data}. Mean"
        " (standard deviation) over seeds; the bound is the first seed's."
    )
    reduced = sizes(
        job.scale,
        "300 labels, 30 epochs, one seed.",
        "1,000 labels, 150 epochs, three seeds.",
        "20,000 labels, 150 epochs, three seeds.",
    )
    header = ("random labels", "train error", "test error", "least bits", "code bits", "bound")
    job.store.table("limits", Table(f"{caption} {reduced}", header, rows))


def _limits(load: Callable[[], Data], code: TwoPart, noise: float, size: Size) -> list[dict[str, Any]]:
    return [asdict(each) for each in limits(split(load(), size.train), code, (noise,), size.seeds)]


def _row(noise: float, found: list[dict[str, Any]]) -> tuple[str, ...]:
    def over_seeds(name: str, scale: float, digits: int) -> str:
        values = scale * np.array([each[name] for each in found])
        return f"{values.mean():,.{digits}f} ({values.std():,.{digits}f})"

    errors = (f"{over_seeds(name, 100, 2)} %" for name in ("train_error", "test_error"))
    bits = (over_seeds(name, 1, 0) for name in ("least_bits", "code_bits"))
    return f"{noise:.0%}", *errors, *bits, percent(found[0]["bound"])
