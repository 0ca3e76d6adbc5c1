"""Who listens to Alice: a ledger that counts bits, a sender that writes them, a receiver that reads them.

A code is one conversation over a `Channel`. The Ledger turns it into a codelength, the Sender into the
words of a message, the Receiver into the labels. This file, `cells` and `entropy_models` alone know the coder,
an ANS stack (Duda 2013; `constriction`). The stack is last in, first out, so the Sender keeps what it
is told (of a label and its row of probabilities the few bytes that the coder needs) and pushes it in reverse order at
the end; the Receiver pops in the order of the conversation.

Bits-back (Hinton & van Camp 1993): Alice has spare bits, any other words that she also wants to send to Bob. Decoding
symbols from them under a distribution draws from that distribution, and the message is written on top of the spare
bits that are left. When Bob knows the distribution too, he encodes the draw again, which restores the spare bits.
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable
from operator import methodcaller

import constriction
import numpy as np
from numpy.typing import NDArray

from mdlcode.codelength import LABELS, Codelength
from mdlcode.coding.entropy_models import EntropyModel, Even, Told
from mdlcode.coding.smoothing import Smoothed
from mdlcode.errors import MdlError
from mdlcode.typing import BoolArray, FloatArray, IntArray

Words = NDArray[np.uint32]

# What an altered message makes of a decoding: impossible symbols, shapes and sizes, wherever they are met.
UNDECODABLE = (ValueError, AssertionError, ArithmeticError, LookupError, RuntimeError, MemoryError, MdlError)
# An empty stack swallows symbols 0 for nothing, so that a message could be shorter than what is reported.
_FULL_STACK: Words = np.array([1, 1], dtype=np.uint32)
_EMPTY: Words = np.zeros(0, dtype=np.uint32)
_SPARE_KEY = 4  # of the random words that stand for spare bits where nobody gives any
_PAD_KEY = 7
_SPARE_MARGIN_WORDS = 64


class Channel(ABC):
    """What a code speaks into. `sending` says whether this side knows the labels (Alice) or not (Bob)."""

    sending: bool

    def send(self, symbols: IntArray | None, probs: FloatArray, part: str = LABELS) -> IntArray:
        """The symbols (n,), sent under the rows `probs` (n, K), which are smoothed first.

        Alice passes the symbols, Bob passes None and gets them. `part` names what the bits are spent on.
        """
        return self.send_under(symbols, Smoothed(probs), part)

    def send_uniform(self, symbols: IntArray | None, count: int, size: int, part: str) -> IntArray:
        """The `count` symbols from 0 .. size-1, sent at log2(size) bits each (size at most 2^16).

        Where 2^24 / size is no whole number, at up to 2^-24 size more, and the last symbol at less.
        """
        return self.send_under(symbols, Even(count, size), part)

    @abstractmethod
    def send_under(self, symbols: IntArray | None, model: EntropyModel, part: str) -> IntArray:
        """The symbols (n,), sent under the distributions `model`."""

    @abstractmethod
    def scramble(self, key: int) -> None:
        """From here on spare bits are read through a pad of that number; 0 is none. Before any loan.

        So a sender may choose among draws without choosing her spare bits: she tells the number.
        """

    def rehearsal(self) -> "Rehearsal":
        """A ledger with the spare bits that are left here, and nothing else: what would be said, and its bits.

        Alice's side.
        """
        raise MdlError("only the sender has spare bits to rehearse with: a code must ask channel.sending first")

    @abstractmethod
    def borrow(self, model: EntropyModel, part: str) -> IntArray:
        """A draw (n,) from `model`, popped from the spare bits: its bits count as negative ones. Alice's side."""

    @abstractmethod
    def give_back(self, symbols: IntArray, model: EntropyModel) -> None:
        """The inverse of `borrow`, the last loan first. On Alice's side nothing happens."""


