"""The laws that every code is held to, the library's own and a user's: one function a law."""

import pickle
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from mdlcode import finished
from mdlcode.codelength import Codelength
from mdlcode.codes.base import Code, Transmission
from mdlcode.codes.uniform import Uniform
from mdlcode.config import to_config
from mdlcode.data.base import Data
from mdlcode.data.load import load
from mdlcode.data.view import View
from mdlcode.errors import MdlError
from mdlcode.proof.bob import Bob
from mdlcode.proof.labellings import LABELLINGS, PERMUTED, RANDOM, RENAMED, TRUE, arrangement_bits
from mdlcode.proof.proof import Proof
from mdlcode.proof.prove import transmit_and_prove

LIMIT_BITS = 30.0


class LawBrokenError(AssertionError):
    """A code that breaks a law; the text says which, with its figures."""


class Case:
    """A code, its data and a Bob; what a check asks to be run is run once for all checks."""

    def __init__(self, code: Code, data: Data, bob: Bob, seed: int) -> None:
        self.code, self.data = code, data
        self._bob, self._seed = bob, seed
        self.run = cache(self._run)
        self.before = self.state()

    def state(self) -> tuple[object, ...]:
        """Inputs, labels and settings as they are now."""
        return self.data.shared.fingerprint(), self.data.labels.tobytes(), str(to_config(self.code))

    def labelled(self, labelling: str) -> Data:
        """The same inputs with other labels, `true` ones or another of LABELLINGS."""
        return Data(labelling, self.data.shared, LABELLINGS[labelling](self.data, self._seed))

    def length(self, labelling: str) -> Codelength:
        """The codelength of these labels, as they were sent."""
        return self.run(labelling)[0].codelength

    def _run(self, labelling: str) -> tuple[Transmission, Proof]:
        return transmit_and_prove(self._bob, self.code, self.labelled(labelling))[1:]


def copies(case: Case) -> str:
    """A copy through pickle is equal and hashes alike, and the code prints as a config."""
    copy = pickle.loads(pickle.dumps(case.code))
    _hold(copy == case.code and hash(copy) == hash(case.code), "a pickled copy differs")
    _hold(isinstance(to_config(case.code), dict), "the code does not print as a config")
    return "equal, and prints as a config"


def repeats(case: Case) -> str:
    """A copy of the code gives the same bits, by part and by label, in a second run."""
    first = case.length(TRUE)
    with finished.using(None):  # a run, and no reading of what the first one kept
        second = pickle.loads(pickle.dumps(case.code)).measure(case.data).codelength
    same = first.bits_by_part == second.bits_by_part and np.array_equal(first.bits_by_label, second.bits_by_label)
    _hold(same, f"a second run gives other bits: {second.total_bits:,.1f} instead of {first.total_bits:,.1f}")
    return f"{first.total_bits:,.1f} bits twice"


def adds_up(case: Case) -> str:
    """Each label has bits >= 0, as many as there are labels; labels and parts add up to the total."""
    length, count = case.length(TRUE), len(case.data)
    _hold(length.num_labels == count, f"the bits of {length.num_labels} labels are reported, there are {count}")
    _hold(bool((length.bits_by_label >= 0).all()), "a label has negative bits")
    _hold(np.isclose(length.bits_by_label.sum(), length.label_bits, atol=1e-6), "the labels' bits do not add up")
    _hold(np.isclose(length.model_bits + length.label_bits, length.total_bits), "the parts do not add up")
    return f"{length.model_bits:,.1f} bits of model + {length.label_bits:,.1f} of {count:,} labels"


def leaves_alone(case: Case) -> str:
    """Neither the inputs, the labels nor the code are changed by a run."""
    case.run(TRUE)
    for what, before, after in zip(("inputs", "labels", "settings"), case.before, case.state(), strict=True):
        _hold(before == after, f"the {what} were changed")
    return "inputs, labels and settings are as they were"


def decodes(case: Case) -> str:
    """True, renamed, random, permuted and planted labels all decode in a process that has no labels."""
    for labelling in LABELLINGS:
        proof = case.run(labelling)[1]
        _hold(proof.labels_equal, f"{labelling} labels: {proof.error or 'other labels were decoded'}")
    return f"{len(LABELLINGS)} messages; {case.run(TRUE)[1].confinement}"


