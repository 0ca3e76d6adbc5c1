"""What batch norm does to the loss along its gradient (Santurkar et al. 2018)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from mdlcode.codes import Geometric, Prequential, Temperature
from mdlcode.config import to_config
from mdlcode.data import Data
from mdlcode.learn import NetLearner, Sgd, Steps
from mdlcode.measures.phenomena.smoothness import NoisyBatchNorm2d, watched
from mdlcode.nets.vgg import VGG16, Norm, plain_vgg
from mdlcode.papers import Job, sizes
from mdlcode.papers.denis.common import by_seed, dataset, mean_interval, sample, shown_interval, verdict
from mdlcode.papers.denis.drawn import band, points
from mdlcode.papers.kuhn.settings import halved
from mdlcode.plots.style import COLOURS, drawing

NORMS: dict[str, Norm | None] = {"no norm": None, "batch norm": nn.BatchNorm2d, "noisy batch norm": NoisyBatchNorm2d}
RATES = (0.05, 0.1, 0.2, 0.4)  # of the gradient, up to the paper's 0.4
COLUMNS = {
    "loss_range": "loss range [nats]",
    "gradient_change": "largest gradient change",
    "beta": "effective smoothness",
}


@dataclass(frozen=True)
class Size:
    """Labels of a data set, the convolutions, how they are trained and looked at, and the seeds."""

    data: str
    labels: int | None
    widths: tuple[int | str, ...]
    training: Steps
    lr: float
    every: int
    code: Geometric
    seeds: int
    halved: bool = False


_SMALL = (8, 8, "pool", 16, 16, "pool", 32, 32)
SMOOTHNESS = {
    "smoke": Size("digits", 200, _SMALL, Steps(1, 40, 40, 64, None), 0.02, 4, Geometric(first=25, ratio=4), 3),
    "cpu": Size("cifar10", 1000, _SMALL, Steps(1, 120, 120, 64, None), 0.02, 6, Geometric(first=125, ratio=4), 3, True),
    "full": Size("cifar10", None, VGG16, Steps(1, 15_000, 15_000, 128, None), 0.1, 100, Geometric(first=100), 3),
}


def smoothness(job: Job) -> None:
    """Loss range, gradient change and effective smoothness along the training, and the prequential bits."""
    size = SMOOTHNESS[job.scale]
    found = {name: _measured(job, size, name) for name in NORMS}
    colours = dict(zip(NORMS, COLOURS, strict=False))
    with drawing(columns=4, width=3.4, height=3.0) as (figure, axes):
        for each, (column, label) in zip(axes, COLUMNS.items(), strict=False):
            for name, seeds in found.items():
                steps = range(0, size.every * len(seeds[0][column]), size.every)
                band(each, steps, [one[column] for one in seeds], name, colours[name])
            each.set(xlabel="step", ylabel=label, yscale="log")
        axes[0].legend()
        bits = [[one["bits_per_label"] for one in seeds] for seeds in found.values()]
        points(axes[3], list(found), bits, COLOURS)
        axes[3].set_xlabel("bits a label, prequential code")
        axes[3].grid(visible=False, axis="y")
        first = found["no norm"][0]
        layers = sum(map(_is_width, size.widths))
        figure.suptitle(f"{first['data']}, n = {first['num_labels']:,}, {layers} convolutions")
    job.store.figure("smoothness", figure, _caption(job, size, found))


def _is_width(each: int | str) -> bool:
    return not isinstance(each, str)


def _measured(job: Job, size: Size, name: str) -> list[dict[str, Any]]:
    settings = {
        **{"data": dataset(job, size.data), "labels": size.labels, "halved": size.halved, "norm": name},
        **{"widths": size.widths, "training": to_config(size.training), "lr": size.lr, "every": size.every},
        **{"code": to_config(size.code), "rates": RATES},
    }
    return by_seed(job, f"smoothness-{name.replace(' ', '-')}", settings, size.seeds, partial(_one, job, size, name))


def _one(job: Job, size: Size, name: str, seed: int) -> dict[str, Any]:
    data = _data(job, size, seed)
    net = partial(plain_vgg, widths=size.widths, norm=NORMS[name])
    learner = NetLearner(net, size.training, Sgd(lr=size.lr), seed=seed)
    looks = watched(learner, data, RATES, size.every)
    code = Prequential((replace(learner, seed=seed),), size.code, Temperature())
    return {
        **{"data": data.name, "num_labels": len(data)},
        **{column: [getattr(look, column) for look in looks] for column in COLUMNS},
        "losses": [look.loss for look in looks],
        "bits_per_label": code.codelength(data).bits_per_label,
    }


def _data(job: Job, size: Size, seed: int) -> Data:
    data = sample(job, dataset(job, size.data), size.labels, seed)
    return halved(data) if size.halved else data


def _caption(job: Job, size: Size, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    def middle(name: str, column: str) -> list[float]:
        return [float(np.median(each[column])) for each in found[name]]

    plain, *norms = NORMS
    means = {name: {column: mean_interval(middle(name, column))[0] for column in COLUMNS} for name in NORMS}
    bits = {name: [each["bits_per_label"] for each in found[name]] for name in NORMS}
    checks = [means[name][column] < means[plain][column] for name in norms for column in COLUMNS]
    checks += [max(np.mean(bits[name]) for name in norms) < np.mean(bits[plain])]
    told = "; ".join(
        f"{name}: loss range {shown_interval(middle(name, 'loss_range'), '.3f')} nats, gradient change"
        f" {shown_interval(middle(name, 'gradient_change'), '.2f')}, effective smoothness"
        f" {shown_interval(middle(name, 'beta'), '.1f')}, {shown_interval(bits[name], '.3f')} bits a label"
        for name in NORMS
    )
    title = (
        "Santurkar et al. 2018 (Figure 12 of the notes, which cite Du et al. for it: these two citations are swapped):"
        " the loss of a step's batch at w - eta g, eta up to 0.4, g its gradient at w. The noise of noisy batch norm is"
        " the same at all of these places, so that one function is looked at."
    )
    smooth = sum(checks[:-1])
    sentence = (
        f"{smooth} of {len(checks) - 1} comparisons find the normalised net smoother; medians over the training (means"
        f" over seeds, 95 % intervals): {told}."
    )
    vgg = f"{sum(map(_is_width, size.widths))} convolutions of {size.widths[0]} to {size.widths[-1]} maps"
    steps = f"{size.training.max_steps:,} steps, {size.seeds} seeds"
    reduced = sizes(
        job.scale,
        f"{vgg}, {size.labels} labels, {steps}; the paper has a VGG net on CIFAR-10.",
        f"{vgg}, {size.labels} labels of CIFAR-10 at half the height and width, {steps}; the paper has all of VGG.",
        f"{vgg}, {steps}.",
    )
    return f"{title} {verdict(checks, sentence)} {reduced}"
