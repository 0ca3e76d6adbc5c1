"""Low paths between wide nets (Nguyen 2019), and gradient descent's linear convergence (Du et al. 2019)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from torch import nn

from mdlcode.codes import Geometric, Prequential, Temperature
from mdlcode.codes.schedule import Listed
from mdlcode.config import to_config
from mdlcode.data import Data, View
from mdlcode.learn.grid import Run, Setting, SettingLearner, Training, train
from mdlcode.learn.grid.forecasts import Recalled
from mdlcode.measures.phenomena.convergence import fitted_line, gradient_descent, gram
from mdlcode.measures.phenomena.paths import aligned, halving_path, linear_path
from mdlcode.papers import Job, sizes
from mdlcode.papers.denis.common import by_seed, dataset, mean_interval, sample, shown_interval, verdict
from mdlcode.papers.denis.drawn import band
from mdlcode.plots.style import COLOURS, drawing, log_ticks

KINDS = ("straight", "straight, units aligned", "through halves")
_LABELS = ("true labels", "random labels")
_POINTS = 11
_SLACK_BITS = 0.01  # a label, by which a path may rise above its ends and count as flat


@dataclass(frozen=True)
class Size:
    """Of the paths: labels, widths, steps; of the descent: labels, widths, steps; and the seeds of both."""

    data: str
    labels: int
    widths: tuple[int, ...]
    steps: int
    descent_labels: int
    descent_widths: tuple[int, ...]
    descent_steps: int
    code: Geometric
    seeds: int


PATHS = {
    "smoke": Size("digits", 200, (4, 8, 16, 32, 64), 200, 100, (20, 100, 1000), 200, Geometric(first=10, ratio=4), 3),
    "cpu": Size(
        "mnist", 1000, (4, 8, 16, 32, 64, 128, 256), 600, 150, (20, 200, 1000), 300, Geometric(first=10, ratio=4), 3
    ),
    "full": Size(
        "mnist", 10_000, (8, 32, 128, 512, 2048, 20_000), 10_000, 1000, (1000, 5000, 20_000), 2000, Geometric(8), 5
    ),
}


def paths(job: Job) -> None:
    """Heights of three paths by width with the bits of each width; log-loss against steps, and the fitted rate."""
    size = PATHS[job.scale]
    settings = {"data": dataset(job, size.data), "size": {**vars(size), "code": to_config(size.code)}}
    between = by_seed(job, "paths", settings, size.seeds, partial(_between, job, size))
    falls = by_seed(job, "paths-descent", settings, size.seeds, partial(_falls, job, size))
    with drawing(2, 2, width=4.6, height=3.1) as (figure, axes):
        _draw_heights(axes[0], size, between)
        _draw_profiles(axes[1], size, between)
        band(axes[2], size.widths, [each["bits_per_label"] for each in between], "nets", COLOURS[0], "o")
        axes[2].set(xscale="log", xlabel="hidden units", ylabel="bits a label, prequential code")
        log_ticks(axes[2].xaxis)
        _draw_falls(axes[3], size, falls)
        figure.suptitle(
            f"{between[0]['data']}, n = {size.labels:,}; gradient descent on {size.descent_labels:,} labels"
        )
    job.store.figure("paths", figure, _caption(job, size, between, falls))


def _between(job: Job, size: Size, seed: int) -> dict[str, Any]:
    data = sample(job, dataset(job, size.data), size.labels, seed)
    training = Training(steps=size.steps)
    found = [_of_width(data, training, width, seed, size.code) for width in size.widths]
    return {"data": data.name, "num_labels": len(data), **{key: [each[key] for each in found] for key in found[0]}}


def _of_width(data: Data, training: Training, width: int, seed: int, schedule: Geometric) -> dict[str, Any]:
    """Of two nets of a width that start from seeds of their own: their paths in bits a label, and their code's bits."""
    settings = [Setting(width=width, depth=1, seed=2 * seed + index) for index in (0, 1)]
    runs = [Run(one, data.labels, data.shared.moments, training.count(one.batch_size, len(data))) for one in settings]
    nets: list[nn.Module] = []
    for one, outcome in zip(settings, train(runs, data.shared.inputs, data.shared.num_classes, training), strict=True):
        nets.append(one.of(data.shared).to(data.shared.inputs.device))
        nets[-1].load_state_dict(outcome.state)
    first, second = nets
    ways = (linear_path(first, second), linear_path(first, aligned(second, first)), halving_path(first, second, data))
    losses = {kind: (way.losses(data, _POINTS) / math.log(2)).tolist() for kind, way in zip(KINDS, ways, strict=True)}
    code = Prequential((SettingLearner(settings[0], training),), schedule, Temperature())
    straight = losses[KINDS[0]]
    return {
        **losses,
        "ends": [straight[0], straight[-1]],
        "bits_per_label": code.codelength(data).bits_per_label,
    }


