"""How inputs are brought to mean 0 and deviation 1: by a stated rule, or by numbers given beforehand."""

from typing import Literal

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode.config import STRICT, Settings
from mdlcode.errors import MdlError

Rule = Literal["auto", "per-feature", "per-channel", "none"]
_LARGEST_BYTE = 255.0
_CHUNK = 4096  # inputs whose values are held in float64 at once


@dataclass(frozen=True, config=STRICT)
class Given(Settings):
    """Mean and standard deviation of each channel or feature as they were fixed beforehand, which cost no bit.

    uint8 images count as bytes / 255, as torchvision's ToTensor has them; other inputs as they are. One
    number stands for all channels. Raises MdlError for numbers that are not finite, and a std that is not above 0.

    >>> Given((0.5,), (0.5,))
    Given(mean=(0.5,), std=(0.5,))
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if not all(abs(value) < float("inf") for value in (*self.mean, *self.std)) or min(self.std, default=0) <= 0:
            raise MdlError("`mean` and `std` must be finite, and `std` above 0")


Standardise = Rule | Given


def resolved(how: Standardise, inputs: Tensor) -> Standardise:
    """What "auto" comes to for inputs of that shape; any other choice as it is.

    Images and volumes (n, C, H, W, ...) are standardised by channel, tables (n, F) and series (n, T, F) by feature.

    >>> resolved("auto", torch.zeros(5, 3, 8, 8)), resolved("auto", torch.zeros(5, 20, 3))
    ('per-channel', 'per-feature')
    """
    if how != "auto":
        return how
    return "per-channel" if inputs.ndim > 3 else "per-feature"


def moments(inputs: Tensor, how: Standardise) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation in float32, shaped to broadcast over a batch of the inputs (n, ...).

    By channel they are of axis 1; by feature of the last axis of a series (n, T, F), else of each value of an
    input. A constant feature has deviation 1; "none" is mean 0 and deviation 1. Sums run in float64.
    Raises MdlError for given numbers that are not 1 or as many as there are channels.

    >>> mean, std = moments(torch.tensor([[[1.0, 100.0], [3.0, 300.0]]]), "auto")
    >>> mean.tolist(), std.tolist()
    ([[[2.0, 200.0]]], [[[1.0, 100.0]]])
    """
    chosen = resolved(how, inputs)
    if isinstance(chosen, Given):
        return _given(inputs, chosen.mean, "mean"), _given(inputs, chosen.std, "std")
    if chosen == "none":
        plain = torch.zeros([1] * inputs.ndim, device=inputs.device)
        return plain, plain + 1
    axes = _axes(inputs, chosen)
    total: Tensor | float = 0.0
    square: Tensor | float = 0.0
    for chunk in torch.split(inputs, _CHUNK):
        values = chunk.to(torch.float64)
        total, square = total + values.sum(axes), square + values.square().sum(axes)
    count = inputs.numel() / torch.as_tensor(total).numel()
    mean = torch.as_tensor(total) / count
    std = (torch.as_tensor(square) / count - mean.square()).clamp(min=0).sqrt()
    std = torch.where(std > 0, std, torch.ones_like(std))
    shape = _shape(inputs, axes)
    return mean.float().reshape(shape), std.float().reshape(shape)


def moment_bits(inputs: Tensor, how: Standardise) -> float:
    """32 bits for each mean and deviation that is read off the inputs: none for "none" and given numbers.

    Alice and Bob both hold the inputs, so that a code has these for free; a bound on new inputs pays.

    >>> moment_bits(torch.zeros(9, 3, 8, 8), "auto"), moment_bits(torch.zeros(9, 3, 8, 8), "none")
    (192.0, 0.0)
    """
    chosen = resolved(how, inputs)
    if isinstance(chosen, Given) or chosen == "none":
        return 0.0
    return 2 * 32.0 * torch.Size(_shape(inputs, _axes(inputs, chosen))).numel()


def _axes(inputs: Tensor, chosen: Rule) -> tuple[int, ...]:
    """The axes over which means run."""
    if chosen == "per-channel":
        return tuple(axis for axis in range(inputs.ndim) if axis != 1)
    return (0, 1) if inputs.ndim == 3 else (0,)


def _shape(inputs: Tensor, axes: tuple[int, ...]) -> list[int]:
    """The moments' shape: 1 where means run over the axis."""
    return [1 if axis in axes else size for axis, size in enumerate(inputs.shape)]


def _given(inputs: Tensor, values: tuple[float, ...], name: str) -> Tensor:
    """Numbers as given, on the scale of the raw inputs."""
    shape = [1] * inputs.ndim
    axis = 2 if inputs.ndim == 3 else 1
    channels = shape[axis] = inputs.shape[axis]
    if len(values) not in (1, channels):
        raise MdlError(f"`{name}` has {len(values)} numbers for {channels} channels: give 1 or {channels}")
    scale = _LARGEST_BYTE if inputs.dtype == torch.uint8 else 1.0
    return (torch.tensor(values * (channels if len(values) == 1 else 1), device=inputs.device) * scale).reshape(shape)
