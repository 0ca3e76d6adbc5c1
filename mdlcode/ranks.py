"""One training on several devices, by processes of torch's own launcher: the first leads, and the others join in.

`torchrun --nproc-per-node 2 -m mdlcode ...` starts a command twice. The process of rank 0 is the command: it alone
reads data, prints, writes and looks up finished work. The others wait until it calls all to a piece of work that they
do `together`, and leave when it ends.
"""

import io
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
import torch.distributed as dist

from mdlcode import finished
from mdlcode.environment import Environment, num_ranks, of_ranks, select_device
from mdlcode.errors import MdlError
from mdlcode.resident import Resident

P = ParamSpec("P")
R = TypeVar("R", bound=Resident)
T = TypeVar("T")

# What a launcher says to each process.
_VARIABLES = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}
# The others may wait for long between two pieces of work. One that dies is noticed by its connection, or the launcher.
_PATIENCE = timedelta(days=365)
_LOST = "another process of this training has ended: see its own lines for why, and start all of them again"


@dataclass
class _State:
    """Where this process is among those that train together."""

    sharing: bool = False  # at a piece of work of all
    in_step: bool = True  # the others are where this one is, as far as it knows
    held: Resident | None = None  # what all have


_state = _State()


def run(lead: Callable[[], T]) -> T | None:
    """What `lead` returns on rank 0, which alone calls it; the others join in what it does together, and return None.

    A process that no launcher started leads alone. Raises MdlError on rank 0 where the processes are not alike; those
    of other ranks exit then, and where the first is gone.

    >>> run(lambda: 2 + 2)
    4
    """
    if not os.environ.keys() >= _VARIABLES or os.environ["WORLD_SIZE"] == "1" or num_ranks() > 1:
        return lead()
    if dist.is_initialized():
        raise MdlError("torch.distributed is at work here already: let `mdlcode.ranks.run` begin it")
    if (place := int(os.environ.get("LOCAL_RANK", "0"))) < torch.cuda.device_count():
        torch.cuda.set_device(place)
    dist.init_process_group(timeout=_PATIENCE)  # gloo for tensors on a CPU, nccl for those on GPUs
    with of_ranks(dist.get_world_size()):
        if dist.get_rank() > 0:
            _follow()
            return None
        try:
            _require_alike()
            return lead()
        finally:
            if _state.in_step:
                with suppress(MdlError):
                    _send(None)
                    dist.destroy_process_group()


def sharing() -> bool:
    """Whether this process is at a piece of work that several do together."""
    return _state.sharing


def together(work: Callable[Concatenate[R, P], T], resident: R, *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns. Where there are several ranks all do it at once, by equal steps and with equal arguments.

    `resident` goes to the others only if it is another object than the last time: it must not be changed. Raises
    MdlError where the work can't be sent to them, and where one of them is gone.
    """
    if num_ranks() == 1 or _state.sharing:
        return work(resident, *args, **kwargs)
    if not _state.in_step:
        raise MdlError(_LOST)
    _send((torch.get_num_threads(), None if resident is _state.held else resident, work, args, kwargs))
    _state.held = resident
    return _shared(partial(work, resident, *args, **kwargs))


def agreed(value: T) -> T:
    """What rank 0 has as `value`, in work that is done together."""
    if not _state.sharing:
        return value
    if dist.get_rank() > 0:
        received: T = _receive()
        return received
    _send(value)
    return value


def _shared(work: Callable[[], T]) -> T:
    """What the work returns. An MdlError is one of all processes; after any other error they are out of step."""
    _state.sharing, _state.in_step = True, False
    try:
        value = work()
    except MdlError as error:
        _state.in_step = str(error) != _LOST
        raise
    except RuntimeError as error:
        raise (MdlError(_LOST) if _is_lost(error) else error) from None
    finally:
        _state.sharing = False
    _state.in_step = True
    return value


def _follow() -> None:
    """Does what rank 0 calls to, until it is done. A signal ends this process at once: it has nothing to save."""
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    with finished.using(None), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rank 0 has them, too
        try:
            _require_alike()
            while (job := _receive()) is not None:
                threads, resident, work, args, kwargs = job
                torch.set_num_threads(threads)
                _state.held = _state.held if resident is None else resident
                with suppress(MdlError):  # rank 0 says it
                    _shared(partial(work, _state.held, *args, **kwargs))
                if not _state.in_step:
                    raise MdlError(_LOST)
        except MdlError:
            sys.exit(1)
    dist.destroy_process_group()


def _require_alike() -> None:
    """Raises MdlError, on all ranks, where another one is of other versions or on another kind of device."""
    own = replace(Environment.here(select_device("auto")), threads=1)
    every: list[Any] = [None] * num_ranks()
    dist.all_gather_object(every, own)
    for rank, other in enumerate(every):
        for name, value in vars(every[0]).items():
            if (theirs := getattr(other, name)) != value:
                _state.in_step = False
                raise MdlError(f"rank {rank} has {name} {theirs} and rank 0 {value}: make all alike, or bits differ")


def _send(value: object) -> None:
    """From rank 0 to all others. Raises MdlError for what no module holds, and where one of them is gone."""
    file = io.BytesIO()
    try:
        torch.save(value, file, pickle_protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise MdlError(f"this can't be sent to the other processes: {error}") from None
    _passed_on(file.getvalue())


def _receive() -> Any:
    """What rank 0 sends, on this process's own device. Raises MdlError where rank 0 is gone."""
    return torch.load(io.BytesIO(_passed_on(b"")), map_location={"cuda:0": "cuda"}, weights_only=False)


def _passed_on(value: bytes) -> bytes:
    """The bytes that rank 0 has. Raises MdlError where a process is gone."""
    box = [value]
    try:
        dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
    except RuntimeError as error:
        if not _is_lost(error):
            raise
        _state.in_step = False
        raise MdlError(_LOST) from None
    return box[0]


def _is_lost(error: RuntimeError) -> bool:
    """Whether an error says that another process does not answer any more."""
    return isinstance(error, dist.DistError) or "gloo" in str(error) or "Connection closed" in str(error)