class Ledger(Channel):
    """Adds up -log2 p of every symbol, p as the coder rounds it, by part and by label.

    >>> ledger = Ledger()
    >>> _ = ledger.send(np.array([0, 1]), np.array([[0.5, 0.5], [0.75, 0.25]]))
    >>> round(ledger.codelength(num_classes=2).total_bits, 3)
    3.0
    """

    sending = True

    def __init__(self, spare: Words | None = None, seed: int = 0) -> None:
        """With spare bits of one's own; otherwise pseudo-random ones stand for them, as many as are borrowed."""
        self._bits: defaultdict[str, list[FloatArray]] = defaultdict(list)
        self._correct: list[BoolArray] = [np.zeros(0, dtype=np.bool_)]
        self._given, self._seed = spare is not None, seed
        self._spare = _EMPTY if spare is None else spare
        self._left, self._key = self._spare, 0
        if spare is not None and (len(spare) < len(_FULL_STACK) or spare[-1] == 0):
            raise MdlError("spare bits must be at least two 32-bit words, the last one not zero")

    @property
    def spare(self) -> Words:
        """The spare bits as they were before anything was borrowed; none where nothing was."""
        return self._spare

    def send_under(self, symbols: IntArray | None, model: EntropyModel, part: str) -> IntArray:
        """The symbols again; -log2 of their probabilities are counted."""
        known = _known(symbols, model)
        told = model.told(known)
        self._bits[part].append(told.bits(known))
        if part == LABELS and isinstance(told, Told):
            self._correct.append(told.hits)
        self._hold(known, told, part)
        return known

    def _hold(self, symbols: IntArray, told: EntropyModel, part: str) -> None:
        """A ledger forgets what it counted."""

    def scramble(self, key: int) -> None:
        """The spare bits that are there, and all lent later, get the pad."""
        self._key = key
        self._left = self._spare ^ pad(key, len(self._spare))

    def rehearsal(self) -> "Rehearsal":
        """As of `Channel`."""
        ledger = Rehearsal(self._spare if self._given else None, self._seed)
        ledger._spare, ledger._left, ledger._key = self._spare, self._left, self._key
        return ledger

    def borrow(self, model: EntropyModel, part: str) -> IntArray:
        """The draw. Raises MdlError where the spare bits given are too few for it."""
        if not self._given:
            self._lend(int(1.02 * model.entropy_bits() / 32) + _SPARE_MARGIN_WORDS)
        needed = len(self._spare) - len(self._left) + int(model.entropy_bits() / 32) + _SPARE_MARGIN_WORDS
        coder = constriction.stream.stack.AnsCoder(self._left)
        symbols = model.pop(coder)
        self._left = np.asarray(coder.get_compressed(), dtype=np.uint32)
        if len(self._left) <= len(_FULL_STACK):
            have = 32 * len(self._spare)
            raise MdlError(f"{have:,} spare bits are too few for the draw: give {32 * needed:,} or more")
        self._bits[part].append(-model.bits(symbols))
        return symbols

    def give_back(self, symbols: IntArray, model: EntropyModel) -> None:
        """Nothing: Alice has what she lent herself."""

    def _lend(self, count: int) -> None:
        """More spare words, below those that are there."""
        random = np.random.Generator(np.random.Philox(key=[_SPARE_KEY + (self._seed << 8), len(self._spare)]))
        fresh = random.integers(2**32, size=count, dtype=np.uint32)
        fresh[-1] |= 1
        padded = fresh ^ pad(self._key, len(self._spare) + count)[:count]
        self._spare, self._left = np.concatenate([fresh, self._spare]), np.concatenate([padded, self._left])

    def codelength(self, num_classes: int) -> Codelength:
        """What was sent so far, as a `Codelength`."""
        arrays = {part: np.concatenate(pieces) for part, pieces in self._bits.items()}
        return Codelength(
            bits_by_part={part: float(bits.sum()) for part, bits in arrays.items()},
            bits_by_label=arrays.get(LABELS, np.zeros(0)),
            num_classes=num_classes,
            correct_by_label=np.concatenate(self._correct),
        )


