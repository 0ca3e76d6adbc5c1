"""From a trained net of a grid to its row of the table: errors, losses, and its measures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from mdlcode import progress
from mdlcode.data.base import Data
from mdlcode.data.view import View
from mdlcode.errors import MdlError
from mdlcode.experiments.grid_folder import GridFolder, Row
from mdlcode.learn.grid import Setting
from mdlcode.learn.grid.forecasts import Recalled
from mdlcode.learn.grid.train import logits
from mdlcode.measures.base import Measure, Value, measure
from mdlcode.measures.trained import Trained
from mdlcode.typing import FloatArray, IntArray


def seen(setting: Setting, data: Data) -> Data:
    """What a net trains on: the first `train_size` labels, some of them redrawn, and the test set."""
    return View(limit=setting.train_size, label_noise=setting.label_noise, order_seed=None).of(data)


def row(
    net: int,
    axes: Sequence[str],
    settings: Sequence[Setting],
    data: Data,
    folder: GridFolder,
    measures: Mapping[str, Measure],
) -> Row:
    """The row of a net. What could not be measured is an empty cell, and its column `.reason` says why.

    `test_error` is on clean labels; `noisy_test_error` is what labels with the training set's noise would give:
    (1 - rho) e + rho (K - 1) / K. `gap` is that less the training error, `clean_gap` the test error less it.
    """
    setting, facts = settings[net], folder.facts(net)
    made: Row = {"model": str(net), **{axis: str(getattr(setting, axis)) for axis in axes}}
    made |= {
        "n": str(setting.train_size or len(data)),
        "steps": str(facts.steps),
        "converged": str(int(facts.converged)),
    }
    made |= {"seconds": f"{facts.seconds:.3f}", "cpu_seconds": f"{facts.cpu_seconds:.3f}", "reason": facts.reason}
    if facts.diverged:
        return made | {f"{name}.reason": facts.reason for name in measures}
    trained = net_of(net, settings, data, folder)
    made |= _errors(trained, trained.data, setting.label_noise)
    with progress.listening(None):  # codes tell of their own steps
        values = measure(trained, measures)
    for name, value in values.items():
        made |= _cells(name, value)
    return made | {"measure_seconds": f"{sum(each.seconds for each in values.values()):.3f}"}


def complete(made: Row | None, measures: Mapping[str, Measure]) -> bool:
    """Whether a row says something of each measure."""
    return made is not None and all(name in made or f"{name}.reason" in made for name in measures)


def net_of(net: int, settings: Sequence[Setting], data: Data, folder: GridFolder) -> Trained:
    """A trained net of a grid, with all that is known of it. Raises MdlError where its files can't be read."""
    setting = settings[net]
    own = seen(setting, data)
    forecasts = folder.forecasts(net)
    start = {name: value.detach() for name, value in setting.of(own.shared).named_parameters()}
    learner = None if forecasts is None else Recalled(forecasts)
    twin = _twin(net, settings, own, folder)
    return Trained(_net(net, setting, own, folder), own, start, folder.history(net), twin, learner)


def _net(net: int, setting: Setting, own: Data, folder: GridFolder) -> nn.Module:
    built = setting.of(own.shared)
    built.load_state_dict(folder.weights(net))
    return built


def _twin(net: int, settings: Sequence[Setting], own: Data, folder: GridFolder) -> nn.Module | None:
    """The net of the next seed, if it is trained and did not diverge."""
    alike = [i for i, each in enumerate(settings) if replace(each, seed=settings[net].seed) == settings[net]]
    other = alike[(alike.index(net) + 1) % len(alike)]
    if other == net or not folder.is_trained(other) or folder.facts(other).diverged:
        return None
    return _net(other, settings[other], own, folder)


def _errors(trained: Trained, own: Data, noise: float) -> Row:
    found = {"train_error": 1 - trained.accuracy, "train_ce": trained.loss}
    if own.test_inputs is None or own.test_labels is None:
        raise MdlError(f"{own.name} has no test set: nothing to rank nets by")
    outputs = logits(trained.net, own.shared.moments, own.test_inputs)
    classes = own.shared.num_classes
    found["test_error"] = float(np.mean(outputs.argmax(1) != own.test_labels))
    found["test_ce"] = _cross_entropy(outputs, own.test_labels)
    found["noisy_test_error"] = (1 - noise) * found["test_error"] + noise * (classes - 1) / classes
    found["gap"] = found["noisy_test_error"] - found["train_error"]
    found["clean_gap"] = found["test_error"] - found["train_error"]
    return {name: repr(value) for name, value in found.items()}


def _cross_entropy(outputs: FloatArray, labels: IntArray) -> float:
    logs = torch.from_numpy(outputs).log_softmax(1).numpy()
    return float(-logs[np.arange(len(labels)), labels].mean())


def _cells(name: str, value: Value) -> Row:
    cells = {} if math.isnan(value.value) else {name: repr(value.value)}
    if not math.isnan(value.error):
        cells[f"{name}.error"] = f"{value.error:.4g}"
    if value.reason or math.isnan(value.value):
        cells[f"{name}.reason"] = value.reason or "not a number"
    return cells
