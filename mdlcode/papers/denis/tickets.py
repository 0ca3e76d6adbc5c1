"""Lottery tickets (Frankle & Carbin 2019)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mdlcode.codelength import uniform_bits
from mdlcode.codes import Compressed
from mdlcode.coding.channel import Ledger
from mdlcode.config import to_config
from mdlcode.data import Data
from mdlcode.learn import AdamW, NetLearner, RateAware, Squeezer, Steps
from mdlcode.measures.phenomena.tickets import Learned, learn, random_masks, say_ticket
from mdlcode.measures.phenomena.tickets import tickets as made
from mdlcode.papers import Job, sizes
from mdlcode.papers.denis.common import about, by_seed, dataset, sample, shown_interval, verdict
from mdlcode.papers.denis.drawn import band
from mdlcode.plots.style import COLOURS, MARKERS, drawing, log_ticks

KINDS = ("winning ticket", "same mask, redrawn", "random mask, redrawn")
SPARSE = 0.42  # the published 41.1 % and below
_NEAR = 0.05  # of the weights: below it hardly any net of these sizes learns
_CHECKS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)  # epochs to stop after
_NETS = "mdlcode.papers.denis.nets"

Seeds = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Size:
    """Labels of a data set, what learns them, rounds of pruning, of which each `every`-th is compared, and seeds."""

    data: str
    labels: int | None
    learner: NetLearner
    rounds: int
    every: int
    checks: tuple[float, ...]
    levels: int
    squeezer: Squeezer
    seeds: int


def _size(data: str, labels: int | None, learner: NetLearner, rounds: int, every: int, steps: int, seeds: int) -> Size:
    epochs = learner.training.epochs
    checks = tuple(epoch for epoch in _CHECKS if epoch < epochs)
    squeezer = RateAware(training=Steps(epochs=1e-3, min_steps=steps, warmup=0.05))
    return Size(data, labels, learner, rounds, every, checks, 8, squeezer, seeds)


def _learner(arch: str, epochs: float, lr: float) -> NetLearner:
    training = Steps(epochs=epochs, min_steps=1, batch_size=60, warmup=None)
    return NetLearner(arch, training, AdamW(lr=lr, weight_decay=0.0))


TICKETS = {
    "smoke": (_size("digits", 400, _learner("mlp-2x64", 20, 1e-2), 8, 4, 400, 2),),
    "cpu": (_size("mnist", 2000, _learner(f"{_NETS}:lenet_300_100", 12, 1.2e-3), 14, 2, 600, 3),),
    "full": (
        _size("mnist", None, _learner(f"{_NETS}:lenet_300_100", 50, 1.2e-3), 20, 2, 20_000, 5),
        _size("cifar10", None, _learner(f"{_NETS}:conv_2", 24, 2e-4), 20, 2, 20_000, 5),
        _size("cifar10", None, _learner(f"{_NETS}:conv_4", 30, 3e-4), 20, 2, 20_000, 5),
        _size("cifar10", None, _learner(f"{_NETS}:conv_6", 36, 3e-4), 20, 2, 20_000, 5),
    ),
}


def tickets(job: Job) -> None:
    """Early stopping, accuracy and bits of tickets by density, beside redrawn weights and random masks."""
    of_nets = [(size, _tickets(job, size), _compressed(job, size)) for size in TICKETS[job.scale]]
    with drawing(rows=len(of_nets), columns=3, width=3.9, height=3.2) as (figure, axes):
        for row, (_, found, rival) in enumerate(of_nets):
            stops, accuracies, bits = axes[3 * row : 3 * row + 3]
            _draw(stops, found, "stop_epoch")
            stops.set(ylabel="epoch of least validation bits", ylim=(0, None))
            _draw(accuracies, found, "stop_accuracy")
            accuracies.set(ylabel="test accuracy then")
            accuracies.legend(loc="lower left")
            _draw_bits(bits, found, rival)
            accuracies.set_title(f"{found[0]['data']}, n = {found[0]['num_labels']:,}, {_name(found)}")
    job.store.figure("tickets", figure, _caption(job, of_nets))


def _name(found: Seeds) -> str:
    return str(found[0]["arch"]).rpartition(":")[2]


def _settings(job: Job, size: Size) -> dict[str, Any]:
    return {
        **{"data": dataset(job, size.data), "labels": size.labels, "learner": to_config(size.learner)},
        **{"rounds": size.rounds, "every": size.every, "checks": size.checks, "levels": size.levels},
    }


def _tickets(job: Job, size: Size) -> list[dict[str, Any]]:
    name = f"tickets-{size.learner.arch}".replace(f"{_NETS}:", "")
    return by_seed(job, name, _settings(job, size), size.seeds, partial(_compare, job, size))


def _compare(job: Job, size: Size, seed: int) -> dict[str, Any]:
    data = sample(job, dataset(job, size.data), size.labels, seed)
    learner = replace(size.learner, seed=seed)
    rows = [
        _row(size, learner, ticket, data)
        for round_, ticket in enumerate(made(learner, data, size.rounds, checks=size.checks))
        if round_ % size.every == 0
    ]
    return about(data, size.learner) | {"rows": rows}


def _row(size: Size, learner: NetLearner, ticket: Learned, data: Data) -> dict[str, Any]:
    """A ticket beside the same number of weights that are drawn anew, in its places or in random ones."""
    again = replace(learner, seed=learner.seed + 1000)
    kinds = {
        KINDS[0]: ticket,
        KINDS[1]: learn(again, ticket.masks, data, size.checks),
        KINDS[2]: learn(again, random_masks(ticket.masks, again.seed), data, size.checks),
    }
    ledger = Ledger()
    say_ticket(ledger, learner, ticket, data.shared, data.labels, size.levels)
    length = ledger.codelength(data.shared.num_classes)
    told = {
        kind: {"stop_epoch": each.stop_epoch, "stop_accuracy": each.stop_accuracy, "test_accuracy": each.test_accuracy}
        for kind, each in kinds.items()
    }
    return {
        "density": ticket.density,
        "kinds": told,
        "bits": dict(length.bits_by_part),
        "total_bits": length.total_bits,
    }


def _compressed(job: Job, size: Size) -> list[dict[str, Any]]:
    name = f"tickets-{size.learner.arch}-compressed".replace(f"{_NETS}:", "")
    settings = _settings(job, size) | {"squeezer": to_config(size.squeezer)}
    return by_seed(job, name, settings, size.seeds, partial(_squeezed, job, size))


def _squeezed(job: Job, size: Size, seed: int) -> dict[str, Any]:
    data = sample(job, dataset(job, size.data), size.labels, seed)
    squeezer = replace(size.squeezer, start=replace(size.learner, seed=seed))
    return {"total_bits": Compressed(squeezer, bit_prices=(1.0,)).codelength(data).total_bits}


def _densities(found: Seeds) -> list[float]:
    return [row["density"] for row in found[0]["rows"]]


def _curves(found: Seeds, kind: str, what: str) -> list[list[float]]:
    return [[row["kinds"][kind][what] for row in each["rows"]] for each in found]


def _draw(axes: Axes, found: Seeds, what: str) -> None:
    shares = [100 * each for each in _densities(found)]
    for kind, colour, marker in zip(KINDS, COLOURS, MARKERS, strict=False):
        band(axes, shares, _curves(found, kind, what), kind, colour, marker)
    _by_density(axes)


def _by_density(axes: Axes) -> None:
    axes.set(xlabel="weights left (%)", xscale="log")
    axes.invert_xaxis()
    log_ticks(axes.xaxis)


def _draw_bits(axes: Axes, found: Seeds, rival: Seeds) -> None:
    shares = [100 * each for each in _densities(found)]
    parts = {"ticket: mask, seed and weights": None, "its mask": "masks", "labels under it": "labels"}
    for (label, part), colour, marker in zip(parts.items(), COLOURS, MARKERS, strict=False):
        curves = [[row["bits"].get(part, 0.0) if part else _of_net(row) for row in each["rows"]] for each in found]
        band(axes, shares, [[max(each, 1.0) for each in curve] for curve in curves], label, colour, marker)
    axes.axhline(_mean(rival), color=COLOURS[4], label="compressed, in all")
    axes.axhline(_uniform(found), color="grey", linestyle="--", linewidth=0.8, label="uniform code")
    axes.set(ylabel="bits", yscale="log")
    _by_density(axes)
    low, high = axes.get_ylim()
    axes.set_ylim(low, 200 * high)  # room for the legend
    axes.legend(loc="upper left", fontsize=7)


def _of_net(row: Mapping[str, Any]) -> float:
    return float(row["total_bits"] - row["bits"]["labels"])


def _mean(rival: Seeds) -> float:
    return float(np.mean([each["total_bits"] for each in rival]))


def _uniform(found: Seeds) -> float:
    return uniform_bits(found[0]["num_labels"], found[0]["num_classes"])


def _over_sparse(found: Seeds, kind: str, what: str) -> list[float]:
    """For each seed the mean over the densities at 41.1 % and below."""
    sparse = [_NEAR <= each <= SPARSE for each in _densities(found)]
    return [float(np.mean(np.array(curve)[sparse])) for curve in _curves(found, kind, what)]


def _caption(job: Job, of_nets: Sequence[tuple[Size, Seeds, Seeds]]) -> str:
    checks: list[bool] = []
    told = []
    for _, found, rival in of_nets:
        stops, accuracies = (
            {kind: _over_sparse(found, kind, what) for kind in KINDS} for what in ("stop_epoch", "stop_accuracy")
        )
        ticket, redrawn, other = KINDS
        checks += [np.mean(stops[ticket]) < np.mean(stops[kind]) for kind in (redrawn, other)]
        checks += [np.mean(accuracies[ticket]) > np.mean(accuracies[kind]) for kind in (redrawn, other)]
        shortest = min(found[0]["rows"], key=lambda row: row["total_bits"])
        at = found[0]["rows"].index(shortest)
        lengths = [each["rows"][at]["total_bits"] for each in found]
        epochs = ", ".join(f"{kind} {shown_interval(stops[kind])}" for kind in KINDS)
        percents = ", ".join(f"{shown_interval([100 * each for each in accuracies[kind]])} %" for kind in KINDS)
        told.append(
            f"{_name(found)}: from {100 * SPARSE:.0f} to {100 * _NEAR:.0f} % of the weights, early stopping after"
            f" epochs ({epochs}) at test accuracies {percents} (means over seeds, 95 % intervals); the shortest ticket,"
            f" with {100 * shortest['density']:.1f} % of the weights, takes {shown_interval(lengths, ',.0f')} bits with"
            f" the labels, code compressed {shown_interval([each['total_bits'] for each in rival], ',.0f')}, the"
            f" uniform code {_uniform(found):,.0f}"
        )
    title = (
        "Frankle & Carbin 2019: iterative magnitude pruning with rewind. Published: at 41.1 % of the weights and below"
        " tickets learn faster than redrawn ones. In the paper's Figure 1 solid lines are winning tickets, at their own"
        " first weights, and dashed ones randomly sampled sparse nets; the notes tell of random weights for both. LeNet"
        " is the dense 300-100 there. A ticket's message is the seed, the mask, the moves of the weights in"
        f" {of_nets[0][0].levels} values, and the labels."
    )
    size = of_nets[0][0]
    reduced = sizes(
        job.scale,
        f"{size.labels} labels of the digits, {size.seeds} seeds, an MLP of 2 x 64.",
        f"{size.labels} labels of MNIST, {size.seeds} seeds, LeNet alone.",
        f"all labels, {size.seeds} seeds.",
    )
    return f"{title} {verdict(checks, '; '.join(told))}. {reduced}"
