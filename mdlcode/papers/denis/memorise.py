"""Memorisation of noise (Arpit et al. 2017)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mdlcode.config import to_config
from mdlcode.learn import AdamW, NetLearner, Sgd, Steps
from mdlcode.measures.phenomena.memorise import first_epoch, memory, noisy, spread
from mdlcode.measures.phenomena.training import epochs_to
from mdlcode.papers import Job, sizes
from mdlcode.papers.denis.common import about, by_seed, dataset, mean_interval, sample, shown_interval, titled, verdict
from mdlcode.papers.denis.drawn import band
from mdlcode.plots.style import COLOURS, drawing, log_ticks

FITTED = 0.97  # of the training labels

Found = Mapping[float, Sequence[Mapping[str, Any]]]  # by share of noise, one for each seed


@dataclass(frozen=True)
class Size:
    """Labels of a data set, what learns them, the shares of noise, first epochs, the search's radius, and seeds."""

    data: str
    labels: int | None
    learner: NetLearner
    shares: tuple[float, ...]
    first_epochs: int
    radius: float
    seeds: int


def _learner(arch: str, epochs: float, optimizer: AdamW | Sgd, batch_size: int) -> NetLearner:
    return NetLearner(arch, Steps(epochs=epochs, min_steps=50, batch_size=batch_size, warmup=0.05), optimizer)


_SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
MEMORISE = {
    "smoke": Size(
        "digits", 200, _learner("mlp-2x128", 60, AdamW(lr=3e-3, weight_decay=0.0), 32), (0.0, 0.4, 1.0), 20, 0.1, 2
    ),
    "cpu": Size("mnist", 1000, _learner("mlp-2x128", 60, AdamW(lr=1e-3, weight_decay=0.0), 32), _SHARES, 50, 0.05, 3),
    "full": Size("cifar10", None, _learner("convnet", 120, Sgd(lr=0.02, weight_decay=0.0), 128), _SHARES, 100, 0.05, 3),
}


def memorise(job: Job) -> None:
    """Noise is fitted later, at other prices: accuracies, critical samples, first epochs and bits a label."""
    size = MEMORISE[job.scale]
    found = {share: _memories(job, size, share) for share in size.shares}
    with drawing(rows=2, columns=2, width=4.6, height=3.2) as (figure, axes):
        _draw_training(axes[0], found)
        _draw_first_epochs(axes[1], found, size.first_epochs)
        _draw_critical(axes[2], found)
        _draw_bits(axes[3], found)
        titled(figure, found[size.shares[0]][0])
    job.store.figure("memorise", figure, _caption(job, size, found))


def _memories(job: Job, size: Size, share: float) -> list[dict[str, Any]]:
    settings = {
        **{"data": dataset(job, size.data), "labels": size.labels, "learner": to_config(size.learner)},
        **{"share": share, "first_epochs": size.first_epochs, "radius": size.radius},
    }
    return by_seed(job, f"memorise-{100 * share:.0f}", settings, size.seeds, partial(_memory, job, size, share))


def _memory(job: Job, size: Size, share: float, seed: int) -> dict[str, Any]:
    data = sample(job, dataset(job, size.data), size.labels, seed)
    given = noisy(data, share, seed)
    firsts = first_epoch(size.learner, given, size.first_epochs)
    found = memory(size.learner, given, data.labels, size.radius)
    firsts_sorted = np.sort(firsts).tolist()
    spread_ = spread(firsts, size.first_epochs)
    return about(data, size.learner) | asdict(found) | {"firsts": firsts_sorted, "first_spread": spread_}


