"""What a trained net's bits depend on: versions, processor, threads. Bob's must be Alice's."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import device as Device  # the field `torch` below hides the module in annotations

from mdlcode.errors import MdlError, MessageError

# Of what stands in the header of a file: no other keys, no other types.
SCHEMA = ConfigDict(extra="forbid")
Name = Annotated[str, Field(max_length=200)]
Whole = Annotated[int, Field(strict=True, ge=0, le=2**40)]
_num_ranks = 1
_HINTS = {
    "threads": "set `threads` to {theirs}, which torch.set_num_threads({theirs}) does in Python",
    "device": "decode on the same kind of device",
    "processor": "decode on the same kind of processor",
    "ranks": "start it by torchrun, as {theirs} processes in all (1: without torchrun)",
}


@dataclass(frozen=True, config=SCHEMA)
class Environment:
    """Versions and hardware of one side. Floating-point results repeat bit by bit only within it."""

    mdlcode: Name
    torch: Name
    numpy: Name
    sklearn: Name
    device: Name
    processor: Name
    threads: Whole
    ranks: Whole = 1  # processes that train one net together

    @classmethod
    def here(cls, device: Device) -> "Environment":
        """This process's environment, computing on `device`."""
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
        return cls(
            mdlcode=version("mdlcode"),
            torch=version("torch"),
            numpy=version("numpy"),
            sklearn=version("scikit-learn"),
            device=name,
            processor=_processor(),
            threads=torch.get_num_threads(),
            ranks=num_ranks(),
        )

    def check(self, device: Device) -> None:
        """Raises MessageError that names the first difference between this and the environment here."""
        if (found := self.difference(device)) is not None:
            name, theirs, ours = found
            hint = _HINTS.get(name, "install {name} {theirs}").format(name=name, theirs=theirs)
            raise MessageError(
                f"the message was made with {name} {theirs}, here it is {ours}, "
                f"and would decode to other labels: {hint}"
            )

    def difference(self, device: Device) -> tuple[str, str | int, str | int] | None:
        """Name, value and value here of the first difference to the environment here; None where there is none.

        >>> Environment.here(torch.device("cpu")).difference(torch.device("cpu"))
        """
        ours = asdict(Environment.here(device))
        different = ((name, theirs, ours[name]) for name, theirs in asdict(self).items() if theirs != ours[name])
        return next(different, None)


def num_ranks() -> int:
    """How many processes train each net together, this one among them; see `mdlcode.ranks`.

    >>> num_ranks()
    1
    """
    return _num_ranks


@contextmanager
def of_ranks(count: int) -> Iterator[None]:
    """Inside this process is one of so many that train together."""
    global _num_ranks
    _num_ranks = count
    try:
        yield
    finally:
        _num_ranks = 1


def select_device(name: str) -> torch.device:
    """The device called "cpu", "cuda" or "auto" (a GPU where there is one). Raises MdlError for no GPU."""
    if name not in ("auto", "cpu", "cuda"):
        raise MdlError(f"no device '{name}': auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise MdlError("torch sees no GPU here: use `device` cpu, or install torch for this machine's CUDA")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


@cache
def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = models[0] if models else platform.processor() or platform.machine()
    return f"{name} {torch.backends.cpu.get_cpu_capability()}"