class Rehearsal(Ledger):
    """A ledger that remembers what it was told, so that the same can be said on the channel that it is of.

    >>> channel = Sender()
    >>> rehearsal = channel.rehearsal()
    >>> _ = rehearsal.send(np.array([0, 1]), np.full((2, 2), 0.5))
    >>> channel.codelength(2).total_bits, rehearsal.repeat_on(channel), channel.codelength(2).total_bits
    (0.0, None, 2.0)
    """

    def __init__(self, spare: Words | None = None, seed: int = 0) -> None:
        super().__init__(spare, seed)
        self._said: list[Callable[[Channel], object]] = []

    def _hold(self, symbols: IntArray, told: EntropyModel, part: str) -> None:
        self._said.append(methodcaller("send_under", symbols, told, part))

    def scramble(self, key: int) -> None:
        """As of `Ledger`, and remembered."""
        super().scramble(key)
        self._said.append(methodcaller("scramble", key))

    def borrow(self, model: EntropyModel, part: str) -> IntArray:
        """As of `Ledger`, and remembered: from the same spare bits it is the same draw."""
        self._said.append(methodcaller("borrow", model, part))
        return super().borrow(model, part)

    def repeat_on(self, channel: Channel) -> None:
        """Says all of it again, in the same order, on the channel that this is a rehearsal of."""
        for say in self._said:
            say(channel)


class Sender(Ledger):
    """A ledger that also writes: `words()` are the message, within a few words of the ledger's bits.

    >>> sender = Sender()
    >>> _ = sender.send(np.zeros(640, dtype=np.int64), np.full((640, 2), 0.5))
    >>> 640 <= 32 * len(sender.words()) <= 640 + 64
    True
    """

    def __init__(self, spare: Words | None = None, seed: int = 0) -> None:
        super().__init__(spare, seed)
        self._sent: list[tuple[IntArray, EntropyModel]] = []

    def _hold(self, symbols: IntArray, told: EntropyModel, part: str) -> None:
        self._sent.append((symbols, told))

    def words(self) -> Words:
        """The message: 32-bit words, to be read by a `Receiver` in the order of the conversation.

        Where bits were borrowed, `spare` of these words are Bob's gain: he gets them back.
        """
        coder = constriction.stream.stack.AnsCoder(self._left if len(self._spare) else _FULL_STACK)
        for symbols, model in reversed(self._sent):
            model.push(coder, symbols)
        return np.asarray(coder.get_compressed(), dtype=np.uint32)


class Receiver(Channel):
    """Reads the symbols back. Wrong probabilities read wrong symbols: the message's checksum tells.

    >>> sender = Sender()
    >>> _ = sender.send(np.array([1, 0, 1]), np.full((3, 2), 0.5))
    >>> Receiver(sender.words()).send(None, np.full((3, 2), 0.5))
    array([1, 0, 1])
    """

    sending = False

    def __init__(self, words: Words) -> None:
        self._coder = constriction.stream.stack.AnsCoder(words)
        self._key = 0

    def send_under(self, symbols: IntArray | None, model: EntropyModel, part: str) -> IntArray:
        """The next symbols of the message."""
        return model.pop(self._coder)

    def scramble(self, key: int) -> None:
        """What is left at the end is read through the same pad."""
        self._key = key

    def borrow(self, model: EntropyModel, part: str) -> IntArray:
        """Raises MdlError: Bob has no spare bits, he gives Alice's back."""
        raise MdlError("only the sender borrows spare bits: a code must ask channel.sending first")

    def give_back(self, symbols: IntArray, model: EntropyModel) -> None:
        """The spare bits that the draw took are back on the stack."""
        model.push(self._coder, symbols)

    def rest(self) -> Words:
        """The words that are left: after the whole conversation Alice's spare bits, if she had any."""
        words = np.asarray(self._coder.get_compressed(), dtype=np.uint32)
        return words ^ pad(self._key, len(words))


def pad(key: int, count: int) -> Words:
    """Pseudo-random words (count,) to be added to spare bits, the same from the top whatever their number.

    >>> pad(1, 4)[1:].tolist() == pad(1, 3).tolist(), pad(0, 2).tolist(), int(pad(7, 2)[-1])
    (True, [0, 0], 0)
    """
    if key == 0 or count == 0:
        return np.zeros(count, dtype=np.uint32)
    words = np.random.Generator(np.random.Philox(key=[_PAD_KEY, key])).integers(2**32, size=count, dtype=np.uint32)
    words[0] = 0  # the word on top must not become zero
    return words[::-1]


def _known(symbols: IntArray | None, model: EntropyModel) -> IntArray:
    """The symbols, checked; raises MdlError where Alice does not give one for each place."""
    if symbols is None or len(symbols) != len(model):
        raise MdlError(f"{len(model)} symbols were to be sent, {0 if symbols is None else len(symbols)} were given")
    return symbols
