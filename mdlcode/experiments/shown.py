"""Results as tables: in a terminal, in Python and in notebooks, in reports."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from mdlcode.errors import MdlError
from mdlcode.experiments.results import Result
from mdlcode.experiments.tables import Table, percent
from mdlcode.validation import listed

if TYPE_CHECKING:
    import pandas

HEADER = ("code", "model bits", "label bits", "total bits", "ratio", "saved bits", "test accuracy", "seconds")
REAL_HEADER = tuple("test RMSE" if name == "test accuracy" else name for name in HEADER)
BOUNDS_HEADER = ("code", "train errors", "bits paid", "at most", "bound", "delta")


def header(real: bool) -> tuple[str, ...]:
    """The names of the columns; where targets are real numbers, with an error in their unit for the accuracy."""
    return REAL_HEADER if real else HEADER


def caption(real: bool) -> str:
    """What ratio and saved bits are."""
    alone = "the targets' marginal" if real else "class counts"
    return (
        "ratio = total bits / bits of the uniform code: lower is better, 1 is no gain\n"
        f"saved bits = bits of the frequencies code - total bits: 0 or less is no gain over {alone} alone"
    )


def row(result: Result) -> tuple[str, ...]:
    """The cells under HEADER; what a choice among candidates cost stands behind the name."""
    choice = result.bits_by_part.get("choice")
    return (
        result.code + (f" (best of {2**choice:.0f})" if choice else ""),
        f"{result.model_bits:,.1f}",
        f"{result.label_bits:,.1f}",
        f"{result.total_bits:,.1f}",
        f"{result.compression_ratio:.4f}",
        "-" if (saved := result.saved_bits_against_frequencies) is None else f"{saved:z,.1f}",
        percent(result.test_accuracy) if result.test_rmse is None else f"{result.test_rmse:,.4g}",
        f"{result.seconds:.1f}",
    )


def title(results: Iterable[Result]) -> str:
    """The data of the results, and how many labels and classes they have."""
    about = []
    for each in results:
        names = f" ({listed(each.class_names)})" if each.class_names else ""
        kinds = f"{each.num_classes} classes{names}"
        if each.precision is not None and each.target_range is not None:
            low, high = each.target_range
            kinds = f"targets from {low:g} to {high:g} at precision {each.precision:g} ({each.num_classes:,} bins)"
        about.append(f"{each.dataset}: {each.num_labels:,} labels, {kinds}")
    return "; ".join(dict.fromkeys(about))


def results_table(results: Iterable[Result]) -> Table:
    """One row a code, with the bound on the test error where some code has one."""
    results = tuple(results)
    real = any(each.precision is not None for each in results)
    columns = header(real)
    rows: tuple[tuple[str, ...], ...] = tuple(map(row, results))
    if any(each.bound is not None for each in results):
        columns = (*columns, "bound on error")
        rows = tuple((*cells, percent(each.bound)) for cells, each in zip(rows, results, strict=True))
    return Table(f"{title(results)}\n{caption(real)}", columns, rows)


def bounds_table(results: Iterable[Result]) -> Table:
    """The bound of each code that sends a net, dashes for the others, and what bounds a variational one."""
    results = tuple(results)
    others = [each.code for each in results if each.config.get("kind") == "variational" and each.bound is None]
    lines = ["bounds on the test error of the nets that are sent; - : the code sends no net"]
    lines += [f"{name}: its net is drawn at random, `mdlcode bound` with this code bounds it" for name in others]
    return Table("\n".join(lines), BOUNDS_HEADER, tuple(map(_bound_row, results)))


def _bound_row(result: Result) -> tuple[str, ...]:
    if result.bound is None or result.train_errors is None or result.bound_bits is None:
        return (result.code, *["-"] * (len(BOUNDS_HEADER) - 1))
    return (
        result.code,
        f"{result.train_errors:,} ({percent(result.train_errors / result.num_labels)})",
        f"{result.bound_bits:,.1f}",
        f"{100 * result.bound:.3f} %" + (" (vacuous)" if result.bound >= 1 else ""),
        str(result.bound_name),
        f"{result.bound_delta:g}",
    )


class Results(tuple[Result, ...]):
    """The results of `compare`, one a code: a tuple that prints as a table, in notebooks too.

    >>> from mdlcode.data import load
    >>> from mdlcode.experiments.compare import compare
    >>> results = compare(load("digits"), ["uniform"])
    >>> print(results.table.markdown().splitlines()[-1])
    | uniform | 0.0 | 5,969.5 | 5,969.5 | 1.0000 | 40.1 | - | 0.0 |
    >>> results[0].code, len(results)
    ('uniform', 1)
    """

    __slots__ = ()

    @property
    def table(self) -> Table:
        """The table, which can be had as `.markdown()`, `.latex()`, `.csv()`, `.html()` and `.text()`."""
        return results_table(self)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the codes have to say of their results, each line under its code's name."""
        return tuple(f"{each.code}: {note}" for each in self for note in each.notes)

    def to_pandas(self) -> "pandas.DataFrame":
        """A frame with a row a code and a column for each field of `Result`. Raises MdlError without pandas."""
        try:
            import pandas
        except ImportError:
            raise MdlError("`to_pandas` needs pandas: pip install 'mdlcode[tables]'") from None
        return pandas.DataFrame([asdict(each) for each in self])

    def __repr__(self) -> str:
        return "\n".join([self.table.text(), *self.notes])

    def _repr_html_(self) -> str:
        return self.table.html(self.notes)
