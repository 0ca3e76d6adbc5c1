"""Several codes on one data set."""

import json
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from mdlcode import finished, parallel, progress
from mdlcode.certify.code import certify_sent
from mdlcode.codelength import Codelength
from mdlcode.codes.base import Code, Transmission
from mdlcode.codes.frequencies import Frequencies, frequencies_bits
from mdlcode.codes.prequential import Prequential
from mdlcode.codes.presets import preset
from mdlcode.coding.binned import Binned
from mdlcode.coding.channel import Ledger
from mdlcode.coding.message import envelope_bits
from mdlcode.config import kind_of, to_config
from mdlcode.data.base import Data, require_data
from mdlcode.data.standardise import resolved
from mdlcode.environment import Environment
from mdlcode.errors import MdlError
from mdlcode.experiments.results import Result, ResultsFolder, command_line, versions
from mdlcode.experiments.shown import Results
from mdlcode.files import at_work, locked, was_stopped
from mdlcode.learn import CheckpointedLearner, Learner, NetLearner, UniformLearner
from mdlcode.learn.turns import say_all
from mdlcode.packing import Packing
from mdlcode.proof.bob import Bob
from mdlcode.proof.prove import transmit_and_prove


def compare(
    data: Data,
    codes: Iterable[Code | str] | Code | str,
    out: Path | None = None,
    force: bool = False,
    prove: bool = False,
) -> Results:
    """One `Result` for each code, given as an object or by name; saved in the folder `out`, if given.

    They print as a table. Progress is on stderr, in a terminal or notebook (see `mdlcode.progress.quiet`).

    With `prove` each number is proved: the labels are sent to another process, as `mdlcode.prove` does. A code that
    fails is left out, with a warning. Raises MdlError for an unknown name, where `out` holds results already (unless
    `force`), and where every code fails.

    >>> from mdlcode.data import load
    >>> [round(result.total_bits) for result in compare(load("digits"), ["uniform"])]
    [5970]
    """
    require_data(data)
    several, real = [codes] if isinstance(codes, str | Code) else codes, data.shared.bins is not None
    named = [(kind_of(each), each) if isinstance(each, Code) else (each, preset(each, real)) for each in several]
    failures: list[tuple[str, MdlError]] = []
    results = Results(
        measure_each(data, named, out, force, failed=lambda name, error: failures.append((name, error)), prove=prove)
    )
    if failures and not results:
        raise failures[0][1]
    for name, error in failures:
        warnings.warn(f"{name} gave no result: {error}", stacklevel=2)
    return results


def measure_each(
    data: Data,
    codes: Iterable[tuple[str, Code]],
    out: Path | None = None,
    force: bool = False,
    seed: int = 0,
    failed: Callable[[str, MdlError], None] | None = None,
    candidates: int = 1,
    prove: bool = False,
) -> Generator[Result, None, None]:
    """The results of named codes, each as soon as it is known and saved.

    Workers, where there are some, begin with the last code, and share the parts of those that have parts. `seed` is
    noted in the results. Bounds pay log2 `candidates` bits, where the settings were chosen among so many. `prove` as
    of `compare`, by one process that is started before the first code. An error of a code is handed to `failed` and
    ends that code alone; without `failed` it is raised. Who may leave before the last result closes it, so that Bob and
    the folder of finished work end then.
    """
    alone_bits, named = _frequencies_bits(data), list(codes)
    with ExitStack() as stack:
        folder = None if out is None else stack.enter_context(_folder(out, force, data, named, seed))
        stack.enter_context(finished.at_least_temporary())
        bob = stack.enter_context(Bob(data.shared)) if prove else None
        waiting: dict[int, tuple[Result, Transmission] | None] = {}  # by place, None for a code that failed
        following = 0
        works = [partial(_measured, name, code, data, bob, seed, candidates) for name, code in named]
        order = _order_of_work([code for _, code in named])
        alone = [place for place in order if bob is None and not named[place][1].has_parts]
        begun = {place: parallel.submit(works[place]) for place in reversed(alone)}
        for place in order:
            name = named[place][0]
            try:
                with progress.shown():
                    result, transmission = begun[place].result() if place in begun else works[place]()
                result = replace(
                    result,
                    frequencies_bits=alone_bits,
                    saved_bits_against_frequencies=alone_bits - result.total_bits,
                )
                waiting[place] = result, transmission
            except MdlError as error:
                if failed is None:
                    raise
                failed(name, error)
                waiting[place] = None
            while following in waiting:
                done = waiting.pop(following)
                following += 1
                if done is not None:
                    if folder is not None:
                        folder.save(*done)
                    yield done[0]


@contextmanager
def _folder(out: Path, force: bool, data: Data, codes: list[tuple[str, Code]], seed: int) -> Iterator[ResultsFolder]:
    """The folder of results, which nobody else may write into; the same work that was ended there goes on."""
    about = [data.name, data.shared.fingerprint(), finished.digest(data.labels), seed]
    command = json.dumps([about, [[name, to_config(code)] for name, code in codes]])
    with locked(out):
        folder = ResultsFolder(out, force or was_stopped(out, command))
        with at_work(out, command):
            yield folder


def _order_of_work(codes: Sequence[Code]) -> list[int]:
    """The places of codes, a code with checkpoints of a training before one with its end alone: both train once."""
    order: list[int] = []
    for place, code in enumerate(codes):
        ends = {each for each in _learners(code) if isinstance(each, NetLearner)}
        for later in range(place, len(codes)):
            members = {each.member for each in _learners(codes[later]) if isinstance(each, CheckpointedLearner)}
            if later not in order and members & ends:
                order.append(later)
        order += [] if place in order else [place]
    return order


