"""What a trained net's bits depend on: versions, processor, threads. Bob's must be Alice's."""

import platform
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch

from mdlcode.errors import MessageError, MdlError

_HINTS = {
    "threads": "set --threads {theirs} (in Python torch.set_num_threads({theirs}))",
    "device": "decode on the same kind of device",
    "processor": "decode on the same kind of processor",
}


@dataclass(frozen=True)
class Environment:
    """Versions and hardware of one side. Floating-point results repeat bit by bit only within it."""

    mdlcode: str
    torch: str
    numpy: str
    sklearn: str
    device: str
    processor: str
    threads: int

    @classmethod
    def here(cls, device: torch.device) -> "Environment":
        """This process's environment, computing on `device`."""
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
        names = ("mdlcode", "torch", "numpy", "scikit-learn")
        return cls(*map(version, names), name, _processor(), torch.get_num_threads())

    def check(self, device: torch.device) -> None:
        """Raises MessageError that names the first difference between this and the environment here."""
        ours = asdict(Environment.here(device))
        for name, theirs in asdict(self).items():
            if theirs != ours[name]:
                hint = _HINTS.get(name, f"install {name} {theirs}").format(theirs=theirs)
                raise MessageError(
                    f"the message was made with {name} {theirs}, here it is {ours[name]}, "
                    f"and would decode to other labels: {hint}"
                )


def select_device(name: str) -> torch.device:
    """The device called "cpu", "cuda" or "auto" (a GPU where there is one). Raises MdlError for no GPU."""
    if name not in ("auto", "cpu", "cuda"):
        raise MdlError(f"no device '{name}': auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise MdlError("torch sees no GPU here: use --device cpu, or install torch for this machine's CUDA")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


@cache
def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line] if (
        info.is_file()
    ) else [platform.processor()]
    return f"{names[0] if names else platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
