"""One look for all figures: what a figure is drawn on, in which colours, and how it is saved."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mdlcode.errors import MdlError
from mdlcode.files import write_atomically

# Okabe & Ito 2008: told apart by colour-blind readers too; black first.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

# Its keys are a closed type in some versions of matplotlib and plain strings in others.
_STYLE: Any = {
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.titlesize": 10,
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
    "savefig.dpi": 160,
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
            write_atomically(each, partial(figure.savefig, format=kind))
    return paths
