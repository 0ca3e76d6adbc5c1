"""Tables and progress on the terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from mdlcode.certify.certificate import Certificate
    from mdlcode.experiments.results import Result

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

    def say(self, line: str) -> None:
        self._bar.console.print(line, markup=False, highlight=False)

    def beside(self) -> "_Bar":
        return _Bar(self._bar)


class _Rate(ProgressColumn):
    """Steps per second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.1f}/s")


@contextmanager
def working() -> Iterator[None]:
    """Work inside is shown on stderr; the bar is gone afterwards."""
    from mdlcode import progress

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"), _Rate()
    bar = Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=err, transient=True)
    with bar, progress.listening(_Bar(bar)):
        yield


def table(title: str) -> Table:
    """An empty table of results."""
    caption = (
        "ratio = total bits / bits of the uniform code: lower is better, 1 is no gain\n"
        "saved bits = bits of the frequencies code - total bits: 0 or less is no gain over class counts alone"
    )
    made = Table(title=Text(title), caption=caption)
    made.add_column("code", no_wrap=True)
    for name in ("model bits", "label bits", "total bits", "ratio", "saved bits", "test accuracy", "seconds"):
        made.add_column(name, justify="right")
    return made


def add_row(to: Table, result: "Result") -> None:
    """One result as a row; what a choice among candidates cost stands behind the name."""
    accuracy = "-" if result.test_accuracy is None else f"{100 * result.test_accuracy:.2f} %"
    choice = result.bits_by_part.get("choice")
    to.add_row(
        result.code + (f" (best of {2**choice:.0f})" if choice else ""),
        f"{result.model_bits:,.1f}",
        f"{result.label_bits:,.1f}",
        f"{result.total_bits:,.1f}",
        f"{result.compression_ratio:.4f}",
        "-" if result.saved_bits_against_frequencies is None else f"{result.saved_bits_against_frequencies:,.1f}",
        accuracy,
        f"{result.seconds:.1f}",
    )


def results_bounds_table() -> Table:
    """An empty table of the bounds of results."""
    made = Table(title="bounds on the test error of the nets that are sent", caption="- : the code sends no net")
    made.add_column("code")
    for name in ("train errors", "bits paid", "at most", "bound", "delta"):
        made.add_column(name, justify="right")
    return made


def add_bound_row(to: Table, result: "Result") -> None:
    """One result's bound as a row; dashes for a code that sends no net."""
    if result.bound is None or result.train_errors is None or result.bound_bits is None:
        to.add_row(result.code, *["-"] * 5)
        return
    rate = 100 * result.train_errors / result.num_labels
    to.add_row(
        result.code,
        f"{result.train_errors:,} ({rate:.2f} %)",
        f"{result.bound_bits:,.1f}",
        f"{100 * result.bound:.3f} %" + (" (vacuous)" if result.bound >= 1 else ""),
        result.bound_name,
        f"{result.bound_delta:g}",
    )


def paid_table(made: "Certificate") -> Table:
    """Where the bits of a certificate went, by part, largest first, and their sum."""
    file = "" if made.coded_bits is None else f" (decoded from {made.coded_bits // 8:,} bytes of file)"
    shown = Table(title=f"what was paid: {made.total_bits:,.1f} bits{file}")
    shown.add_column("part")
    for name in ("bits", "share"):
        shown.add_column(name, justify="right")
    for part, bits in sorted(made.bits_by_part.items(), key=lambda item: -item[1]):
        shown.add_row(part, f"{bits:,.1f}", f"{100 * bits / made.total_bits:.1f} %" if made.total_bits else "-")
    return shown


def bounds_table(made: "Certificate") -> Table:
    """Every bound of a certificate, the tightest marked, vacuous ones as they are; the test set's at the end."""
    shown = Table(title="bounds on the test error")
    shown.add_column("bound")
    shown.add_column("at most", justify="right")
    shown.add_column("")
    for each in made.bounds:
        note = "tightest" if each.tightest else ""
        note += (", " if note and each.vacuous else "") + ("vacuous" if each.vacuous else "")
        shown.add_row(each.name, f"{100 * each.value:.3f} %", note)
    if made.test is not None:
        wrong = f"{made.test.errors:,} of {made.test.n:,} wrong: a net that was fixed before the test set"
        shown.add_section()
        shown.add_row("test set", f"{100 * made.test.bound:.3f} %", wrong)
    return shown
