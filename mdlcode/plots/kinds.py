"""The figures that `mdlcode plot` draws, by name: each from stored runs to a figure."""

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mdlcode.errors import MdlError, in_one_line, printable
from mdlcode.experiments.stored import Stored
from mdlcode.files import read_plain_json
from mdlcode.plots.bounds import bounds_of_codes
from mdlcode.plots.compression import u_shape
from mdlcode.plots.curves import accuracy_by_block, bits_by_block, compression_ratio, regret_to_uniform
from mdlcode.plots.dimension import draw_dimensions
from mdlcode.plots.experts import expert_weights
from mdlcode.plots.parts import bits_by_part
from mdlcode.plots.style import drawing
from mdlcode.plots.sweep import total_bits_over

if TYPE_CHECKING:
    Panel = Callable[[Axes, Sequence[Stored]], Axes]


def four_panels(runs: Sequence[Stored]) -> Figure:
    """Figure 2 of Blier & Ollivier 2018: bits and accuracy of each block, regret to uniform, compression ratio.

    Real-valued targets have no accuracy, and its panel is empty.
    """
    panels = bits_by_block, regret_to_uniform, accuracy_by_block, compression_ratio
    with drawing(2, 2) as (figure, axes):
        for each, panel in zip(axes, panels, strict=True):
            if panel is accuracy_by_block and any(run.result.precision is not None for run in runs):
                each.set_axis_off()
            elif legend := panel(each, runs).get_legend():
                legend.remove()
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper")
        figure.suptitle(about(runs))
    return figure


def weights(runs: Sequence[Stored]) -> Figure:
    """The experts' weights of each run that has several experts. Raises MdlError where none has."""
    switched = [run for run in runs if run.expert_weights.shape[1] > 1] or list(runs[:1])
    with drawing(len(switched), 1, width=6.5, height=2.8) as (figure, axes):
        for each, run in zip(axes, switched, strict=True):
            expert_weights(each, run)
            each.set_title(f"{run.name}, {about([run])}")
    return figure


def about(runs: Sequence[Stored]) -> str:
    """The data sets of the runs, and how many labels."""
    return "; ".join(dict.fromkeys(f"{run.result.dataset}, n = {run.result.num_labels:,}" for run in runs))


def parts(runs: Sequence[Stored]) -> Figure:
    """Where the bits of each code go, as high as there are codes."""
    with drawing(width=7.0, height=1.4 + 0.42 * len(runs)) as (figure, [axes]):
        bits_by_part(axes, runs)
        figure.suptitle(about(runs))
    return figure


def _one(panel: "Panel") -> Callable[[Sequence[Stored]], Figure]:
    def draw(runs: Sequence[Stored]) -> Figure:
        with drawing() as (figure, [axes]):
            panel(axes, runs)
            figure.suptitle(about(runs))
        return figure

    return draw


def bound(runs: Sequence[Stored]) -> Figure:
    """The bound on the test error of each net that was sent, against the bits it pays. Raises MdlError for none."""
    bounded = [run for run in runs if run.result.bound is not None]
    with drawing() as (figure, [axes]):
        bounds_of_codes(axes, bounded)
        figure.suptitle(about(bounded))
    return figure


def bit_prices(runs: Sequence[Stored]) -> Figure:
    """The sweep over trade-offs of each `compressed` code. Raises MdlError where there is none."""
    swept = [run for run in runs if "bit_prices" in run.arrays]
    if not swept:
        raise MdlError("no code of these results swept trade-offs: plot a 'compressed' code")
    with drawing(len(swept)) as (figure, axes):
        for each, run in zip(axes, swept, strict=True):
            u_shape(each, run.arrays)
            each.set_title(f"{run.name}, {about([run])}")
    return figure


def sweep(runs: Sequence[Stored], over: str | None = None) -> Figure:
    """Total bits against the setting that the runs differ in."""
    with drawing() as (figure, [axes]):
        total_bits_over(axes, runs, over)
        figure.suptitle(about(runs))
    return figure


KINDS: dict[str, Callable[..., Figure]] = {
    "ratio": _one(compression_ratio),
    "regret": _one(regret_to_uniform),
    "blocks": _one(bits_by_block),
    "accuracy": _one(accuracy_by_block),
    "panels": four_panels,
    "parts": parts,
    "weights": weights,
    "bound": bound,
    "prices": bit_prices,
    "sweep": sweep,
}


def dimensions(folders: Sequence[Path]) -> Figure:
    """Accuracy against dimension, from what `dimension --out` stored. Raises MdlError for other folders."""
    try:
        measured = [read_plain_json(folder / "dimension.json") for folder in folders]
    except MdlError as error:
        raise MdlError(f"not the folder of a dimension: {error}") from None
    with drawing() as (figure, [axes]), _of_strangers("dimension"):
        draw_dimensions(axes, measured)
    return figure


@contextmanager
def _of_strangers(kind: str) -> Iterator[None]:
    """Raises MdlError where stored values can't be drawn, as they may come from anywhere."""
    try:
        yield
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
        raise MdlError(f"these results can't be drawn as '{kind}': {in_one_line(error)}") from None


def _plain_names(run: Stored) -> Stored:
    """The run with names in which no figure finds a formula or a character that can't be drawn."""
    parts = {_plain(name): bits for name, bits in run.result.bits_by_part.items()}
    return replace(run, result=replace(run.result, code=_plain(run.name), bits_by_part=parts))


def _plain(name: str) -> str:
    return printable(name).replace("$", r"\$").lstrip("_")


def draw(kind: str, runs: Sequence[Stored], over: str | None = None) -> Figure:
    """The figure of that kind; a sweep may be `over` a named setting.

    Raises MdlError for an unknown kind, with the nearest, for no runs, and for runs that don't fit the kind.
    """
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"kinds: {', '.join(KINDS)}"
        raise MdlError(f"no kind of figure '{kind}': {hint}")
    if not runs:
        raise MdlError("the results folder holds no finished code yet: nothing to draw")
    plain = [_plain_names(run) for run in runs]
    with _of_strangers(kind):
        return sweep(plain, over) if over is not None else KINDS[kind](plain)
