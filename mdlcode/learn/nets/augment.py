"""Random changes of a whole batch of images at once, on its device.

What is random is drawn from a CPU generator, so that it is the same on every device.
"""

import math
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor

from mdlcode.config import STRICT, Settings
from mdlcode.errors import MdlError
from mdlcode.learn.nets.determinism import sent


@dataclass(frozen=True, config=STRICT)
class NoAugment(Settings):
    """Images as they are."""

    kind: Literal["none"] = Field(default="none", kw_only=True)

    def apply(self, images: Tensor, generator: Generator) -> Tensor:
        """The images."""
        return images


@dataclass(frozen=True, config=STRICT)
class Crop(Settings):
    """Shifts by up to `pad` whole pixels, filled with zeros, and mirror images where `flip`."""

    kind: Literal["crop"] = Field(default="crop", kw_only=True)
    pad: int = Field(default=2, ge=0)
    flip: bool = False

    def apply(self, images: Tensor, generator: Generator) -> Tensor:
        """Shifted images (m, C, H, W) in channels-last memory, one draw for each."""
        count, height, width = _sizes(images)
        top, left = sent(torch.randint(2 * self.pad + 1, (2, count, 1), generator=generator), images.device)
        rows = top + torch.arange(height, device=images.device)  # (m, H)
        columns = left + torch.arange(width, device=images.device)  # (m, W)
        if self.flip:
            mirrored = sent(torch.randint(2, (count, 1), generator=generator), images.device).bool()
            columns = torch.where(mirrored, columns.flip(1), columns)
        padded = F.pad(images, [self.pad] * 4).permute(0, 2, 3, 1)  # (m, H + 2p, W + 2p, C)
        which = torch.arange(count, device=images.device)[:, None, None]
        return padded[which, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


@dataclass(frozen=True, config=STRICT)
class Mirror(Settings):
    """Every image mirrored, left to right. Nothing is random, so that a bound holds for nets that look at it too."""

    kind: Literal["mirror"] = Field(default="mirror", kw_only=True)

    def apply(self, images: Tensor, generator: Generator) -> Tensor:
        """Mirror images (m, C, H, W)."""
        _sizes(images)
        return images.flip(-1)


@dataclass(frozen=True, config=STRICT)
class Affine(Settings):
    """Random rotation, scaling, shear and shift, each uniform up to its figure; zeros come in."""

    kind: Literal["affine"] = Field(default="affine", kw_only=True)
    rotate_degrees: float = Field(default=12.0, ge=0)
    scale: float = Field(default=0.12, ge=0, lt=1)
    shear: float = Field(default=0.15, ge=0)
    shift_pixels: float = Field(default=2.0, ge=0)

    def apply(self, images: Tensor, generator: Generator) -> Tensor:
        """Warped images (m, C, H, W), bilinear."""
        count, height, width = _sizes(images)
        draws = 2 * sent(torch.rand(6, count, generator=generator), images.device) - 1
        angle = draws[0] * math.radians(self.rotate_degrees)
        wide, high = 1 + draws[1] * self.scale, 1 + draws[2] * self.scale
        shear = draws[3] * self.shear
        right, down = draws[4] * 2 * self.shift_pixels / width, draws[5] * 2 * self.shift_pixels / height
        cos, sin = torch.cos(angle), torch.sin(angle)
        theta = torch.stack([wide * cos, shear - sin, right, sin + shear, high * cos, down], dim=1)
        grid = F.affine_grid(theta.reshape(count, 2, 3), list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, align_corners=False)


def _sizes(images: Tensor) -> tuple[int, int, int]:
    """Number, height and width of images (m, C, H, W). Raises MdlError for inputs of another kind."""
    if images.ndim != 4:
        raise MdlError(f"augmentation is for images (C, H, W), not for inputs {tuple(images.shape[1:])}: leave it out")
    return len(images), images.shape[2], images.shape[3]


Augment = Annotated[NoAugment | Crop | Affine, Field(discriminator="kind")]
