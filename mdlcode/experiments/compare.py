"""Several codes on one data set."""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mdlcode.certify.certificate import certify
from mdlcode.certify.hypothesis import from_transmission
from mdlcode.codes.base import Code, Transmission
from mdlcode.codes.presets import preset
from mdlcode.config import to_config
from mdlcode.data.base import Data
from mdlcode.environment import Environment
from mdlcode.errors import MdlError, TrainingError
from mdlcode.experiments.results import Result, ResultsFolder, command_line, versions


def compare(data: Data, codes: Iterable[Code | str], out: Path | None = None, force: bool = False) -> list[Result]:
    """One `Result` for each code, given as an object or by name; saved in the folder `out`, if given.

    Raises MdlError for an unknown name and where `out` holds results already (unless `force`), and
    TrainingError for a training that comes to nothing.

    >>> from mdlcode.data import load
    >>> [round(result.total_bits) for result in compare(load("digits"), ["uniform"])]
    [5970]
    """
    named = [(each, preset(each)) if isinstance(each, str) else (to_config(each)["kind"], each) for each in codes]
    return list(measure_each(data, named, out, force))


def measure_each(
    data: Data,
    codes: Iterable[tuple[str, Code]],
    out: Path | None = None,
    force: bool = False,
    seed: int = 0,
    failed: Callable[[str, TrainingError], None] | None = None,
) -> Iterator[Result]:
    """The results of named codes, each as soon as it is known and saved.

    `seed` is noted in them. A training that comes to nothing is handed to `failed` and ends that code
    alone; without `failed` its TrainingError is raised.
    """
    folder = None if out is None else ResultsFolder(out, force)
    results: list[Result] = []
    for name, code in codes:
        begin = time.perf_counter()
        try:
            transmission = code.measure(data)
        except TrainingError as error:
            if failed is None:
                raise
            failed(name, error)
            continue
        seconds = time.perf_counter() - begin
        results.append(_result(name, code, data, transmission, seconds, seed))
        if folder is not None:
            folder.save(results, transmission)
        yield results[-1]


def _result(name: str, code: Code, data: Data, transmission: Transmission, seconds: float, seed: int) -> Result:
    length = transmission.codelength
    bound, reasons = _bound(code, data, transmission)
    return Result(
        code=name,
        dataset=data.name,
        num_labels=length.num_labels,
        num_classes=length.num_classes,
        model_bits=length.model_bits,
        label_bits=length.label_bits,
        total_bits=length.total_bits,
        uniform_bits=length.uniform_bits,
        compression_ratio=length.compression_ratio,
        bits_by_part=dict(length.bits_by_part),
        test_accuracy=_test_accuracy(data, transmission),
        seconds=seconds,
        seed=seed,
        device=Environment.here(data.shared.inputs.device).device,
        config=to_config(code),
        versions=versions(),
        command=command_line(),
        **bound,
        notes=(*transmission.received.notes, *reasons),
    )


def _bound(code: Code, data: Data, transmission: Transmission) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The bound columns, none for a code that sends no net; and why there are none for a net."""
    hypothesis = from_transmission(code, data, transmission)
    if hypothesis is None:
        return {}, ()
    try:
        made = certify(hypothesis, data)
    except MdlError as error:  # the codelength stands, and is not lost
        return {}, (f"no bound on the test error: {error}",)
    best = made.tightest
    columns = {
        "train_errors": made.errors,
        "bound_bits": made.total_bits,
        "bound": best.value,
        "bound_name": best.name,
        "bound_delta": made.delta,
    }
    return columns, ()


def _test_accuracy(data: Data, transmission: Transmission) -> float | None:
    """Share of test labels that are the likeliest under what Bob has at the end; None without either."""
    predictor = transmission.received.predictor
    if predictor is None or data.test_inputs is None or data.test_labels is None:
        return None
    return float(np.mean(predictor.predict(data.test_inputs).argmax(axis=1) == data.test_labels))
