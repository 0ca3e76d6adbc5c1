"""The XOR detection problem (Brutzkus & Globerson 2019): wide nets explore, cluster, and generalize better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mdlcode.codes import Geometric, Prequential, Temperature
from mdlcode.config import to_config
from mdlcode.measures.phenomena.training import accuracy
from mdlcode.measures.phenomena.xor import PATTERNS, XorLearner, clustering, explored, xor_detection
from mdlcode.papers import Job, sizes
from mdlcode.papers.denis.common import by_seed, mean_interval, shown_interval, verdict
from mdlcode.papers.denis.drawn import points
from mdlcode.plots.style import COLOURS, drawing

LARGE = 100
STARTED = f"k = 2 from {LARGE}'s"  # cluster centres
_PATTERNS, _DIVERSE, _TEST, _SEED_OF_TEST = 8, 0.98, 2000, 1 << 32
_CODE = Geometric(first=8)


@dataclass(frozen=True)
class Size:
    """Labels, steps of gradient descent at most, and seeds."""

    labels: int
    steps: int
    seeds: int


XOR = {"smoke": Size(50, 400, 5), "cpu": Size(100, 1500, 20), "full": Size(1000, 20_000, 100)}


def cases(steps: int) -> dict[str, XorLearner]:
    """The nets by what a figure calls them: k channels of each sign, the step falling with k as the theory asks."""
    nets = {f"k = {k}": XorLearner(k, lr=min(0.05, 1 / k), max_steps=steps) for k in (2, 4, 50, LARGE)}
    return nets | {STARTED: XorLearner(2, centres_of=LARGE, lr=0.01, max_steps=steps)}


def xor(job: Job) -> None:
    """Channels at the start and the end, errors and prequential bits by the number of channels."""
    size = XOR[job.scale]
    nets = cases(size.steps)
    found = {name: _measured(job, size, index, learner) for index, (name, learner) in enumerate(nets.items())}
    with drawing(2, 3, width=3.9, height=3.2) as (figure, axes):
        _draw_channels(axes[0], found["k = 50"][0]["start"], "k = 50 at the start (scaled up)")
        _draw_channels(axes[1], found["k = 50"][0]["end"], "k = 50 at the end")
        _draw_channels(axes[2], found["k = 2"][0]["end"], "k = 2 at the end")
        told = ("test_error", "test error"), ("hard_error", "error, points that are not diverse"), _BITS
        for each, (column, label) in zip(axes[3:], told, strict=True):
            points(each, list(found), [[one[column] for one in seeds] for seeds in found.values()], COLOURS)
            each.set_xlabel(label)
            each.grid(visible=False, axis="y")
        figure.suptitle(f"XOR detection, d = {_PATTERNS} patterns, n = {size.labels:,}, {size.seeds} seeds")
    job.store.figure("xor", figure, _caption(job, size, found))


_BITS = ("bits_per_label", "bits a label, prequential code")


def _measured(job: Job, size: Size, index: int, learner: XorLearner) -> list[dict[str, Any]]:
    settings = {"learner": to_config(learner), "labels": size.labels, "patterns": _PATTERNS, "diverse": _DIVERSE}
    return by_seed(job, f"xor-{index}", settings, size.seeds, partial(_one, size.labels, learner))


def _one(labels: int, learner: XorLearner, seed: int) -> dict[str, Any]:
    own = replace(learner, seed=seed)
    data = xor_detection(labels, _PATTERNS, _DIVERSE, seed)
    test, hard = (xor_detection(_TEST, _PATTERNS, share, seed + _SEED_OF_TEST) for share in (_DIVERSE, 0.0))
    learned = own.fit(data.shared, data.labels)
    train, other, rare = (1 - accuracy(learned, each.shared.inputs, each.labels) for each in (data, test, hard))
    code = Prequential((own,), _CODE, Temperature())
    return {
        **{"num_labels": labels, "train_error": train, "test_error": other, "hard_error": rare, "loss": learned.loss},
        **{"explored": explored(learned.start), "clustering": clustering(learned.net)},
        "bits_per_label": code.codelength(data).bits_per_label,
        "start": [each.detach().tolist() for each in (learned.start.positive, learned.start.negative)],
        "end": [each.detach().tolist() for each in (learned.net.positive, learned.net.negative)],
    }


def _draw_channels(axes: Axes, channels: Sequence[Sequence[Sequence[float]]], title: str) -> None:
    """The vectors w_i in blue and u_i in red, longest of length 1, and the directions of the patterns."""
    longest = max(np.linalg.norm(each, axis=1).max() for each in map(np.array, channels))
    for pattern in PATTERNS.numpy():
        axes.plot([0, pattern[0]], [0, pattern[1]], color="grey", linestyle=":", linewidth=0.8)
    for own, name, colour in zip(channels, ("w", "u"), (COLOURS[1], COLOURS[2]), strict=True):
        ends = np.array(own) / longest
        for x, y in ends:
            axes.plot([0, x], [0, y], color=colour, linewidth=1)
        axes.plot(ends[:, 0], ends[:, 1], marker="o", linestyle="", color=colour, markersize=3, label=name)
    axes.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), aspect="equal", title=title)
    axes.legend(loc="upper right")


def _caption(job: Job, size: Size, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    def column(name: str, what: str) -> list[float]:
        return [each[what] for each in found[name]]

    def mean(name: str, what: str) -> float:
        return mean_interval(column(name, what))[0]

    small, large, started = "k = 2", f"k = {LARGE}", STARTED
    near = abs(mean(started, "test_error") - mean(large, "test_error"))
    checks = [
        mean(small, "explored") < 4 == mean(large, "explored"),
        mean("k = 50", "clustering") > 0.9,
        mean(large, "test_error") < mean(small, "test_error"),
        near < abs(mean(started, "test_error") - mean(small, "test_error")),
        max(mean(large, "bits_per_label"), mean(started, "bits_per_label")) < mean(small, "bits_per_label"),
    ]
    told = "; ".join(
        f"{name} {shown_interval([100 * each for each in column(name, 'test_error')])} % and"
        f" {shown_interval(column(name, 'bits_per_label'), '.3f')} bits"
        for name in found
    )
    covered = {name: np.mean([each == 4 for each in column(name, "explored")]) for name in (small, large)}
    title = (
        "Brutzkus & Globerson 2019 (Figures 14 and 15 of the notes): the net is a 3-layer one, a convolution of k"
        " channels w and k channels u, max-pooling and fixed output weights, not a 2-layer MLP as the notes have it. At"
        f" the start {100 * covered[small]:.0f} % of the nets of k = 2 and {100 * covered[large]:.0f} % of those of"
        f" k = {LARGE} have a channel for each of the four patterns; after training of k = 50 the mean cosine of"
        f" channels with the nearest pattern is {mean('k = 50', 'clustering'):.2f}. The last net starts from the four"
        f" cluster centres of one of k = {LARGE}."
    )
    sentence = f"test error, and prequential bits a label (means over seeds, 95 % intervals): {told}."
    reduced = sizes(
        job.scale,
        f"{size.labels} labels of d = {_PATTERNS} patterns, {size.seeds} seeds, {size.steps:,} steps at most.",
        f"{size.labels} labels of d = {_PATTERNS} patterns, {size.seeds} seeds, {size.steps:,} steps at most.",
        f"{size.labels:,} labels of d = {_PATTERNS} patterns, {size.seeds} seeds, {size.steps:,} steps at most.",
    )
    return (
        f"{title} {verdict(checks, sentence)} {reduced} The paper's own sizes are not in the notes; its net on MNIST is"
        " left out."
    )
