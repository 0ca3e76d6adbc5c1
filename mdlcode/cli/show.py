"""Tables and progress on the terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from mdlcode.experiments import Result

# A file or pipe gets whole lines; a terminal's own width holds there.
out = Console(soft_wrap=True) if sys.stdout.isatty() else Console(soft_wrap=True, width=120)
err = Console(stderr=True, soft_wrap=True)


class _Bar:
    """Shows work as a bar with steps, steps per second and the time left."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None, visible=False)

    def start(self, description: str, total_steps: int) -> None:
        self._bar.reset(self._task, description=description, total=total_steps, visible=True)

    def advance(self, steps: int) -> None:
        self._bar.advance(self._task, steps)


@contextmanager
def working() -> Iterator[None]:
    """Work inside is shown on stderr; the bar is gone afterwards."""
    from mdlcode import progress

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps, left")
    bar = Progress(*columns, TimeRemainingColumn(), console=err, transient=True)
    with bar, progress.listening(_Bar(bar)):
        yield


def table(title: str) -> Table:
    """An empty table of results."""
    made = Table(title=title, caption="ratio = total bits / bits of the uniform code: lower is better, 1 is no gain")
    made.add_column("code")
    for name in ("model bits", "label bits", "total bits", "kbits", "ratio", "test accuracy", "seconds"):
        made.add_column(name, justify="right")
    return made


def add_row(to: Table, result: "Result") -> None:
    """One result as a row; what a choice among candidates cost stands behind the name."""
    accuracy = "-" if result.test_accuracy is None else f"{100 * result.test_accuracy:.2f} %"
    choice = result.bits_by_part.get("choice")
    to.add_row(
        result.code + (f" (best of {2**choice:.0f})" if choice else ""),
        f"{result.model_bits:,.1f}",
        f"{result.data_bits:,.1f}",
        f"{result.total_bits:,.1f}",
        f"{result.total_bits / 1000:,.2f}",
        f"{result.compression_ratio:.4f}",
        accuracy,
        f"{result.seconds:.1f}",
    )