def _falls(job: Job, size: Size, seed: int) -> dict[str, Any]:
    """Gradient descent on true labels, of the upper half of the classes, and on random ones; their codes' bits."""
    whole = sample(job, dataset(job, size.data), size.descent_labels, seed)
    true = View(binary=True, order_seed=None).of(whole)
    fake = replace(true, labels=np.random.default_rng(seed).integers(2, size=len(true)))
    flat = whole.shared.inputs.flatten(1).float()
    inputs = F.normalize(flat - flat.mean(0), dim=1)
    eigenvalues = np.linalg.eigvalsh(gram(inputs))
    rate = float(1 / eigenvalues[-1])
    found: dict[str, Any] = {"rate": rate, "bound": rate * float(eigenvalues[0]) / 2}
    for name, data in zip(_LABELS, (true, fake), strict=True):
        targets = torch.from_numpy(2.0 * data.labels - 1).float().to(inputs.device)
        runs = [gradient_descent(inputs, targets, m, rate, size.descent_steps, seed) for m in size.descent_widths]
        probs = _forecast(inputs, targets, size, rate, seed)
        code = Prequential((Recalled(probs),), Listed(tuple(_stops(size)[:-1])), Temperature())
        found[name] = {
            "losses": [run.losses.tolist() for run in runs],
            "lines": [vars(fitted_line(run.losses)) for run in runs],
            "moved": [run.moved for run in runs],
            "flipped": [run.flipped for run in runs],
            "bits_per_label": code.codelength(data).bits_per_label,
        }
    return found


def _stops(size: Size) -> list[int]:
    return size.code.stops(size.descent_labels)


def _forecast(inputs: torch.Tensor, targets: torch.Tensor, size: Size, rate: float, seed: int) -> Any:
    """Probabilities (n, 2) of labels by the widest net, each block by the net that learned the labels before it."""
    stops = _stops(size)
    scores = torch.zeros(len(targets))
    for start, stop in pairwise(stops):
        known = inputs[:start], targets[:start]
        net = gradient_descent(*known, size.descent_widths[-1], rate, size.descent_steps, seed)
        scores[start:stop] = net.predict(inputs[start:stop]).cpu()
    return torch.stack([-scores, scores], 1).double().softmax(1).numpy()


def _heights(size: Size, between: Sequence[Mapping[str, Any]], kind: str) -> list[list[float]]:
    """The highest value (seeds, widths) of each path, in bits a label."""
    return [[max(losses) for losses in each[kind]] for each in between]


def _draw_heights(axes: Axes, size: Size, between: Sequence[Mapping[str, Any]]) -> None:
    for kind, colour in zip(KINDS, COLOURS[1:], strict=False):
        band(axes, size.widths, _heights(size, between, kind), kind, colour, "o")
    ends = [[max(each) for each in one["ends"]] for one in between]
    band(axes, size.widths, ends, "the worse of its ends", COLOURS[0], "s")
    axes.set(xscale="log", yscale="log", xlabel="hidden units", ylabel="height of the path [bits a label]")
    axes.legend(loc="lower left")
    log_ticks(axes.xaxis)


def _draw_profiles(axes: Axes, size: Size, between: Sequence[Mapping[str, Any]]) -> None:
    at = len(size.widths) // 2
    for kind, colour in zip(KINDS, COLOURS[1:], strict=False):
        losses = between[0][kind][at]
        axes.plot(np.linspace(0, 1, len(losses)), losses, color=colour, label=kind)
    axes.set(xlabel="along the path", ylabel="bits a label", title=f"{size.widths[at]} hidden units, first seed")


