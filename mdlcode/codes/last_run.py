"""The last run of a code, so that `codelength` and `encode` of the same data, one after the other, train once."""

import hashlib
import math
import weakref
from dataclasses import dataclass

import numpy as np

from mdlcode.coding.channel import Rehearsal
from mdlcode.coding.entropy_models import EntropyModel
from mdlcode.data.base import Data
from mdlcode.environment import Environment
from mdlcode.typing import IntArray

MOST_BYTES = 1 << 26  # 64 MiB; a run of more is not remembered


class Remembered(Rehearsal):
    """A rehearsal that forgets what was said once that takes more than `most_bytes`; the count of bits stays.

    >>> channel = Remembered(most_bytes=50)
    >>> _ = channel.send(np.array([0, 1]), np.full((2, 2), 0.5))
    >>> channel.whole, channel.send(np.array([0, 1]), np.full((2, 2), 0.5)).tolist(), channel.whole
    (True, [0, 1], False)
    >>> channel.codelength(num_classes=2).total_bits
    4.0
    """

    def __init__(self, most_bytes: float = math.inf) -> None:
        super().__init__()
        self._most_bytes, self.held_bytes = most_bytes, 0

    @property
    def whole(self) -> bool:
        """Whether all of it can be said again."""
        return self.held_bytes <= self._most_bytes

    def borrow(self, model: EntropyModel, part: str) -> IntArray:
        """As of `Rehearsal`, as long as there is room."""
        drawn = super().borrow(model, part)
        self._count(drawn, model)
        return drawn

    def _hold(self, symbols: IntArray, told: EntropyModel, part: str) -> None:
        super()._hold(symbols, told, part)
        self._count(symbols, told)

    def _count(self, symbols: IntArray, model: EntropyModel) -> None:
        self.held_bytes += symbols.nbytes + _held_bytes(model)
        if not self.whole:
            self._said.clear()


def _held_bytes(model: EntropyModel) -> int:
    held = vars(model).values()
    arrays = sum(each.nbytes for each in held if isinstance(each, np.ndarray))
    return arrays + sum(_held_bytes(each) for each in held if isinstance(each, EntropyModel))


@dataclass(frozen=True)
class _Key:
    """What a run depends on beside the code. Hashes, as arrays may be changed in place."""

    inputs: str
    num_classes: int
    labels: bytes
    environment: Environment


class LastRun:
    """At most one run: of one code object, as long as that lives, on the same data in the same environment."""

    def __init__(self) -> None:
        self._code: weakref.ref[object] = weakref.ref(self)
        self._run: tuple[_Key, Remembered] | None = None

    def find(self, code: object, data: Data) -> Remembered | None:
        """The run of that very object on these inputs and labels, if it was the last one."""
        if self._run is None or self._code() is not code or self._run[0] != _key(data):
            return None
        return self._run[1]

    def keep(self, code: object, data: Data, run: Remembered) -> None:
        """Remembers the run in place of the one before, if it is not too large."""
        self.clear()
        if run.whole and run.held_bytes <= MOST_BYTES:
            self._code = weakref.ref(code, lambda _: self.clear())
            self._run = _key(data), run

    def clear(self) -> None:
        """Forgets it."""
        self._run = None


def _key(data: Data) -> _Key:
    labels = hashlib.sha256(np.ascontiguousarray(data.labels).data).digest()
    here = Environment.here(data.shared.inputs.device)
    return _Key(data.shared.fingerprint(), data.shared.num_classes, labels, here)
