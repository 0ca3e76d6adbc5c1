"""Small nets against subspaces of a large one, and random labels (Li et al. 2018)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mdlcode.codelength import uniform_bits
from mdlcode.config import to_config
from mdlcode.experiments.pieces import Values
from mdlcode.learn import AdamW, NetLearner, RateAware, Squeezer, Steps, SubspaceLearner
from mdlcode.measures.dimension_search import DimensionSearch
from mdlcode.measures.phenomena.dimension import at_equal_size, dimensions_by_noise
from mdlcode.papers import Job, sizes
from mdlcode.papers.denis.common import about, by_seed, dataset, mean_interval, sample, shown_interval, titled, verdict
from mdlcode.papers.li.items import PUBLISHED, search
from mdlcode.plots.style import COLOURS, drawing, log_ticks

PUBLISHED_FAKE = (190_000, 959_610)  # d_int90 of shuffled labels of MNIST, and the parameters of its net
NOISE = (("true", 0.0), ("random", 1.0))

Points = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Size:
    """Labels, small nets, the large net with what trains it, and seeds; then labels and the search of dimensions."""

    data: str
    labels: int | None
    small: tuple[str, ...]
    large: str
    training: Steps
    seeds: int
    few_labels: int
    search: DimensionSearch

    @property
    def subspace(self) -> SubspaceLearner:
        """The large net in a subspace."""
        return SubspaceLearner(self.large, self.training, AdamW(lr=0.1, weight_decay=0.0), layers="joint")

    def direct(self, arch: str) -> NetLearner:
        """A small net."""
        return NetLearner(arch, self.training, AdamW(lr=5e-3, weight_decay=0.0))

    @property
    def squeezer(self) -> Squeezer:
        """Makes a small net cheap to send in as many steps."""
        return RateAware(training=replace(self.training, warmup=0.05))


def _search(scale: str, arch: str, steps: int, seeds: int) -> DimensionSearch:
    """That of `reproduce li`, with more steps: random labels take longer."""
    found = search(scale, arch)
    training = Steps(epochs=1e-3, min_steps=steps, batch_size=50)
    return replace(found, learner=replace(found.learner, training=training), seeds=seeds, start=64, precision=1.3)


def _steps(count: int) -> Steps:
    return Steps(epochs=1e-3, min_steps=count, batch_size=64)


_SMALL = ("mlp-1x1", "mlp-1x2", "mlp-1x4", "mlp-1x8")
DIMENSION = {
    "smoke": Size(
        "digits", 1100, ("mlp-1x1", "mlp-1x4"), "mlp-2x64", _steps(400), 3, 80, _search("smoke", "mlp-2x64", 200, 3)
    ),
    "cpu": Size("mnist", 4000, _SMALL, "mlp-2x200", _steps(600), 3, 200, _search("cpu", "mlp-2x200", 500, 3)),
    "full": Size(
        "mnist",
        None,
        (*_SMALL, "mlp-2x8", "mlp-1x16", "mlp-2x16", "mlp-1x32"),
        "mlp-2x200",
        Steps(epochs=10),
        5,
        10_000,
        _search("full", "mlp-2x200", 20_000, 3),
    ),
}


def dimension(job: Job) -> None:
    """Accuracy and bits of small nets and of subspaces by their number of parameters, and d_int90 of random labels."""
    size = DIMENSION[job.scale]
    points = [each for arch in size.small for each in _points(job, size, arch)]
    found = dict(zip(dict(NOISE), job.store.all([_dimension(job, size, *each) for each in NOISE]), strict=True))
    with drawing(columns=3, width=3.9, height=3.2) as (figure, axes):
        for each, what in zip(axes, ("test_accuracy", "total_bits"), strict=False):
            _draw(each, points, what)
        axes[0].set(ylabel="test accuracy", ylim=(0, 1.02))
        axes[0].legend(loc="lower right")
        axes[1].axhline(_uniform(points), color="grey", linestyle="--", linewidth=0.8, label="uniform code")
        axes[1].set(ylabel="bits of net and labels", ylim=(0, None))
        axes[1].legend(loc="lower right")
        _draw_dimensions(axes[2], found)
        titled(figure, points[0])
    job.store.figure("dimension", figure, _caption(job, size, points, found))


def _points(job: Job, size: Size, arch: str) -> list[dict[str, Any]]:
    settings = {
        **{"data": dataset(job, size.data), "labels": size.labels, "small": to_config(size.direct(arch))},
        **{"large": to_config(size.subspace), "squeezer": to_config(size.squeezer)},
    }
    return by_seed(job, f"dimension-{arch}", settings, size.seeds, partial(_compare, job, size, arch))


def _compare(job: Job, size: Size, arch: str, seed: int) -> dict[str, Any]:
    data = sample(job, dataset(job, size.data), size.labels, seed)
    small, large = replace(size.direct(arch), seed=seed), replace(size.subspace, seed=seed)
    direct, subspace = at_equal_size(small, large, data, size.squeezer)
    return about(data, size.subspace) | {"direct": asdict(direct), "subspace": asdict(subspace)}


def _dimension(job: Job, size: Size, name: str, share: float) -> Values:
    settings = {"search": to_config(size.search), "data": dataset(job, size.data), "labels": size.few_labels}
    return Values(f"dimension-{name}-labels", settings | {"share": share}, partial(_found, job, size, share))


def _found(job: Job, size: Size, share: float) -> dict[str, Any]:
    data = sample(job, dataset(job, size.data), size.few_labels, 0)
    [found] = dimensions_by_noise(size.search, data, [share])
    return about(data, size.search.learner) | found.report()


def _draw(axes: Axes, points: Points, what: str) -> None:
    for kind, colour, marker in (("direct", COLOURS[2], "o"), ("subspace", COLOURS[1], "s")):
        by_size: dict[int, list[float]] = {}
        for each in points:
            by_size.setdefault(each[kind]["num_parameters"], []).append(each[kind][what])
        ends = np.array([mean_interval(values) for values in by_size.values()])  # (sizes, 3)
        known = np.isfinite(ends).all()
        error = np.stack([ends[:, 0] - ends[:, 1], ends[:, 2] - ends[:, 0]]) if known else None
        label = {"direct": "small net", "subspace": "subspace of the large net"}[kind]
        axes.errorbar(list(by_size), ends[:, 0], error, label=label, color=colour, marker=marker, capsize=2)
    axes.set(xlabel="trained parameters", xscale="log")
    log_ticks(axes.xaxis)


def _draw_dimensions(axes: Axes, found: Mapping[str, Mapping[str, Any]]) -> None:
    for colour, (name, each) in zip(COLOURS[3:], found.items(), strict=False):
        trials: dict[int, list[float]] = {}
        for trial in each["trials"]:
            trials.setdefault(trial["dimension"], []).append(trial["accuracy"])
        there = sorted(trials)
        label = f"{name} labels: d_int90 {_shown(each)}"
        axes.plot(there, [np.mean(trials[d]) for d in there], marker="o", color=colour, label=label)
    axes.axhline(next(iter(found.values()))["threshold"], color="grey", linestyle="--", linewidth=0.8)
    count = next(iter(found.values()))["num_labels"]
    axes.set(xlabel="dimension of the subspace", xscale="log", ylim=(0, 1.3), ylabel=f"accuracy on {count:,} labels")
    axes.legend(loc="upper left")
    log_ticks(axes.xaxis)


def _shown(found: Mapping[str, Any]) -> str:
    if found["dimension"] is None:
        return "not reached"
    low, high = ("?" if each is None else f"{each:,.0f}" for each in found["interval"])
    return f"{found['dimension']:,.0f} ({low} .. {high})"


def _uniform(points: Points) -> float:
    return uniform_bits(points[0]["num_labels"], points[0]["num_classes"])


def _values(points: Points, kind: str, what: str, num_parameters: int) -> list[float]:
    return [each[kind][what] for each in points if each[kind]["num_parameters"] == num_parameters]


def _caption(job: Job, size: Size, points: Points, found: Mapping[str, Mapping[str, Any]]) -> str:
    at = sorted({each["direct"]["num_parameters"] for each in points})
    worse = [
        float(np.mean(_values(points, "direct", "test_accuracy", d)))
        < float(np.mean(_values(points, "subspace", "test_accuracy", d)))
        for d in at
    ]
    true, fake = (found[name]["dimension"] for name, _ in NOISE)
    ratio = fake / true if true and fake else None
    checks = [all(worse), fake is None or (true is not None and fake > true)]
    least = at[0]
    accuracies, bits = (
        {kind: _values(points, kind, what, least) for kind in ("direct", "subspace")}
        for what in ("test_accuracy", "total_bits")
    )
    sentence = (
        f"the small net is worse at {sum(worse)} of {len(worse)} equal sizes: with {least:,} parameters it reaches"
        f" {shown_interval([100 * each for each in accuracies['direct']])} %, the subspace"
        f" {shown_interval([100 * each for each in accuracies['subspace']])} % (means over seeds, 95 % intervals), in"
        f" {shown_interval(bits['direct'], ',.0f')} and {shown_interval(bits['subspace'], ',.0f')} bits; at"
        f" {at[-1]:,} parameters it is {np.mean(_values(points, 'direct', 'total_bits', at[-1])):,.0f} and"
        f" {np.mean(_values(points, 'subspace', 'total_bits', at[-1])):,.0f} bits. d_int90 of true labels is"
        f" {_shown(found['true'])}, of random ones {_shown(found['random'])}"
        f"{'' if ratio is None else f', {ratio:.1f} times as much'}, on the same {size.few_labels:,} inputs and net."
    )
    own = PUBLISHED["mnist", "mlp-2x200"]
    fake_dimension, fake_size = PUBLISHED_FAKE
    title = (
        "Li et al. 2018, Figure 4: small nets against random subspaces of a large one with as many trained parameters,"
        " and the intrinsic dimension of random labels, here by the accuracy on the labels that are learned. The notes'"
        f" 200 times compares different nets: {own:,} for 199,210 parameters and {fake_dimension:,} for {fake_size:,}."
    )
    reduced = sizes(
        job.scale,
        f"{size.labels} labels of the digits, {size.seeds} seeds, nets of 2 x 64.",
        f"{size.labels} labels of MNIST, {size.seeds} seeds.",
        f"all labels of MNIST, {size.seeds} seeds.",
    )
    return f"{title} {verdict(checks, sentence)} {reduced}"
