"""Work and outcomes as bytes, in which residents are only named, by a hash of their content."""

import io
import os
import pickle
import traceback
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import cloudpickle
import torch
from torch import Tensor

from mdlcode import finished, progress
from mdlcode.engines.task import Outcome, Task
from mdlcode.environment import Environment
from mdlcode.errors import MdlError
from mdlcode.resident import Resident

_AS_ARRAYS = (torch.uint8, torch.int64, torch.float32)
_held: dict[str, Resident] = {}  # in a worker: the residents of its last task, by name


class Packer(cloudpickle.Pickler):  # type: ignore[misc]
    """Turns an object into bytes, those functions too that no module holds; `name_of` names residents inside."""

    def __init__(self, name_of: Callable[[Resident], str | None]) -> None:
        self._file, self._name_of, self.on_gpu = io.BytesIO(), name_of, False
        super().__init__(self._file, protocol=pickle.HIGHEST_PROTOCOL)

    def packed(self, value: object) -> bytes:
        """The bytes of `value`."""
        self.dump(value)
        return self._file.getvalue()

    def persistent_id(self, value: object) -> str | None:
        """The name of a resident, None for what is packed as it is."""
        return self._name_of(value) if isinstance(value, Resident) else None

    def reducer_override(self, value: object) -> Any:
        """As cloudpickle has it; whether something lies on a GPU is noted."""
        self.on_gpu |= isinstance(value, Tensor) and value.is_cuda
        return super().reducer_override(value)


class _ResidentPacker(Packer):
    """Tensors as arrays, since torch writes addresses beside the values: equal ones shall have one name."""

    def reducer_override(self, value: object) -> Any:
        if type(value) is Tensor and value.dtype in _AS_ARRAYS and value.is_contiguous() and value.device.type == "cpu":
            return _tensor, (value.numpy(),)
        return super().reducer_override(value)


def _tensor(array: Any) -> Tensor:
    return torch.from_numpy(array)


class _Unpacker(pickle.Unpickler):
    def __init__(self, packed: Any, held: Callable[[str], Resident]) -> None:
        super().__init__(io.BytesIO(packed))
        self._held = held

    def persistent_load(self, name: str) -> Resident:
        return self._held(name)


class Residents:
    """On the sender's side: residents by name. Each is packed and `put` once, where all workers find its bytes."""

    def __init__(self, put: Callable[[str, bytes], Any]) -> None:
        self._put = put
        self._names: dict[int, str] = {}
        self._objects: dict[str, Resident] = {}
        self._all: list[Resident] = []  # kept, so that no other object gets the identity of one
        self._needs: dict[str, tuple[dict[str, None], bool]] = {}
        self.references: dict[str, Any] = {}

    def pack(self, value: object, packer: type[Packer] = Packer) -> tuple[bytes, tuple[str, ...], bool]:
        """Bytes, the names of all residents that they need, and whether something in them lies on a GPU."""
        needs: dict[str, None] = {}
        on_gpu = False

        def name_of(found: Resident) -> str | None:
            nonlocal on_gpu
            if found is value:
                return None
            name = self._name(found)
            inner, there = self._needs[name]
            needs.update(inner | {name: None})
            on_gpu |= there
            return name

        made = packer(name_of)
        packed = made.packed(value)
        return packed, tuple(needs), on_gpu or made.on_gpu

    def unpack(self, packed: bytes) -> Any:
        """The object of bytes in which these residents are named."""
        return _Unpacker(packed, self._objects.__getitem__).load()

    def _name(self, found: Resident) -> str:
        if id(found) not in self._names:
            packed, needs, on_gpu = self.pack(found, _ResidentPacker)
            name = sha256(packed).hexdigest()
            if name not in self.references:
                self.references[name] = self._put(name, packed)
                self._needs[name], self._objects[name] = (dict.fromkeys(needs), on_gpu), found
            self._names[id(found)] = name
            self._all.append(found)
        return self._names[id(found)]


def done(task: Task, blobs: Sequence[Any]) -> bytes:
    """In a worker: the outcome of a task, whose residents these bytes are."""
    outcome, caught = Outcome(), list[warnings.WarningMessage]()
    if not Path(os.environ.get(finished.VARIABLE, "")).is_dir():  # a cache of the sender's machine
        os.environ[finished.VARIABLE] = ""
    try:
        torch.set_num_threads(int(task.home["threads"]))
        _require_home(task)
        _hold(task.residents, blobs)
        with progress.listening(outcome), warnings.catch_warnings(record=True) as caught:
            outcome.value = _Unpacker(task.work, _held.__getitem__).load()()
    except ModuleNotFoundError as error:
        outcome.error = BrokenExecutor(f"a worker has no module '{error.name}': install it there")
    except Exception as error:
        if not isinstance(error, MdlError | BrokenExecutor):
            error.add_note("in a worker:\n" + traceback.format_exc())
        outcome.error = error
    outcome.warnings = [(each.message, each.category) for each in caught if isinstance(each.message, Warning)]
    names = {id(each): name for name, each in _held.items()}
    return Packer(lambda found: names.get(id(found))).packed(outcome)


def _hold(names: Sequence[str], blobs: Sequence[Any]) -> None:
    """Unpacks those residents that are not there yet, and drops those that are not needed any more."""
    for name in _held.keys() - set(names):
        del _held[name]
    for name, blob in zip(names, blobs, strict=True):
        if name not in _held:
            _held[name] = _Unpacker(blob, _held.__getitem__).load()


def _require_home(task: Task) -> None:
    """Raises BrokenExecutor where the bits of this process would not be the sender's."""
    device = torch.device("cuda" if task.on_gpu else "cpu")
    if task.on_gpu and not torch.cuda.is_available():
        raise BrokenExecutor("a worker has no GPU, here the data lie on one: start workers that have one each")
    if (found := Environment(**task.home).difference(device)) is not None:  # type: ignore[arg-type]
        name, home, there = found
        raise BrokenExecutor(
            f"a worker has {name} {there}, here it is {home}, and its bits may differ: make all workers alike"
        )
