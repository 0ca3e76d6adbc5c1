"""Which layers matter (Zhang, Bengio & Singer 2019)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mdlcode.config import to_config
from mdlcode.learn import NetLearner, RateAware, Sgd, Squeezer, Steps
from mdlcode.measures.phenomena.layers import layer_bits, layer_robustness
from mdlcode.papers import Job, sizes
from mdlcode.papers.denis.common import about, by_seed, dataset, sample, shown_interval, titled, verdict
from mdlcode.papers.denis.drawn import points
from mdlcode.plots.style import COLOURS, drawing

PUBLISHED = (  # of an MLP of 3 x 256 on a part of MNIST, in a repetition of the experiment (L. Weng): layer by layer
    "test accuracy 95.9 %, with a layer at its first weights 56.6, 92.0, 94.5 and 96.2 %, drawn anew 4 to 10 %"
)
_SMALL = 0.1  # of the accuracy lost: no more than this is robust

Seeds = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Size:
    """Labels of a data set, what learns them, the epochs to go back to, what squeezes the net, and seeds."""

    data: str
    labels: int | None
    learner: NetLearner
    epochs: tuple[float, ...]
    squeezer: Squeezer
    seeds: int


def _learner(arch: str, epochs: float, lr: float, batch_size: int) -> NetLearner:
    training = Steps(epochs=epochs, min_steps=1, batch_size=batch_size, warmup=0.05)
    return NetLearner(arch, training, Sgd(lr=lr, weight_decay=0.0))


def _squeezer(steps: int) -> RateAware:
    return RateAware(training=Steps(epochs=1e-3, min_steps=steps, warmup=0.05))


LAYERS = {
    "smoke": Size("digits", 800, _learner("mlp-3x64", 40, 0.05, 32), (0, 1, 2, 8), _squeezer(600), 2),
    "cpu": Size("mnist", 4000, _learner("mlp-3x256", 40, 0.02, 64), (0, 1, 2, 8, 32), _squeezer(1000), 3),
    "full": Size(
        "mnist", None, _learner("mlp-3x256", 100, 0.02, 128), (0, 1, 2, 8, 32, 40, 64, 90), _squeezer(20_000), 5
    ),
}


def layers(job: Job) -> None:
    """Test accuracy with one layer set back or drawn anew, beside the bits that it takes."""
    size = LAYERS[job.scale]
    settings = {
        **{"data": dataset(job, size.data), "labels": size.labels, "learner": to_config(size.learner)},
        **{"epochs": size.epochs, "squeezer": to_config(size.squeezer)},
    }
    robust = by_seed(job, "layers-reset", settings, size.seeds, partial(_reset, job, size))
    bits = by_seed(job, "layers-bits", settings, size.seeds, partial(_bits, job, size))
    with drawing(columns=2, width=5.0, height=3.2) as (figure, axes):
        _draw_resets(figure, axes[0], robust)
        by_layer = [[each["by_layer"][name] for each in bits] for name in bits[0]["by_layer"]]
        points(axes[1], [f"layer {name}" for name in bits[0]["by_layer"]], by_layer, [COLOURS[1]] * len(by_layer))
        axes[1].set(xlabel="bits of the layer, squeezed as by code compressed", xlim=(0, None))
        titled(figure, robust[0])
    job.store.figure("layers", figure, _caption(job, size, robust, bits))


def _reset(job: Job, size: Size, seed: int) -> dict[str, Any]:
    data = sample(job, dataset(job, size.data), size.labels, seed)
    return about(data, size.learner) | asdict(layer_robustness(replace(size.learner, seed=seed), data, size.epochs))


def _bits(job: Job, size: Size, seed: int) -> dict[str, Any]:
    data = sample(job, dataset(job, size.data), size.labels, seed)
    found = layer_bits(replace(size.learner, seed=seed), data, size.squeezer)
    return about(data, size.learner) | asdict(found) | {"total_bits": found.total_bits}


def _draw_resets(figure: Figure, axes: Axes, robust: Seeds) -> None:
    """A row for each layer, a column for each epoch it is set back to, the last one for fresh draws."""
    rows = robust[0]["layers"]
    accuracies = np.array([[_row(layer) for layer in each["layers"]] for each in robust]).mean(
        0
    )  # (layers, epochs + 1)
    shown = axes.imshow(100 * accuracies, cmap="magma", vmin=0, vmax=100, aspect="auto")
    for row, column in np.ndindex(*accuracies.shape):
        value = accuracies[row, column]
        axes.text(
            column, row, f"{100 * value:.0f}", ha="center", va="center", color="black" if value > 0.6 else "white"
        )
    axes.set_xticks(range(accuracies.shape[1]), [*(f"{each:g}" for each in rows[0]["reset_epochs"]), "drawn anew"])
    axes.set_yticks(range(len(rows)), [f"{layer['name']}\n{layer['num_parameters']:,}" for layer in rows])
    axes.set(xlabel="epoch that the layer is set back to", ylabel="layer, parameters")
    axes.grid(visible=False)
    figure.colorbar(shown, ax=axes, label="test accuracy (%)")


def _row(layer: Mapping[str, Any]) -> list[float]:
    return [*layer["reset_accuracies"], float(np.mean(layer["redrawn_accuracies"]))]


def _lost(robust: Seeds, layer: int) -> list[float]:
    """The share of the accuracy that each seed's net loses with the layer at its first weights."""
    return [1 - each["layers"][layer]["reset_accuracies"][0] / each["test_accuracy"] for each in robust]