def as_long_as_reported(case: Case) -> str:
    """The message is within 64 bits + 0.1 % of the reported bits, for each of these labels."""
    for labelling in LABELLINGS:
        proof = case.run(labelling)[1]
        said = f"{proof.message_bits:,} bits are sent, {proof.reported_bits:,.1f} are reported"
        _hold(proof.proved or not proof.labels_equal, f"{labelling} labels: {said}")
    true = case.run(TRUE)[1]
    return f"{true.message_bits:,} bits sent, {true.reported_bits:,.1f} reported"


def random_labels(case: Case) -> str:
    """Uniformly random labels are not compressed by 30 bits (false alarm: 1e-9)."""
    saved = case.length(RANDOM).saved_bits
    _hold(saved < LIMIT_BITS, f"random labels are compressed by {saved:,.1f} bits, the limit is {LIMIT_BITS:.0f}")
    return f"saves {saved:,.1f} bits on them"


def permuted_labels(case: Case) -> str:
    """True labels in random order are not compressed by 30 bits below log2 of the number of their orders."""
    saved = arrangement_bits(case.data.labels) - case.length(PERMUTED).total_bits
    _hold(saved < LIMIT_BITS, f"labels in random order are compressed by {saved:,.1f} bits")
    return f"saves {saved:,.1f} bits on them"


def renamed_classes(case: Case) -> str:
    """With the classes' numbers exchanged at least half of what was saved is saved again (less 30 bits)."""
    true, other = case.length(TRUE).saved_bits, case.length(RENAMED).saved_bits
    said = f"saves {other:,.1f} bits with renamed classes, {true:,.1f} with the true ones"
    _hold(other >= true / 2 - LIMIT_BITS or true <= 0, f"the code knows the labels: it {said}")
    return said


Check = Callable[[Case], str]
CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        *(copies, repeats, adds_up, leaves_alone, decodes, as_long_as_reported),
        *(random_labels, permuted_labels, renamed_classes),
    )
}


@dataclass(frozen=True)
class Finding:
    """What came of one check: its name, whether the law holds, and the figures.

    >>> print(Finding("adds_up", True, "0.0 bits of model + 332.2 of 100 labels"))
    adds_up: holds, 0.0 bits of model + 332.2 of 100 labels
    """

    check: str
    holds: bool
    said: str

    def __str__(self) -> str:
        return f"{self.check}: {'holds' if self.holds else 'FAILS'}, {self.said}"


def check_code(code: Code, data: Data | None = None, only: str | Iterable[str] = (), bob: Bob | None = None) -> None:
    """Holds a code to all CHECKS, or to those named in `only`, on `data` (120 of the embedded digits by default).

    Raises LawBrokenError with the first law that is broken. A `Bob` that holds the same inputs already may be
    lent, so that several codes share one.

    >>> from mdlcode.codes import Uniform
    >>> check_code(Uniform(), only="decodes")
    >>> for name, check in CHECKS.items():
    ...     print(f"{name}: {check.__doc__}")  # doctest: +ELLIPSIS
    copies: A copy through pickle is equal and hashes alike, and the code prints as a config.
    ...
    """
    for finding in audit(code, data or load("digits", View(limit=120)), only, bob):
        if not finding.holds:
            raise LawBrokenError(str(finding))


def audit(
    code: Code, data: Data, only: str | Iterable[str] = (), bob: Bob | None = None, seed: int = 0
) -> Iterable[Finding]:
    """What comes of each check, one after the other; `seed` draws the other labels.

    Raises MdlError for a check that there is not.
    """
    names = [only] if isinstance(only, str) else list(only) or list(CHECKS)
    if unknown := [name for name in names if name not in CHECKS]:
        raise MdlError(f"no check '{unknown[0]}': there are {', '.join(CHECKS)}")
    if bob is None:
        with Bob(data.shared) as own:
            yield from audit(code, data, names, own, seed)
        return
    case = Case(code, data, bob, seed)
    yield from (_finding(case, name) for name in names)


def settings_bytes(code: Code) -> int:
    """Bytes by which the code's settings, as Bob is given them and compressed, pass those of its kind's default.

    Settings are shared and not charged, so that a code may hide labels there: this says how many would fit. A kind
    without a default is held against the uniform code.

    >>> settings_bytes(Uniform())
    0
    """
    try:
        default = type(code)()
    except (TypeError, ValueError):
        default = Uniform()
    own, usual = (len(zlib.compress(pickle.dumps(each), 9)) for each in (code, default))
    return own - usual


def _finding(case: Case, name: str) -> Finding:
    try:
        return Finding(name, True, CHECKS[name](case))
    except LawBrokenError as error:
        return Finding(name, False, str(error))


def _hold(true: bool | np.bool_, otherwise: str) -> None:
    if not true:
        raise LawBrokenError(otherwise)