def _learners(code: Code) -> tuple[Learner, ...]:
    return code.learners if isinstance(code, Prequential) else ()


def _measured(
    name: str, code: Code, data: Data, bob: Bob | None, seed: int, candidates: int
) -> tuple[Result, Transmission]:
    """A code's result, proved where there is a Bob, bounded where a net is sent; its seconds are Alice's alone."""
    begin = time.perf_counter()
    message, proof = None, None
    if bob is not None:
        message, transmission, proof = transmit_and_prove(bob, code, data)
    elif code.sends_net:  # a net is bounded as it decodes, from a message
        message, transmission = code.transmitted(data)
    else:
        transmission = code.measure(data)
    seconds = time.perf_counter() - begin - (0.0 if proof is None else proof.seconds)
    result = replace(_result(name, code, data, transmission, seconds, seed), proof=proof)
    if code.sends_net and message is not None:
        result = _bounded(result, code, message, data, candidates)
    return result, replace(transmission, received=replace(transmission.received, predictor=None))


def _result(name: str, code: Code, data: Data, transmission: Transmission, seconds: float, seed: int) -> Result:
    length, (test_accuracy, test_rmse) = transmission.codelength, _on_test(code, data, transmission)
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
        test_accuracy=test_accuracy,
        precision=None if (bins := data.shared.bins) is None else bins.precision,
        target_range=None if bins is None else (bins.low, bins.high),
        test_rmse=test_rmse,
        seconds=seconds,
        seed=seed,
        device=Environment.here(data.shared.inputs.device).device,
        config=to_config(code),
        versions=versions(),
        command=command_line(),
        class_names=data.shared.class_names,
        order_seed=data.order_seed,
        standardise=str(resolved(data.shared.standardise, data.shared.inputs)),
        envelope_bits=envelope_bits(code.header(data, transmission.spare)),
        notes=(*transmission.received.notes, *_advice(code, length)),
    )


def _advice(code: Code, length: Codelength) -> tuple[str, ...]:
    """What to do about a prequential code that is longer than the uniform code; nothing where it is not."""
    if not isinstance(code, Prequential) or length.compression_ratio <= 1:
        return ()
    if any(isinstance(each, UniformLearner) for each in code.learners):
        return ()
    return (
        "longer than the uniform code, as it goes with few or noisy labels, where nets are surer than they are right:"
        " `switch` falls back on the uniform code and on class frequencies, and `frequencies` looks at these alone",
    )


def _bounded(result: Result, code: Code, message: bytes, data: Data, candidates: int) -> Result:
    """The result with the bound on the net in the message, or with a note that says why there is none."""
    try:
        made = certify_sent(code, message, data, candidates=candidates)
    except MdlError as error:  # the codelength stands, and is not lost
        return replace(result, notes=(*result.notes, f"no bound on the test error: {error}"))
    return replace(
        result,
        train_errors=made.errors,
        bound_bits=made.total_bits,
        bound=made.tightest.value,
        bound_name=made.tightest.name,
        bound_delta=made.delta,
    )


def _frequencies_bits(data: Data) -> float:
    """Length of the code `frequencies`: in closed form for classes."""
    if data.shared.bins is not None:
        return Frequencies().codelength(data).total_bits
    return frequencies_bits(np.bincount(data.labels, minlength=data.shared.num_classes))


def _on_test(code: Code, data: Data, transmission: Transmission) -> tuple[float | None, float | None]:
    """Accuracy and root mean square error on the test set, None where there is none.

    Kept for themselves, since they may ask experts of which nothing else is kept than their predictions of labels.
    """
    if data.test_inputs is None or data.test_labels is None:
        return None, None
    key = None
    if finished.in_use() is not None:
        read = finished.digest(data.labels, data.test_inputs, data.test_labels)
        shared = data.shared
        key = finished.key("test", code, shared.content, shared.num_classes, read, device=shared.inputs.device)
    packing = Packing[tuple[float | None, float | None]]()
    figures = partial(_figures, data, transmission)
    return finished.once(key, figures, packing.pack, packing.unpack)


def _figures(data: Data, transmission: Transmission) -> tuple[float | None, float | None]:
    return _test_accuracy(data, transmission), _test_rmse(data, transmission)


def _test_rmse(data: Data, transmission: Transmission) -> float | None:
    """Root mean square error of the predictive medians on the test set; None for classes, or without either."""
    predictor, bins = transmission.received.predictor, data.shared.bins
    if bins is None or predictor is None or data.test_inputs is None or data.test_labels is None:
        return None
    model = predictor.model(data.test_inputs)
    assert isinstance(model, Binned)
    missed = bins.decode(model.medians()) - bins.decode(data.test_labels)
    return float(np.sqrt(np.square(missed).mean()))


def _test_accuracy(data: Data, transmission: Transmission) -> float | None:
    """Share of test labels that are the likeliest under what Bob has at the end; None without either."""
    predictor = transmission.received.predictor
    if predictor is None or data.shared.bins is not None or data.test_inputs is None or data.test_labels is None:
        return None
    shared, ledger = data.test_shared, Ledger()
    say_all(ledger, shared, data.test_labels, predictor)
    return float(ledger.codelength(shared.num_classes).correct_by_label.mean())
