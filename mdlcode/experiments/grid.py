"""Grids of nets: trained many at once, measured, and kept as rows of a table, a file of weights and one of losses."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError
from pydantic.dataclasses import dataclass

from mdlcode import parallel, progress
from mdlcode.codes.schedule import Geometric
from mdlcode.config import STRICT, to_config
from mdlcode.data.base import Data, Shared
from mdlcode.data.view import View, split
from mdlcode.errors import MdlError
from mdlcode.experiments.grid_folder import GridFolder, Row
from mdlcode.experiments.grid_measures import complete, row, seen
from mdlcode.experiments.tasks import read_config
from mdlcode.files import locked
from mdlcode.learn.grid import Run, Setting, Training, stacks, train
from mdlcode.learn.grid.forecasts import forecasts
from mdlcode.measures.base import Measure
from mdlcode.parallel import Pending
from mdlcode.validation import one_line

Value = bool | int | float | str
_STEPS_OF_A_MEASUREMENT = 500  # what measuring a net is taken to last, for the time left
_HYPERPARAMETERS = tuple(Setting.__dataclass_fields__)


def _values(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True, config=STRICT)
class Grid:
    """All settings that the `axes` span, on top of what is `fixed`, and how their nets are trained.

    `prequential_seeds` are those of the nets whose prequential codes are measured, as these train again and again.
    Raises MdlError for axes that are no hyperparameters, or hold no values or one value twice.

    >>> grid = Grid(axes={"width": (8, 16), "seed": (0, 1)}, training=Training(steps=10))
    >>> [(each.width, each.seed) for each in grid.settings]
    [(8, 0), (8, 1), (16, 0), (16, 1)]
    """

    training: Training
    axes: Mapping[str, Annotated[tuple[Value, ...], BeforeValidator(_values)]] = Field(min_length=1)
    fixed: Mapping[str, Value] = Field(default_factory=dict)
    prequential_seeds: Annotated[tuple[int, ...], BeforeValidator(_values)] = ()
    order_seed: int | None = 0

    def __post_init__(self) -> None:
        known = ", ".join(_HYPERPARAMETERS)
        if unknown := [name for name in (*self.axes, *self.fixed) if name not in _HYPERPARAMETERS]:
            raise MdlError(f"'{unknown[0]}' is no hyperparameter of a net: {known}")
        for name, values in self.axes.items():
            if not values or len(set(values)) < len(values):
                raise MdlError(f"axis '{name}' must hold values, each once: {list(values)}")
            if name in self.fixed:
                raise MdlError(f"'{name}' is an axis and fixed: leave one out")
        _ = self.settings  # raises for values out of range

    @property
    def settings(self) -> list[Setting]:
        """One for each net, the last axis the fastest. Raises MdlError for values out of range."""
        combined = itertools.product(*self.axes.values())
        try:
            chosen: list[dict[str, Any]] = [dict(zip(self.axes, each, strict=True)) for each in combined]
            return [Setting(**{**self.fixed, **each}) for each in chosen]
        except ValidationError as error:
            raise MdlError(f"a net of the grid: {one_line(error)}") from None

    def prepared(self, data: Data) -> Data:
        """The data in their order, with a test set: where there is none, what no net trains on.

        Raises MdlError where nothing is left to test with, or fewer labels are there than nets ask for.
        """
        ordered = View(order_seed=self.order_seed).of(data)
        sizes = [each.train_size for each in self.settings]
        most = len(ordered) if None in sizes else max(size for size in sizes if size is not None)
        if most > len(ordered):
            raise MdlError(f"`train_size` {most} is more than the {len(ordered)} examples of {data.name}")
        if ordered.test_inputs is None:
            return split(ordered, most)
        return View(limit=most, order_seed=None).of(ordered)


def read_grid(path: Path) -> tuple[Grid, tuple[str, ...]]:
    """The grid of a YAML file, and the `measures` that it names. Raises MdlError for keys and values that are wrong."""
    config = read_config(path)
    named = config.pop("measures", ())
    try:
        return Grid(**config), tuple(named.split(",")) if isinstance(named, str) else tuple(named)
    except ValidationError as error:
        raise MdlError(f"{path}: {one_line(error)}") from None


def run_grid(grid: Grid, data: Data, folder: Path, measures: Mapping[str, Measure]) -> list[Row]:
    """The rows of all nets, made now or read back from `folder`; nets that are there are not trained again.

    What is done is written at once: after an interruption the same call goes on. Raises MdlError for a folder of
    another grid, and as `Grid.prepared` does.
    """
    with locked(folder):
        return _Work(grid, grid.prepared(data), GridFolder(folder), measures).done()


class _Work:
    """What is still to be done of a grid: trainings, then forecasts of prequential codes, then measures."""

    def __init__(self, grid: Grid, data: Data, folder: GridFolder, measures: Mapping[str, Measure]) -> None:
        self._grid, self._data, self._folder, self._measures = grid, data, folder, measures
        self._settings, self._axes = grid.settings, tuple(grid.axes)
        self._runs = [self._run(each) for each in self._settings]
        axes = [name for name in self._axes if name != "seed"]
        about = {"data": data.name, "n": len(data), "axes": axes, "config": to_config(grid)}
        folder.begin(about, {name: each.sign for name, each in measures.items()})
        self._rows = folder.rows()

    def done(self) -> list[Row]:
        nets = range(len(self._settings))
        # In the stacks that they had from the start, since a net's last digits depend on the others of its stack.
        training = self._unfinished(nets, self._folder.is_trained)
        coding = self._unfinished([net for net in nets if self._wants_forecasts(net)], self._folder.has_forecasts)
        measuring = [net for net in nets if not complete(self._rows.get(net), self._measures)]
        steps = sum(self._runs[net].steps for part in training for net in part)
        steps += sum(_steps_of_code(self._runs[net], self._grid.training) for part in coding for net in part)
        progress.start(f"{len(nets):,} nets", steps + _STEPS_OF_A_MEASUREMENT * len(measuring))
        self._train(training)
        for pending in [self._submit(_forecast, part) for part in coding]:
            pending.result()
        rows = [(net, self._row(net, self._measures)) for net in measuring]
        for net, pending_row in rows:
            self._rows[net] = self._rows.get(net, {}) | pending_row.result()
            self._folder.write_rows(self._rows)
            progress.advance(_STEPS_OF_A_MEASUREMENT)
        return [self._rows[net] for net in nets]

    def _train(self, parts: Sequence[list[int]]) -> None:
        """Trains, and writes rows without measures."""
        left = sum(map(len, parts))
        for part, pending in [(part, self._submit(_train, part)) for part in parts]:
            pending.result()
            for net in part:
                if net not in self._rows:
                    self._rows[net] = row(net, self._axes, self._settings, self._data, self._folder, {})
            self._folder.write_rows(self._rows)
            left -= len(part)
            progress.say(f"trained {len(self._runs) - left:,} of {len(self._runs):,} nets")

    def _run(self, setting: Setting) -> Run:
        own = seen(setting, self._data)
        count = self._grid.training.count(setting.batch_size, len(own))
        return Run(setting, own.labels, own.shared.moments, count)

    def _unfinished(self, nets: Sequence[int], is_done: Callable[[int], bool]) -> list[list[int]]:
        """The stacks of these nets in which not all is done."""
        shape, classes = self._data.shared.shape, self._data.shared.num_classes
        parts = stacks([self._runs[net] for net in nets], shape, classes)
        found = ([nets[at] for at in part] for part in parts)
        return [part for part in found if not all(map(is_done, part))]

    def _wants_forecasts(self, net: int) -> bool:
        asked = any("learner" in each.needs for each in self._measures.values())
        return asked and self._settings[net].seed in self._grid.prequential_seeds

    def _submit(self, work: Callable[..., None], part: Sequence[int]) -> Pending[None]:
        runs = [self._runs[net] for net in part]
        return parallel.submit(work, part, runs, self._data.shared, self._grid.training, self._folder)

    def _row(self, net: int, measures: Mapping[str, Measure]) -> Pending[Row]:
        return parallel.submit(row, net, self._axes, self._settings, self._data, self._folder, measures)


def _train(nets: Sequence[int], runs: Sequence[Run], shared: Shared, training: Training, folder: GridFolder) -> None:
    outcomes = train(runs, shared.inputs, shared.num_classes, training)
    for net, outcome in zip(nets, outcomes, strict=True):
        if not folder.is_trained(net):
            folder.write_outcome(net, outcome)


def _forecast(nets: Sequence[int], runs: Sequence[Run], shared: Shared, training: Training, folder: GridFolder) -> None:
    own = replace(shared, inputs=shared.inputs[: len(runs[0].labels)])
    stops = Geometric().stops(len(own))
    found = forecasts([run.setting for run in runs], own, [run.labels for run in runs], training, stops)
    for net, probs in zip(nets, found, strict=True):
        if not folder.has_forecasts(net):
            folder.write_forecasts(net, probs)


def _steps_of_code(run: Run, training: Training) -> int:
    """The steps of all trainings behind a prequential code."""
    n = len(run.labels)
    return sum(training.count(run.setting.batch_size, t, n) for t in Geometric().stops(n)[:-1])
