"""`Code`: a lossless code for labels given inputs, written once as what Alice and Bob say."""

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass as plain_dataclass
from dataclasses import field
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from mdlcode import finished, progress
from mdlcode.codelength import LABELS, Codelength
from mdlcode.codes.last_run import MOST_BYTES, LastRun, Remembered
from mdlcode.coding import message as envelope
from mdlcode.coding.binned import even_bins
from mdlcode.coding.channel import UNDECODABLE, Channel, Ledger, Receiver, Sender, Words
from mdlcode.coding.entropy_models import Alike
from mdlcode.coding.smoothing import smooth
from mdlcode.config import STRICT, Configurable, parsed, to_config
from mdlcode.data.base import PIECE_BYTES, Data, Shared, require_data
from mdlcode.environment import Environment
from mdlcode.errors import MdlError, MessageError, in_one_line
from mdlcode.learn.base import Predictor
from mdlcode.limits import require_memory
from mdlcode.trust import require_trusted
from mdlcode.typing import Config, FloatArray, IntArray
from mdlcode.validation import shown

_LAST_RUN = LastRun()
_BYTES_OF_A_LABEL, _COPIES_OF_ROWS = 96, 4


@plain_dataclass(frozen=True, eq=False)
class Received:
    """What Bob has at the end: the labels, and a predictor for new inputs where the code makes one.

    `traces` are arrays worth plotting, such as the weight of each expert at each label. `notes` are
    lines that a command prints.
    """

    labels: IntArray
    predictor: Predictor | None = None
    traces: Mapping[str, FloatArray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@plain_dataclass(frozen=True, eq=False)
class Transmission:
    """One run of a code on Alice's side: its length, what Bob will have, and the spare bits that were lent, if any."""

    codelength: Codelength
    received: Received
    spare: Words = field(default_factory=lambda: np.zeros(0, dtype=np.uint32))


@dataclass(frozen=True, config=STRICT)
class Code(Configurable, ABC):
    """A lossless code for labels given inputs. Both sides hold `self` and the `Shared` inputs.

    The three verbs are one conversation, `transmit`, over three channels; so what is measured is what
    is sent, and a code that looks at labels which Bob has not got can't be decoded.
    """

    # Whether Bob must repeat floating-point work of Alice's bit by bit.
    needs_same_environment: ClassVar[bool] = True

    @property
    def has_parts(self) -> bool:
        """Whether its work is submitted in parts, so that processes side by side share it."""
        return False

    @property
    def sends_net(self) -> bool:
        """Whether what Bob predicts with is made of the message's model part alone: then bounds hold for it."""
        return False

    @abstractmethod
    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """The conversation. On Alice's side `labels` are known and are returned; on Bob's they are None."""

    def measure(self, data: Data) -> Transmission:
        """The codelength and what Bob has at the end, without writing a message.

        A code may add traces and notes here that take work of their own: the other verbs go without.
        """
        return self._spoken(Ledger(), data)

    def codelength(self, data: Data) -> Codelength:
        """Bits of the labels given the inputs under this code.

        `encode` of the same data afterwards trains nothing again, nor does this after `encode`, as long as the run
        takes at most 64 MiB to remember.

        >>> from mdlcode.codes import Uniform
        >>> from mdlcode.data import load
        >>> round(Uniform().codelength(load("digits")).total_bits, 1)
        5969.5
        """
        return self._remembered(data, MOST_BYTES).codelength(data.shared.num_classes)

    def encode(self, data: Data) -> bytes:
        """The message that tells Bob the labels."""
        sender = Sender()
        self._remembered(data, math.inf).repeat_on(sender)
        return envelope.pack(self.header(data, sender.spare), sender.words())

    def transmitted(
        self, data: Data, source: Config | None = None, spare: Words | None = None
    ) -> tuple[bytes, Transmission]:
        """The message, and what the same run measured. It is a fresh run, whatever was run before.

        `source` is noted in the message's header. With bits-back the message carries `spare` to Bob too.
        """
        sender = Sender(spare)
        transmission = self._spoken(sender, data)
        return envelope.pack(self.header(data, sender.spare, source), sender.words()), transmission

    def header(self, data: Data, spare: Words, source: Config | None = None) -> envelope.Header:
        """What the envelope of a message of these data says."""
        return envelope.Header(
            code=to_config(self),
            inputs=data.shared.fingerprint(),
            num_labels=len(data),
            num_classes=data.shared.num_classes,
            labels_checksum=envelope.checksum(data.labels),
            environment=Environment.here(data.shared.inputs.device),
            data=source,
            spare_words=len(spare),
            spare_checksum=envelope.words_checksum(spare),
        )

    def decode(self, shared: Shared, message: bytes) -> IntArray:
        """The labels (n,) that a message of this code tells, given the inputs.

        Raises MessageError for a message that is altered, of another code, for other inputs, or made in
        another environment; never returns wrong labels (they are held to a 64-bit checksum).
        """
        if not isinstance(shared, Shared):
            raise MdlError(f"`shared` is {shown(shared)}: what both sides hold is needed, such as data.shared")
        header, words = envelope.unpack(message)
        if header.code != to_config(self):
            raise MessageError("the message was made with another code or other settings: use its own config")
        if (header.inputs, header.num_classes) != (shared.fingerprint(), shared.num_classes):
            raise MessageError("the message belongs to other inputs: check the data set, `limit` and `order_seed`")
        require_rows(shared)
        if self.needs_same_environment:
            header.environment.check(shared.inputs.device)
        labels, spare = self._received(shared, words)
        if header.spare_words and envelope.words_checksum(spare) != header.spare_checksum:
            raise MessageError("the spare bits did not come back as they were lent: is this the same machine?")
        if len(labels) != header.num_labels or envelope.checksum(labels) != header.labels_checksum:
            raise MessageError("the message decodes to other labels than were sent: is this the same machine?")
        return labels

    def _remembered(self, data: Data, most_bytes: float) -> Remembered:
        """The conversation as Alice held it last, or holds it now; of at most so many bytes, else its bits alone."""
        require_data(data)
        run = _LAST_RUN.find(self, data)
        if run is None:
            run = Remembered(most_bytes)
            self._spoken(run, data)
            _LAST_RUN.keep(self, data, run)
        return run

    def _spoken(self, channel: Ledger, data: Data) -> Transmission:
        require_data(data)
        require_rows(data.shared)
        if finished.in_use() is not None:
            data.shared.fingerprint()  # anew, since arrays may be changed in place
        with progress.shown():
            received = self.transmit(channel, data.shared, data.labels.copy())
        return Transmission(channel.codelength(data.shared.num_classes), received, channel.spare)

    def _received(self, shared: Shared, words: Words) -> tuple[IntArray, Words]:
        try:
            receiver = Receiver(words)
            with progress.shown(), finished.using(None):  # nothing of Alice's may reach Bob but her words
                return self.transmit(receiver, shared, None).labels, receiver.rest()
        except UNDECODABLE as error:
            raise MessageError(f"the message does not decode: {in_one_line(error)}") from None


@dataclass(frozen=True, config=STRICT)
class PreparedCode(Code):
    """A code with work on Alice's side alone, such as a training: `prepare` does it, `speak` tells what came of it.

    What is prepared is not changed by speaking, so that it can be told on one channel after another.
    """

    @abstractmethod
    def prepare(self, shared: Shared, labels: IntArray) -> Any:
        """What Alice makes of the labels before she says a word."""

    @abstractmethod
    def speak(self, channel: Channel, prepared: Any, shared: Shared, labels: IntArray | None) -> Received:
        """The conversation once she has it. On Bob's side `prepared` and `labels` are None."""

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """Alice prepares, and then both speak."""
        prepared = None if labels is None else self.prepare(shared, labels)
        return self.speak(channel, prepared, shared, labels)


def require_rows(shared: Shared) -> None:
    """Raises MdlError where a code of one predictor takes more memory than is allowed, beside the inputs."""
    require_memory(needed_bytes(shared), f"a code of {len(shared):,} labels of {shared.num_classes:,} classes")


def needed_bytes(shared: Shared) -> int:
    """How much memory a code of one predictor takes at most, beside the inputs and what the predictor itself needs.

    96 n + 4 P bytes for n labels: what a sender keeps of each, and some copies of the predictions held at once, which
    are P = 8 n K bytes for K classes up to 256 MiB, and else a piece of 64 MiB, or one row.
    """
    held = max(PIECE_BYTES, shared.row_bytes) if shared.is_long else len(shared) * shared.row_bytes
    return _BYTES_OF_A_LABEL * shared.num_labels + _COPIES_OF_ROWS * held


def say_uniformly(channel: Channel, labels: IntArray | None, count: int, shared: Shared) -> IntArray:
    """So many labels under the uniform distribution over classes or bins."""
    if shared.bins is not None:
        return channel.send_under(labels, even_bins(count, shared.num_classes), LABELS)
    return channel.send_under(labels, Alike(smooth(uniform_rows(1, shared.num_classes))[0], count), LABELS)


def uniform_rows(count: int, num_classes: int) -> FloatArray:
    """Rows (count, K) that are all 1 / K, and take the memory of one number."""
    return np.broadcast_to(np.float64(1.0 / num_classes), (count, num_classes))


def parse_code(value: Any) -> Any:
    """A code from a config of one's own; an instance of `Code` as it is. What the config names is imported."""
    return parsed(value, Code, "code")


AnyCode = Annotated[Code, BeforeValidator(parse_code)]


def code_of(header: envelope.Header, trusted: Collection[str] = ()) -> Code:
    """The code that a message's header names. Raises MdlError where it would import what is not `trusted`."""
    require_trusted(header.code, trusted, "the message")
    code = parse_code(header.code)
    if not isinstance(code, Code):
        raise MessageError("the message's header names no code: encode it again")
    return code


def decode(shared: Shared, message: bytes, trusted: Collection[str] = ()) -> IntArray:
    """The labels (n,) that a message tells, given the inputs, by the code that its header names.

    `trusted` are the `package.module:name`s that the message may import. Raises MdlError where it asks for
    another one, and MessageError as `Code.decode` does.

    >>> from mdlcode.codes import Uniform
    >>> from mdlcode.data import load
    >>> data = load("digits")
    >>> bool((decode(data.shared, Uniform().encode(data)) == data.labels).all())
    True
    """
    return code_of(envelope.unpack(message)[0], trusted).decode(shared, message)
