"""The laws that every code is held to, the library's own and a user's."""

import pickle

import numpy as np

from mdlcode.codelength import Codelength
from mdlcode.codes.base import Code
from mdlcode.coding import message
from mdlcode.config import to_config
from mdlcode.data.base import Data, Shared
from mdlcode.data.load import load
from mdlcode.data.view import View
from mdlcode.typing import IntArray

AUDIT_LIMIT_BITS = 30.0


class LawBrokenError(AssertionError):
    """A code that breaks a law; the text says which, with its figures."""


def check_code(code: Code, data: Data | None = None) -> None:
    """Holds a code to the laws on `data` (200 of the embedded digits, where none are given).

    The labels decode from the message; the message is within 64 bits + 0.1 % of the reported bits; the
    parts add up; no label is cheaper than free; the same run gives the same bits; the inputs are not
    changed; the code pickles, hashes and compares equal to its copy; on uniformly random labels it saves
    less than 30 bits. Raises LawBrokenError with the first law that fails.

    >>> from mdlcode.codes import Uniform
    >>> check_code(Uniform())
    """
    data = data or load("digits", View(limit=200))
    before = data.shared.fingerprint()
    copy = pickle.loads(pickle.dumps(code))
    _hold(copy == code and hash(copy) == hash(code), "a pickled copy differs")
    sent, transmission = code.transmitted(data)
    length = transmission.codelength
    _hold(_same(copy.measure(data).codelength, length), "a second run gives other bits")
    _check_sums(length)
    _hold(np.array_equal(code.decode(data.shared, sent), data.labels), "the message decodes to other labels")
    _hold(within_tolerance(message.payload_bits(sent), length.total_bits), "message and reported bits differ")
    _hold(data.shared.fingerprint() == before, "the inputs were changed")
    _hold(bool(to_config(code)), "the code does not print as a config")
    saved = audit(code, data.shared)
    _hold(saved < AUDIT_LIMIT_BITS, f"random labels are compressed by {saved:.1f} bits")


def audit(code: Code, shared: Shared, seed: int = 0) -> float:
    """Bits that the code saves on uniformly random labels for the same inputs.

    A legal code saves d bits with probability at most 2^-d; at 30 the false alarm has probability 1e-9.
    """
    return code.codelength(Data("audit", shared, random_labels(shared, seed))).saved_bits


def random_labels(shared: Shared, seed: int) -> IntArray:
    """Uniformly random labels (n,), drawn from `seed`."""
    return np.random.Generator(np.random.PCG64([3, seed])).integers(shared.num_classes, size=len(shared))


def within_tolerance(message_bits: float, reported_bits: float) -> bool:
    """Whether a message is as long as reported, to 64 bits and 0.1 %."""
    return abs(message_bits - reported_bits) <= 64 + 0.001 * reported_bits


def _check_sums(length: Codelength) -> None:
    _hold(bool((length.bits_by_label >= 0).all()), "a label has negative bits")
    _hold(np.isclose(length.bits_by_label.sum(), length.label_bits, atol=1e-6), "labels' bits do not add up")
    _hold(np.isclose(length.model_bits + length.label_bits, length.total_bits), "parts do not add up")


def _same(one: Codelength, other: Codelength) -> bool:
    return one.bits_by_part == other.bits_by_part and np.array_equal(one.bits_by_label, other.bits_by_label)


def _hold(true: bool | np.bool_, otherwise: str) -> None:
    if not true:
        raise LawBrokenError(otherwise)
