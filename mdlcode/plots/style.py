"""One look for all figures: what a figure is drawn on, in which colours, and how it is saved."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from mdlcode.errors import MdlError
from mdlcode.files import write_atomically

# Okabe & Ito 2008: told apart by colour-blind readers too; black first. Their yellow is hard to see on white: a wine
# red of Tol 2021 is in its place.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

_DPI = 160
_NO_DECADE = 0.4  # decades of an axis on which equal steps are read more easily
_SUBS = ((1.2, (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)), (2.5, (1.0, 2.0, 5.0)))  # up to so many decades, numbers in each

# Its keys are a closed type in some versions of matplotlib and plain strings in others.
_STYLE: Any = {
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.titlesize": 10,
    "figure.titlesize": 10,
    "axes.labelsize": 9,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "svg.fonttype": "none",
}


@contextmanager
def drawing(
    rows: int = 1, columns: int = 1, width: float = 5.0, height: float = 3.4
) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure of rows x columns axes, each `width` x `height` inches, and the axes row by row.

    >>> with drawing(columns=2) as (figure, axes):
    ...     _ = axes[0].plot([1, 2], [3, 4])
    >>> len(axes)
    2
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
        yield figure, list(figure.subplots(rows, columns, squeeze=False).ravel())


def log_ticks(axis: Axis) -> None:
    """Sets plain numbers at an axis that is logarithmic, of each decade fewer the more there are.

    Call it once all is drawn.

    >>> axes = Figure().subplots()
    >>> _ = axes.plot([2, 70], [1, 1])
    >>> axes.set_xscale("log")
    >>> log_ticks(axes.xaxis)
    >>> [label.get_text() for label in axes.get_xticklabels() if 2 <= label.get_position()[0] <= 70]
    ['2', '5', '10', '20', '50']
    """
    low, high = sorted(axis.get_view_interval())
    decades = np.log10(high / low)
    subs = next((subs for most, subs in _SUBS if decades <= most), (1.0,))
    axis.set_major_locator(LogLocator(subs=subs) if decades > _NO_DECADE else MaxNLocator(5))
    axis.set_minor_locator(NullLocator())  # dozens of ticks take longer to draw than all curves
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def save(figure: Figure, path: Path) -> list[Path]:
    """The files written: for a path without a suffix a PNG and a PDF, else the one that its suffix names.

    Raises MdlError for a suffix that matplotlib can't write, and where the file can't be written.
    """
    paths = [path] if path.suffix else [path.with_suffix(".png"), path.with_suffix(".pdf")]
    for each in paths:
        kind = each.suffix[1:]
        if kind not in figure.canvas.get_supported_filetypes():
            raise MdlError(f"{each.name}: a figure can't be written as '{kind}': use png, pdf or svg")
        with mpl.rc_context(_STYLE):
            write_atomically(each, partial(render, figure, kind=kind, dpi=_DPI))
    return paths


def render(figure: Figure, file: BinaryIO, kind: str, dpi: float) -> None:
    """Writes a figure as that kind of file.

    It is laid out once and for all first: otherwise matplotlib draws all of it a second time to that end.
    """
    figure.set_dpi(dpi)
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)
    figure.savefig(file, format=kind, dpi=dpi)
