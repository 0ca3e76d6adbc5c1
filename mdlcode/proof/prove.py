"""A number proved: encode here, decode in a process that never had the labels, compare here."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mdlcode.codes.base import Code, Transmission
from mdlcode.coding.message import payload_bits, unpack
from mdlcode.data.base import Data, require_data
from mdlcode.errors import MdlError
from mdlcode.proof.bob import Bob, seal
from mdlcode.proof.proof import Proof
from mdlcode.validation import shown


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
    require_data(data)
    if not isinstance(code, Code):
        raise MdlError(f"`code` is {shown(code)}: a code is needed, such as preset('uniform')")
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
