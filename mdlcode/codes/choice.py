"""The shortest of several conversations: each is rehearsed, the number of the shortest sent, and that one held."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mdlcode import parallel
from mdlcode.codelength import CHOICE, Codelength
from mdlcode.codes.base import Received
from mdlcode.coding.channel import Channel, Rehearsal
from mdlcode.coding.integers import send_choice
from mdlcode.errors import PrunedError
from mdlcode.typing import FloatArray

Conversation = Callable[[Channel], Received]


@dataclass(frozen=True, eq=False)
class Rehearsed:
    """A conversation as Alice held it in rehearsal."""

    rehearsal: Rehearsal
    received: Received

    @property
    def length(self) -> Codelength:
        """Its bits."""
        return self.rehearsal.codelength(num_classes=2)


@dataclass(frozen=True, eq=False)
class Shortest:
    """The shortest of m candidates with its number; bits of the model and of the labels of each candidate (m, 2).

    The bits are infinite where a candidate's net was pruned to nothing, so that it can't be sent.
    """

    number: int
    rehearsed: Rehearsed
    bits: FloatArray


def rehearse(channel: Channel, candidates: Sequence[Conversation]) -> Shortest:
    """Alice holds each candidate on a rehearsal of the channel, side by side where there are workers.

    Of several shortest ones it is the first. Raises PrunedError where none can be sent.
    """
    pending = [parallel.submit(_held, each, channel.rehearsal()) for each in candidates]
    bits, best = np.full((len(pending), 2), np.inf), None
    for number, each in enumerate(pending):
        if (held := each.result()) is None:
            continue
        bits[number] = held.length.model_bits, held.length.label_bits
        if best is None or held.length.total_bits < best[1].length.total_bits:
            best = number, held
    if best is None:
        raise PrunedError("every candidate's net was pruned to nothing: prune less, or train longer")
    return Shortest(*best, bits)


def hold_shortest(channel: Channel, candidates: Sequence[Conversation]) -> tuple[Received, FloatArray | None]:
    """The shortest of m conversations, its number paid at log2 m bits; and on Alice's side the bits of each.

    What Alice said in rehearsal is said again on the channel, so that nothing is trained or predicted twice.
    Bob reads the number and takes part in that conversation. One candidate alone is held at once.
    """
    if len(candidates) == 1 or not channel.sending:
        number = send_choice(channel, None, len(candidates), CHOICE)
        return candidates[number](channel), None
    found = rehearse(channel, candidates)
    send_choice(channel, found.number, len(candidates), CHOICE)
    found.rehearsed.rehearsal.repeat_on(channel)
    return found.rehearsed.received, found.bits


def _held(conversation: Conversation, rehearsal: Rehearsal) -> Rehearsed | None:
    try:
        return Rehearsed(rehearsal, conversation(rehearsal))
    except PrunedError:
        return None
