"""Double descent of three learners (Belkin et al. 2019), and what codelengths do across the peak."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mdlcode.codes import Geometric
from mdlcode.config import to_config
from mdlcode.data import Data
from mdlcode.learn import Steps
from mdlcode.measures.phenomena.descent import FourierLearner, Point, across, bayes_bits, each_alone, forest
from mdlcode.measures.phenomena.square_nets import SquareNet, SquareNets
from mdlcode.papers import Job, sizes
from mdlcode.papers.denis.common import by_seed, dataset, sample, shown_interval, verdict
from mdlcode.papers.denis.drawn import band
from mdlcode.plots.style import COLOURS, drawing, log_ticks

FEATURES, NETS, FORESTS = "random Fourier features", "nets of one hidden layer", "random forests"
_NEAR = 1.5  # a peak this close to where it must be, as a factor, is there


@dataclass(frozen=True)
class Size:
    """Labels for learning and testing, the sizes of the three learners, the code's time steps, and seeds.

    Features are in shares of the labels n, so that 1 is the threshold; widths are hidden units; forests are pairs of
    the most leaves, as a share of n, and the number of trees.
    """

    data: str
    labels: int
    net_labels: int
    test_labels: int
    features: tuple[float, ...]
    widths: tuple[int, ...]
    epochs: float
    forests: tuple[tuple[float, int], ...]
    code: Geometric
    seeds: int


_FEATURES = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.3, 2.0, 4.0, 8.0)
_FORESTS = ((0.02, 1), (0.05, 1), (0.1, 1), (0.25, 1), (1.0, 1), (1.0, 2), (1.0, 5), (1.0, 20))
DESCENT = {
    "smoke": Size(
        *("digits", 150, 150, 500, _FEATURES, (3, 8, 14, 18, 22, 40, 120), 400.0, _FORESTS),
        *(Geometric(first=10, ratio=4), 2),
    ),
    "cpu": Size(
        *("mnist", 1000, 1000, 2000, _FEATURES, (2, 4, 6, 8, 10, 12, 14, 18, 30, 60, 120), 250.0, _FORESTS),
        *(Geometric(first=16, ratio=4), 3),
    ),
    "full": Size(
        *("mnist", 10_000, 4000, 10_000, (0.01, *_FEATURES[:-1], 6.0)),
        *((5, 10, 20, 30, 40, 45, 50, 55, 70, 100, 200, 500, 1000), 6000.0, (*_FORESTS, (1.0, 100))),
        *(Geometric(first=10), 5),
    ),
}


def descent(job: Job) -> None:
    """Errors, squared losses, norms and bits of three learners by size."""
    size = DESCENT[job.scale]
    found = {
        name: by_seed(job, f"descent-{key}", _settings(job, size), size.seeds, partial(one, job, size))
        for name, (key, one) in _LEARNERS.items()
    }
    with drawing(3, 3, width=4.0, height=2.7) as (figure, axes):
        for row, (name, seeds) in enumerate(found.items()):
            _draw(axes[3 * row : 3 * row + 3], name, seeds)
        labels = (
            f"{size.labels:,}"
            if size.labels == size.net_labels
            else f"{size.labels:,}, of the nets {size.net_labels:,}"
        )
        figure.suptitle(f"{found[NETS][0]['data']}, n = {labels}")
    job.store.figure("descent", figure, _caption(job, size, found))


def _settings(job: Job, size: Size) -> dict[str, Any]:
    return {"data": dataset(job, size.data), "size": {**vars(size), "code": to_config(size.code)}}


def _data(job: Job, size: Size, labels: int, seed: int) -> Data:
    """So many labels, and a part of the test set."""
    data = sample(job, dataset(job, size.data), labels, seed)
    assert data.test_inputs is not None
    assert data.test_labels is not None
    few = min(size.test_labels, len(data.test_labels))
    return Data(data.name, data.shared, data.labels, data.test_inputs[:few], data.test_labels[:few])


def _fourier(job: Job, size: Size, seed: int) -> dict[str, Any]:
    data = _data(job, size, size.labels, seed)
    learners = [FourierLearner(max(1, round(share * len(data))), seed=seed) for share in size.features]
    closed = [
        bayes_bits(each.features(data.shared), data.labels, data.shared.num_classes) / len(data) for each in learners
    ]
    points = across(each_alone(learners), data, size.code)
    return _stored(data, [each.num_features for each in learners], len(data), points) | {"closed_form": closed}


def _nets(job: Job, size: Size, seed: int) -> dict[str, Any]:
    data = _data(job, size, size.net_labels, seed)
    training = Steps(epochs=size.epochs, min_steps=1, max_steps=10**9)
    nets = SquareNets(size.widths, training, seed=seed)
    points = across(nets, data, size.code)
    learned = [point.predictor for point in points]
    two_part = [net.two_part_bits(data) / len(data) for net in learned if isinstance(net, SquareNet)]
    threshold = len(data) * data.shared.num_classes
    return _stored(data, nets.num_parameters(data.shared), threshold, points) | {"two_part": two_part}


def _forests(job: Job, size: Size, seed: int) -> dict[str, Any]:
    data = _data(job, size, size.labels, seed)
    grown = [(max(2, round(share * len(data))), trees) for share, trees in size.forests]
    points = across(each_alone([forest(leaves, trees, seed) for leaves, trees in grown]), data, size.code)
    return _stored(data, [leaves * trees for leaves, trees in grown], len(data), points)


_LEARNERS = {FEATURES: ("features", _fourier), NETS: ("nets", _nets), FORESTS: ("forests", _forests)}
_COLUMNS = ("train_error", "test_error", "train_square", "test_square")
_AXES = {FEATURES: "features N", NETS: "parameters", FORESTS: "most leaves x trees"}


def _stored(data: Data, grown: Sequence[int], threshold: int, points: Sequence[Point]) -> dict[str, Any]:
    columns = {key: [getattr(each, key) for each in points] for key in _COLUMNS}
    if np.isfinite(points[0].norm):
        columns["norm"] = [each.norm for each in points]
    columns["bits_per_label"] = [each.prequential_bits / len(data) for each in points]
    return {"data": data.name, "num_labels": len(data), "sizes": list(grown), "threshold": threshold, **columns}


def _draw(axes: Sequence[Axes], name: str, seeds: Sequence[Mapping[str, Any]]) -> None:
    grown = seeds[0]["sizes"]

    def curve(each: Axes, key: str, label: str, colour: str) -> None:
        band(each, grown, [one[key] for one in seeds], label, colour, "o")

    curve(axes[0], "test_error", "test", COLOURS[1])
    curve(axes[0], "train_error", "train", COLOURS[0])
    axes[0].set(ylabel="error", title=name)
    curve(axes[1], "test_square", "test, squared loss", COLOURS[1])
    if "norm" in seeds[0]:
        curve(axes[1], "norm", "norm of the weights", COLOURS[2])
    axes[1].set_yscale("log")
    curve(axes[2], "bits_per_label", "prequential, this learner", COLOURS[3])
    if "closed_form" in seeds[0]:
        curve(axes[2], "closed_form", "Bayes on these features", COLOURS[4])
    axes[2].set_ylabel("bits a label")
    if "two_part" in seeds[0]:
        curve(axes[2], "two_part", "two-part, these weights", COLOURS[5])
        axes[2].set_yscale("log")
    for each in axes:
        each.axvline(seeds[0]["threshold"], color="grey", linestyle=":")
        each.set(xscale="log", xlabel=_AXES[name])
        log_ticks(each.xaxis)
        each.legend()


def _peak(seeds: Sequence[Mapping[str, Any]], key: str) -> tuple[int, float, float, float]:
    """Of the means over seeds: where they are highest after their least value below the threshold, how high, that
    least value, and the last of all.
    """
    means = np.mean([each[key] for each in seeds], axis=0)
    below = int(np.searchsorted(seeds[0]["sizes"], seeds[0]["threshold"]))
    least = int(means[: max(1, below)].argmin())
    top = least + int(means[least:].argmax())
    return seeds[0]["sizes"][top], float(means[top]), float(means[least]), float(means[-1])


def _caption(job: Job, size: Size, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    checks, told = [], []
    for name, seeds in found.items():
        place, top, before, last = _peak(seeds, "test_square")
        threshold = seeds[0]["threshold"]
        checks += [threshold / _NEAR <= place <= _NEAR * threshold, last < before < top]
        told.append(
            f"{name}: the test's squared loss falls to {before:.2f}, is {top:,.2f} again at {place:,} (threshold"
            f" {threshold:,}) and ends with {last:.2f}"
        )
        if "norm" in seeds[0]:
            norms = np.mean([each["norm"] for each in seeds], axis=0)
            checks.append(norms[-1] < norms.max())
            told[-1] += f", the norm's highest value is {norms.max():,.1f} and its last {norms[-1]:,.1f}"
    bits = "; ".join(_of_bits(name, seeds) for name, seeds in found.items())
    title = (
        "Belkin et al. 2019 (Figures 17 and 18 of the notes): errors, squared losses and norms as a learner grows past"
        " the size (dotted) at which it can just fit n labels of K classes, N = n features and n K parameters. Weights"
        " of smaller nets are reused up to there, as in the paper: part of the fall right after it is the new start."
        " Bits: the prequential code of the same learner by size; for the features also the closed form of Bayesian"
        " regression on them, and for the nets the two-part bits of the weights at hand, rounded to 16 values. In the"
        " code each size meets its own peak at the time step of so many labels, one block of several."
    )
    sentence = f"{'; '.join(told)}. Bits a label (means over seeds, 95 % intervals): {bits}."
    nets = f"{size.net_labels:,} for the nets of {size.epochs:,.0f} epochs"
    reduced = sizes(
        job.scale,
        f"{size.labels} labels of the digits, {size.seeds} seeds (the paper: MNIST, 10,000, and 4,000 for nets).",
        f"{size.labels:,} labels of MNIST ({nets}), {size.seeds} seeds (the paper: 10,000, and 4,000 for nets).",
        f"{size.labels:,} labels of MNIST ({nets}), {size.seeds} seeds.",
    )
    return f"{title} {verdict(checks, sentence)} {reduced}"


def _of_bits(name: str, seeds: Sequence[Mapping[str, Any]]) -> str:
    """The bits of the best size below the threshold, of the nearest to it, and of the last."""
    grown, threshold = np.array(seeds[0]["sizes"]), seeds[0]["threshold"]
    at = int(np.abs(np.log(grown / threshold)).argmin())

    def told(key: str, label: str) -> str:
        means = np.mean([each[key] for each in seeds], axis=0)
        best, worst = int(means[: max(1, at)].argmin()), int(means.argmax())
        texts = [shown_interval([each[key][index] for each in seeds], ".2f") for index in (best, at, len(grown) - 1)]
        return (
            f"{label} {texts[0]} at the best size below the threshold, {texts[1]} at it, {texts[2]} at the largest, and"
            f" most at {grown[worst]:,}"
        )

    extra = {"closed_form": "Bayes on them", "two_part": "two-part"}
    more = [told(key, label) for key, label in extra.items() if key in seeds[0]]
    return "; ".join([told("bits_per_label", f"{name}, prequential"), *more])
