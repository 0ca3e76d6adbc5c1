"""A number proved: encode here, decode in a process that never had the labels, compare here."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from pydantic.dataclasses import dataclass

from mdlcode.codes.base import Code, Transmission
from mdlcode.coding.message import payload_bits, unpack
from mdlcode.data.base import Data
from mdlcode.proof.bob import Bob, seal


@dataclass(frozen=True)
class Proof:
    """What came of sending labels to a process that has the inputs and no labels.

    `reported_bits` is the codelength; `message_bits` are those of the message's coded words, less the
    `spare_bits` that bits-back lends and gets back; the envelope around them (which code, inputs and software,
    checksums) is not charged. `seconds` is what waiting for Bob took, `confined_by` what kept his process from
    files and network, as it found on trying, and `error` why he has no labels, empty where he has.

    >>> print(Proof(837.4, 864, 0, 260, True, 5.1, ("landlock", "network namespace")))
    reported 837.4 bits, message 864 bits, difference +26.6 bits; labels identical: proved
    """

    reported_bits: float
    message_bits: int
    spare_bits: int
    envelope_bytes: int
    labels_equal: bool
    seconds: float
    confined_by: tuple[str, ...] = ()
    error: str = ""

    @property
    def proved(self) -> bool:
        """Whether Bob has the labels, from a message as long as reported, to 64 bits and 0.1 %."""
        return self.labels_equal and within_tolerance(self.message_bits, self.reported_bits)

    @property
    def confinement(self) -> str:
        """What kept Bob's process from files and network, in words."""
        return f"Bob's process was held by {' and '.join(self.confined_by) or 'nothing'}"

    def __str__(self) -> str:
        labels = "identical" if self.labels_equal else "not decoded" if self.error else "DIFFERENT"
        return (
            f"reported {self.reported_bits:,.1f} bits, message {self.message_bits:,} bits,"
            f" difference {self.message_bits - self.reported_bits:+,.1f} bits;"
            f" labels {labels}: {'proved' if self.proved else 'NOT PROVED'}"
            + (f" ({self.error})" if self.error else "")
        )


def prove(code: Code, data: Data, readable: Iterable[Path] = ()) -> Proof:
    """Sends the labels of `data` to a process that has the inputs alone, and holds what it gets against them.

    Bob's process may open no files but the installed software, copies of the modules that are loaded here, and
    what `readable` names (weights that were trained on other data, say). See `docs/proof.md` for what a proof means.
    Raises MdlError for a code that can't be sent to another process.

    >>> from mdlcode.codes import Uniform
    >>> from mdlcode.data import View, load
    >>> proof = prove(Uniform(), load("digits", View(limit=100)))
    >>> proof.proved, round(proof.reported_bits, 1), proof.message_bits
    (True, 332.2, 384)
    """
    with Bob(data.shared, readable) as bob:
        return transmit_and_prove(bob, code, data)[2]


def transmit_and_prove(bob: Bob, code: Code, data: Data) -> tuple[bytes, Transmission, Proof]:
    """The message that Alice sent to this Bob, what she measured as she wrote it, and what came of it."""
    sealed, truth = seal(code), data.labels.tobytes()  # before the code meets them
    message, transmission = Code.transmitted(code, data)
    answer = bob.decode(sealed, message)
    spare_bits, message_bits = 32 * unpack(message)[0].spare_words, payload_bits(message)
    proof = Proof(
        reported_bits=transmission.codelength.total_bits,
        message_bits=message_bits,
        spare_bits=spare_bits,
        envelope_bytes=len(message) - (message_bits + spare_bits) // 8,
        labels_equal=answer.labels is not None and np.array_equal(answer.labels, np.frombuffer(truth, np.int64)),
        seconds=answer.seconds,
        confined_by=answer.confined_by,
        error=answer.error,
    )
    return message, transmission, proof


def within_tolerance(message_bits: float, reported_bits: float) -> bool:
    """Whether a message is as long as reported, to 64 bits and 0.1 %.

    >>> within_tolerance(1056, 1000), within_tolerance(1080, 1000)
    (True, False)
    """
    return abs(message_bits - reported_bits) <= 64 + 0.001 * reported_bits
