"""Same seed, same bits: one place that fixes torch's random numbers and kernels."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def reproducible(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's generators start from `seed` inside, and are as before outside.

    On CUDA only deterministic kernels are used: another one raises RuntimeError.
    """
    cuda = device.type == "cuda"
    before = torch.are_deterministic_algorithms_enabled()
    with seeded(seed, device):
        torch.use_deterministic_algorithms(before or cuda)
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
            try:
                yield
            finally:
                torch.use_deterministic_algorithms(before)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's generators start from `seed` inside, and are as before outside."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        if device.type == "cuda":
            torch.manual_seed(seed)
        else:  # without a trace of the stack for a GPU that may start later, as `torch.manual_seed` keeps
            torch.default_generator.manual_seed(seed)
        yield


def sent(draws: Tensor, device: torch.device) -> Tensor:
    """What was drawn on the CPU, so that it is the same for every device, on `device`; nobody waits for the copy."""
    return draws.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else draws.to(device)


def bf16_is_fast(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 natively; elsewhere it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