def _caption(job: Job, size: Size, robust: Seeds, bits: Seeds) -> str:
    names = [layer["name"] for layer in robust[0]["layers"]]
    lost = [float(np.mean(_lost(robust, layer))) for layer in range(len(names))]
    redrawn = [float(np.mean([_row(each["layers"][layer])[-1] for each in robust])) for layer in range(len(names))]
    own = [100 * each["test_accuracy"] for each in robust]
    shares = [
        float(np.mean([each["by_layer"].get(name, 0.0) / sum(each["by_layer"].values()) for each in bits]))
        for name in names
    ]
    checks = [
        lost[0] == max(lost) and lost[0] > _SMALL,
        all(each < _SMALL for each in lost[1:]),
        max(redrawn) < 0.5 * np.mean(own) / 100,
        shares[0] == max(shares),
    ]
    told = ", ".join(
        f"layer {name} loses {shown_interval([100 * each for each in _lost(robust, index)])} % and takes"
        f" {100 * shares[index]:.0f} % of the layers' bits"
        for index, name in enumerate(names)
    )
    sentence = (
        f"of a test accuracy of {shown_interval(own)} % (mean over seeds, 95 % interval), set back to its first weights"
        f" {told}; drawn anew, a layer leaves at most {100 * max(redrawn):.0f} %. The squeezed net and the labels take"
        f" {shown_interval([each['total_bits'] for each in bits], ',.0f')} bits."
    )
    title = (
        "Zhang, Bengio & Singer 2019: a trained net with one layer set back to an earlier epoch, or drawn anew from the"
        " law of its own first weights, and the bits that the layer takes when the same net is squeezed, at a price of"
        f" 1. Published: {PUBLISHED}; that repetition draws anew from a uniform law on 0 .. 1, which is not the net's."
    )
    reduced = sizes(
        job.scale,
        f"{size.labels} labels of the digits, {size.seeds} seeds.",
        f"{size.labels} labels of MNIST, {size.learner.training.epochs:g} epochs, {size.seeds} seeds.",
        f"all labels of MNIST, {size.learner.training.epochs:g} epochs, {size.seeds} seeds; the paper has VGG and"
        " ResNet too.",
    )
    return f"{title} {verdict(checks, sentence)} {reduced}"