def _draw_falls(axes: Axes, size: Size, falls: Sequence[Mapping[str, Any]]) -> None:
    for name, style in zip(_LABELS, ("-", "--"), strict=True):
        for index, (width, colour) in enumerate(zip(size.descent_widths, COLOURS[1:], strict=False)):
            curve = np.mean([np.log10(np.maximum(each[name]["losses"][index], 1e-30)) for each in falls], axis=0)
            label = f"m = {width:,}" if style == "-" else None
            axes.plot(10**curve, linestyle=style, color=colour, label=label)
    first = np.mean([each[_LABELS[0]]["losses"][-1][0] for each in falls])
    bound = np.mean([each["bound"] for each in falls])
    steps = np.arange(size.descent_steps + 1)
    axes.plot(steps, first * (1 - bound) ** steps, color=COLOURS[0], linestyle=":", label="the theorem's bound")
    axes.set(yscale="log", xlabel="step", ylabel="squared loss", title="dashed: random labels")
    axes.set_ylim(bottom=max(1e-8, axes.get_ylim()[0]))
    axes.legend()


def _caption(job: Job, size: Size, between: Sequence[Mapping[str, Any]], falls: Sequence[Mapping[str, Any]]) -> str:
    rise = {
        kind: np.mean(
            [
                [high - max(ends) for high, ends in zip(row, each["ends"], strict=True)]
                for row, each in zip(_heights(size, between, kind), between, strict=True)
            ],
            axis=0,
        )
        for kind in KINDS
    }
    lines = {name: [each[name]["lines"][-1] for each in falls] for name in _LABELS}
    rates = {name: [line["rate"] for line in lines[name]] for name in _LABELS}
    bits = {name: [each[name]["bits_per_label"] for each in falls] for name in _LABELS}
    bound = float(np.mean([each["bound"] for each in falls]))
    halves, straight = rise[KINDS[2]], rise[KINDS[0]]
    flat = [width for width, high in zip(size.widths, halves, strict=True) if high <= _SLACK_BITS]
    checks = [
        bool(flat) and size.widths[-1] in flat,
        straight[-1] < straight.max(),
        rise[KINDS[1]][-1] < straight[-1],
        min(min(each) for each in rates.values()) >= bound,
        np.mean(bits[_LABELS[0]]) < np.mean(bits[_LABELS[1]]),
    ]
    title = (
        "Nguyen 2019: two nets of one hidden layer, started apart, joined in weight space by straight lines: one line;"
        " one line to the second net with its hidden units permuted to match the first's; and five lines through the"
        " best outputs on half of the units of each net, on which the loss is nowhere above the nets' and their"
        " halves', as it is convex in the output weights. Du et al. 2019 (the notes cite Santurkar et al. for it: these"
        " two citations are swapped): gradient descent on the first layer of a wide ReLU net of two."
    )
    rising = "; ".join(f"{kind} {', '.join(f'{high:.3f}' for high in rise[kind])}" for kind in KINDS)
    lowest = f"from {flat[0]} units on" if flat else "at none of these widths"
    explained = 100 * mean_interval([line["r2"] for line in lines[_LABELS[0]]])[0]
    (true, fake), (real, noise) = (
        [shown_interval(each[name], form) for name in _LABELS] for each, form in ((rates, ".4f"), (bits, ".3f"))
    )
    sentence = (
        f"the path through halves rises at most {_SLACK_BITS} bits a label above its ends {lowest} (the theorem asks"
        f" for {2 * size.labels:,}); mean rise at {', '.join(map(str, size.widths))} units: {rising}. The loss of m ="
        f" {size.descent_widths[-1]:,} units shrinks by {true} of itself a step on true and {fake} on random labels"
        f" (the bound: {bound:.4f}), a line through its logarithm explains {explained:.0f} % of its variance; the"
        f" prequential code of that net takes {real} and {noise} bits a label."
    )
    reduced = sizes(
        job.scale,
        f"{size.labels} labels of the digits, {size.steps} steps, {size.seeds} seeds.",
        f"{size.labels:,} labels of MNIST, {size.steps:,} steps, {size.seeds} seeds.",
        f"{size.labels:,} labels of MNIST, {size.steps:,} steps, {size.seeds} seeds.",
    )
    return f"{title} {verdict(checks, sentence)} {reduced} Both papers are theory; the settings are ours."