def _draw_training(axes: Axes, found: Found) -> None:
    for colour, (share, seeds) in zip(COLOURS, found.items(), strict=False):
        curves = [each["train_accuracies"] for each in seeds]
        band(axes, range(len(curves[0])), curves, f"{100 * share:.0f} % redrawn", colour)
    some = _noisy_shares(found)
    if some:
        share = some[len(some) // 2]
        curves = [each["truth_accuracies"] for each in found[share]]
        mean = np.mean(curves, axis=0)
        axes.plot(
            range(len(mean)), mean, color="grey", linestyle=":", label=f"truth behind the wrong, {100 * share:.0f} %"
        )
    axes.set(xlabel="epoch", ylabel="share of the training labels", ylim=(0, 1.02))
    axes.legend(loc="center right")


def _draw_first_epochs(axes: Axes, found: Found, trials: int) -> None:
    for share in (min(found), max(found)):
        colour = COLOURS[list(found).index(share)]
        curves = [each["firsts"] for each in found[share]]
        band(axes, np.linspace(0, 1, len(curves[0])).tolist(), curves, f"{100 * share:.0f} % redrawn", colour)
        chances = np.random.Generator(np.random.PCG64(0)).binomial(trials, np.mean(curves), len(curves[0]))
        equal = np.sort(chances / trials)
        axes.plot(np.linspace(0, 1, len(equal)), equal, color=colour, linestyle=":")
    axes.set(xlabel="labels, sorted", ylabel="right after the first epoch", ylim=(-0.02, 1.02))
    axes.legend(loc="upper left")


def _draw_critical(axes: Axes, found: Found) -> None:
    for colour, (share, seeds) in zip(COLOURS, found.items(), strict=False):
        curves = [each["critical_shares"] for each in seeds]
        band(axes, seeds[0]["critical_epochs"], curves, f"{100 * share:.0f} % redrawn", colour, "o")
    axes.set(xlabel="epoch", ylabel="critical samples", xscale="log", ylim=(-0.02, 1.02))
    log_ticks(axes.xaxis)


def _draw_bits(axes: Axes, found: Found) -> None:
    for name, colour, marker in (("clean", COLOURS[1], "o"), ("wrong", COLOURS[2], "s")):
        there = {share: _bits(seeds, name) for share, seeds in found.items() if _bits(seeds, name)}
        ends = np.array([mean_interval(values) for values in there.values()])  # (shares, 3)
        lower, upper = ends[:, 0] - ends[:, 1], ends[:, 2] - ends[:, 0]
        error = None if not np.isfinite(lower).all() else np.stack([lower, upper])
        axes.errorbar(list(there), ends[:, 0], error, label=f"{name} labels", color=colour, marker=marker, capsize=2)
    axes.axhline(_uniform(found), color="grey", linestyle="--", linewidth=0.8, label="uniform code")
    axes.set(xlabel="share of labels redrawn", ylabel="bits a label, prequential code", ylim=(0, None))
    axes.legend(loc="lower right")


def _bits(seeds: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    return [each[f"{name}_bits"] for each in seeds if each[f"{name}_bits"] is not None]


def _uniform(found: Found) -> float:
    """Bits of a label under the uniform code."""
    return float(np.log2(next(iter(found.values()))[0]["num_classes"]))


def _noisy_shares(found: Found) -> list[float]:
    return [share for share in found if 0 < share < 1]


def _mean(seeds: Sequence[Mapping[str, Any]], name: str) -> float:
    return float(np.mean([each[name] for each in seeds]))


def _epochs(seeds: Sequence[Mapping[str, Any]]) -> float:
    """Mean epochs to `FITTED`; infinite where some seed never gets there."""
    reached = [epochs_to(FITTED, each["train_accuracies"]) for each in seeds]
    return float(np.mean([np.inf if each is None else each for each in reached]))


def _caption(job: Job, size: Size, found: Found) -> str:
    real, fake = found[min(found)], found[max(found)]
    safe, near = ([100 * each["critical_shares"][-1] for each in seeds] for seeds in (real, fake))
    told, uniform = _noisy_shares(found), _uniform(found)
    checks = [
        _epochs(fake) > _epochs(real),
        _mean(real, "first_share") > _mean(fake, "first_share"),
        _mean(real, "first_spread") > _mean(fake, "first_spread"),
        float(np.mean(near)) > float(np.mean(safe)),
        all(max(_bits(found[share], "clean")) < uniform < min(_bits(found[share], "wrong")) for share in told),
    ]
    bits = "; ".join(
        f"with {100 * share:.0f} % redrawn {shown_interval(_bits(found[share], 'clean'), '.2f')} bits a clean label and"
        f" {shown_interval(_bits(found[share], 'wrong'), '.2f')} a wrong one"
        for share in told
    )
    truth = max(max(each["truth_accuracies"]) for share in told for each in found[share])
    sentence = (
        f"{100 * FITTED:.0f} % of the true labels are fitted in {_epochs(real):.0f} epochs, of random ones in"
        f" {_epochs(fake):.0f}; {100 * _mean(real, 'first_share'):.0f} % of the true and"
        f" {100 * _mean(fake, 'first_share'):.0f} % of the random labels are right from the first epoch on; the chances"
        f" to be right after it have a standard deviation of {_mean(real, 'first_spread'):.2f} over true and"
        f" {_mean(fake, 'first_spread'):.2f} over random labels (dotted: equal chances); critical samples in the end"
        f" {shown_interval(safe)} % and {shown_interval(near)} %; under one prequential code {bits}, where the uniform"
        f" code has {uniform:.2f}."
    )
    title = (
        "Arpit et al. 2017: nets learn simple patterns first and memorise noise later. A sample is critical where"
        f" another input within {size.radius:g} standard deviations in every value has another class. The notes say"
        " that no example of noise is right from the first epoch on; some are, by chance. Before it learns the wrong"
        f" labels by heart, a net guesses up to {100 * truth:.0f} % of the true ones behind them."
    )
    reduced = sizes(
        job.scale,
        f"{size.labels} labels of the digits, {size.seeds} seeds.",
        f"{size.labels} labels of MNIST, {size.seeds} seeds; the paper has CIFAR-10.",
        f"all labels of CIFAR-10, {size.seeds} seeds.",
    )
    return f"{title} {verdict(checks, sentence)} {reduced}"
