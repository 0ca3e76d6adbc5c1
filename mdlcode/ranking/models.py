"""A table of trained models: hyperparameters, measures and test errors, one row a model."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mdlcode.errors import MdlError
from mdlcode.typing import BoolArray, FloatArray, IntArray

SEED = "seed"
FITTED_ERROR = 0.05
# Columns that describe a run and are no measures of it.
_RUN = {
    *(SEED, "model", "n", "steps", "converged", "seconds", "cpu_seconds", "measure_seconds"),
    *("train_error", "train_ce", "test_error", "test_ce", "noisy_test_error", "gap", "clean_gap"),
}


@dataclass(frozen=True, eq=False)
class Models:
    """`levels` maps each axis to the number (n,) of each model's value in `values`; `columns` are numbers (n,).

    `signs` says of measures whether more of it means a larger gap (+1) or a smaller one (-1); +1 where it is
    silent. `left_out` counts the rows that were left out, by reason.
    """

    levels: Mapping[str, IntArray]
    values: Mapping[str, tuple[str, ...]]
    columns: Mapping[str, FloatArray]
    signs: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.levels.values())))

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes that a granulated correlation is averaged over: all but the seed."""
        return tuple(axis for axis in self.levels if axis != SEED)

    @property
    def configuration(self) -> IntArray:
        """A number (n,) for each setting of all axes but the seed."""
        settings = np.stack([self.levels[axis] for axis in self.axes])
        return np.unique(settings, axis=1, return_inverse=True)[1].ravel().astype(np.int64)

    @property
    def measures(self) -> tuple[str, ...]:
        """The columns that are measures: neither axes, nor what describes the run, nor "measure.error" and such."""
        return tuple(name for name in self.columns if name not in self.levels and name not in _RUN and "." not in name)

    def target(self, name: str) -> FloatArray:
        """A column (n,), "gap" being test error less train error. Raises MdlError for one that is not there."""
        if name == "gap" and name not in self.columns:
            return self.target("test_error") - self.target("train_error")
        if name not in self.columns:
            raise MdlError(f"the table has no column '{name}': it has {', '.join(self.columns)}")
        return self.columns[name]

    def where(self, kept: BoolArray) -> "Models":
        """The models (n,) where `kept` is true."""
        levels = {axis: each[kept] for axis, each in self.levels.items()}
        columns = {name: each[kept] for name, each in self.columns.items()}
        return Models(levels, self.values, columns, self.signs, self.left_out)

    @property
    def fitted(self) -> BoolArray:
        """Which models (n,) miss at most 5 % of their training labels."""
        return self.target("train_error") <= FITTED_ERROR


def read_models(path: Path, axes: Sequence[str] | None = None) -> Models:
    """The models in a CSV file, or in the `models.csv` of a grid's folder, whose `grid.json` names axes and signs.

    A column "seed" tells trainings of one configuration apart. Rows whose `train_error` or `test_error` is empty
    or not finite (diverged runs) are left out and counted. Raises MdlError with one line for a file that can't be
    read, axes that are no columns, fewer than two configurations, and two rows of one configuration and seed.
    """
    about = _about(path / "grid.json") if path.is_dir() else {}
    rows = _rows(path / "models.csv" if path.is_dir() else path)
    wanted = tuple(axes or about.get("axes") or ())
    if not wanted:
        raise MdlError(f"{path} does not say which columns are hyperparameters: name them with axes")
    if missing := [axis for axis in wanted if axis not in rows[0]]:
        raise MdlError(f"axis '{missing[0]}' is no column of the table: it has {', '.join(rows[0])}")
    names = [*wanted, *([SEED] if SEED in rows[0] and SEED not in wanted else [])]
    complete = [row for row in rows if all(_finite(row[key]) for key in ("train_error", "test_error") if key in row)]
    left_out = {"no finite train or test error": len(rows) - len(complete)} if len(rows) > len(complete) else {}
    if not complete:
        raise MdlError("no model of the table has a finite train and test error: nothing to rank")
    values = {axis: _ordered({row[axis] for row in complete}) for axis in names}
    levels = {axis: np.array([values[axis].index(row[axis]) for row in complete]) for axis in names}
    numbers = [name for name in rows[0] if any(_finite(row[name]) for row in complete)]
    columns = {name: np.array([_number(row[name]) for row in complete]) for name in numbers}
    models = Models(levels, values, columns, dict(about.get("signs", {})), left_out)
    _check(models)
    return models


def _check(models: Models) -> None:
    settings = np.stack(list(models.levels.values()))
    if np.unique(settings, axis=1).shape[1] < len(models):
        raise MdlError("two rows of the table have the same axes and seed: keep one, or add a 'seed' column")
    if len(np.unique(models.configuration)) < 2:
        raise MdlError("the table holds a single configuration: there is nothing to rank")


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MdlError(f"table {path} can't be read: {error}") from None
    if not rows:
        raise MdlError(f"table {path} holds no rows")
    if any(None in row or None in row.values() for row in rows):
        raise MdlError(f"table {path} is damaged: its rows have different numbers of cells")
    return rows


def _about(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        about = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise MdlError(f"{path} is damaged: {error}") from None
    return about if isinstance(about, dict) else {}


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _finite(cell: str) -> bool:
    return math.isfinite(_number(cell))


def _ordered(values: set[str]) -> tuple[str, ...]:
    """Numbers by size, other values by name."""
    return tuple(sorted(values, key=lambda each: (not _finite(each), _number(each) if _finite(each) else 0.0, each)))
