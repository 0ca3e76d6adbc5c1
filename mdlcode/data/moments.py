"""Inputs whose standardisation was fixed beforehand, not read off them."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from mdlcode.data.base import Shared
from mdlcode.errors import MdlError

_LARGEST_BYTE = 255.0


@dataclass(frozen=True, eq=False)
class FixedMoments(Shared):
    """Inputs (n, ...) with the mean and standard deviation of each channel as they were given, which cost no bit.

    uint8 images count as bytes / 255, as torchvision's ToTensor has them; other inputs as they are. One
    number stands for all channels. Raises MdlError for another count, and a std that is not above 0.

    >>> shared = FixedMoments(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), 10, (0.5,), (0.5,))
    >>> [each.item() for each in shared.moments], shared.moment_bits
    ([127.5, 127.5], 0.0)
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        super().__post_init__()
        channels = self.shape[0]
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, channels):
                raise MdlError(f"--{name} has {len(values)} numbers for {channels} channels: give 1 or {channels}")
        if not all(abs(value) < float("inf") for value in (*self.mean, *self.std)) or min(self.std) <= 0:
            raise MdlError("--mean and --std must be finite, and --std above 0")

    @cached_property
    def moments(self) -> tuple[Tensor, Tensor]:
        """As given, on the scale of the raw inputs, shaped to broadcast over a batch."""
        return self._raw(self.mean), self._raw(self.std)

    @property
    def moment_bits(self) -> float:
        """Nothing: they were fixed before the data."""
        return 0.0

    def _raw(self, values: tuple[float, ...]) -> Tensor:
        scale = _LARGEST_BYTE if self.inputs.dtype == torch.uint8 else 1.0
        shape = (1, -1, *[1] * (self.inputs.ndim - 2))
        channels = values * (self.shape[0] if len(values) == 1 else 1)
        return (torch.tensor(channels, device=self.inputs.device) * scale).reshape(shape)
