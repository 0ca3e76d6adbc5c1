"""Features that are fixed before any data: a prior on what is learned from them knows no input and no label."""

import math
from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor

from mdlcode.config import STRICT, Configurable, Seed, parsed
from mdlcode.errors import MdlError

_CHUNK = 8  # images at once, whose responses stay in the processor's cache
CONTRAST = 0.04  # added to the deviation of a patch of pixels from 0 to 1: below it there is noise alone
_NOISE = 0.08  # of a patch's coefficients, relative to the slowest wave
_COLOURS = {1: [[1.0]], 3: [[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]]}
_AMPLITUDES = {1: [1.0], 3: [1.0, 0.25, 0.12]}  # of brightness and of two opponent colours, set by hand


class FeatureMap(Configurable, ABC):
    """A function of one input, fixed before the data: whoever has its settings can compute it."""

    @abstractmethod
    def features(self, inputs: Tensor) -> Tensor:
        """Features (m, D) in float32 of inputs (m, ...), of each from itself alone, on the inputs' device."""

    def of(self, inputs: Tensor) -> "FeatureMap":
        """The map that whoever holds the inputs (n, ...) has: this one, which needs none."""
        return self


def parse_feature_map(value: Any) -> Any:
    """A feature map from a config of one's own; an instance of `FeatureMap` as it is. What is named is imported."""
    return parsed(value, FeatureMap, "feature map")


AnyFeatureMap = Annotated[FeatureMap, BeforeValidator(parse_feature_map)]


@dataclass(frozen=True, config=STRICT)
class RandomFilters(FeatureMap):
    """Responses to random filters for natural images, behind soft thresholds of both signs, in a grid of windows.

    A patch loses its mean and is divided by its contrast. Filters are random directions, drawn from `seed`, in the
    space where patches of natural images are about white. Amplitudes there fall with the frequency f of a wave as 1 / f
    (Field 1987), or as 1 / f^1.2 on average over 135 photographs (Tolhurst et al. 1992); waves of the cosine transform
    get 1 / (f + 0.6)^1.3 here. Colours are on the axes that Ohta et al. 1980 found to be about the principal ones of
    RGB images, much like those of the cones of the eye (Ruderman et al. 1998); how much brightness outweighs the two
    opponent colours is set by hand. Each feature is the root of a mean over one window, half of which the next one
    shares, and over the image and its mirror image if that means the same. (Coates and Ng 2011, with an analytic
    whitening in place of one that is read off the data.)

    >>> grey = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    >>> RandomFilters(filters=5, size=3, grid=2).features(grey).shape  # 5 filters, both signs, 4 windows
    torch.Size([2, 40])
    """

    kind: Literal["random-filters"] = Field(default="random-filters", kw_only=True)
    filters: int = Field(default=200, ge=1)
    size: int = Field(default=5, ge=2)
    stride: int = Field(default=1, ge=1)
    grid: int = Field(default=3, ge=1)
    threshold: float = Field(default=1.4, ge=0)
    mirrored: bool = True
    seed: Seed = 0

    @torch.no_grad()
    def features(self, inputs: Tensor) -> Tensor:
        """Features (m, 2 filters grid^2) of images (m, 1 or 3, H, W), uint8 or pixels from 0 to 1.

        Raises MdlError for inputs that are no grey or RGB images, and for images too small for the patches.
        """
        self.check(inputs)
        return self.responses(inputs, self.directions(inputs.shape[1]))

    @torch.no_grad()
    def responses(self, inputs: Tensor, filters: Tensor) -> Tensor:
        """As `features`, of these filters (filters, channels, size, size) of sum 0, in whose precision they are."""
        filters = filters.to(inputs.device)
        chunks = [self._pooled(each, filters) for each in torch.split(inputs, _CHUNK)]
        return torch.cat(chunks).sqrt()

    def directions(self, channels: int) -> Tensor:
        """The filters (filters, channels, size, size), of sum 0, for images of 1 or 3 channels."""
        whitener = self._whitener(channels)
        drawn = torch.randn(self.filters, len(whitener), generator=Generator().manual_seed(self.seed))
        filters: Tensor = F.normalize(drawn, dim=1) @ whitener
        return (filters - filters.mean(1, keepdim=True)).view(-1, channels, self.size, self.size)

    def _whitener(self, channels: int) -> Tensor:
        """Waves in colours (channels size^2, channels size^2), each row over its amplitude in natural images."""
        k = torch.arange(self.size).float()
        wave = torch.cos(math.pi * k[:, None] * (k + 0.5) / self.size)  # the cosine transform, row by row
        wave = F.normalize(wave, dim=1)
        colours = F.normalize(torch.tensor(_COLOURS[channels]), dim=1)
        frequency = (k[:, None].square() + k.square()).sqrt()
        falling = (1.6 / (frequency + 0.6)) ** 1.3  # 1 for the slowest wave
        amplitude = torch.tensor(_AMPLITUDES[channels])[:, None, None] * falling
        waves = torch.einsum("kc,ax,by->kabcxy", colours, wave, wave)
        return (waves / (amplitude.square() + _NOISE**2).sqrt()[..., None, None, None]).flatten(3).flatten(0, 2)

    def _pooled(self, images: Tensor, filters: Tensor) -> Tensor:
        """Means of the thresholded responses over windows, as `features` without the root."""
        pixels = as_pixels(images)
        views = [pixels, pixels.flip(-1)] if self.mirrored else [pixels]
        return torch.stack([self._responses(each, filters) for each in views]).mean(0)

    def _responses(self, pixels: Tensor, filters: Tensor) -> Tensor:
        mean, square = (
            F.avg_pool2d(each, self.size, self.stride).mean(1, keepdim=True) for each in (pixels, pixels.square())
        )
        contrast = (square - mean**2).clamp_min(0).sqrt() + CONTRAST  # (m, 1, h, w)
        level = pixels.mean((1, 2, 3), keepdim=True)  # filters of sum 0 lose it, but for rounding
        centred = (pixels - level).to(filters).contiguous(memory_format=torch.channels_last)
        response = F.conv2d(centred, filters, stride=self.stride)
        beyond = F.softshrink(response / contrast.to(filters), self.threshold)
        total, size = (F.adaptive_avg_pool2d(each, self.grid + 1).float() for each in (beyond, beyond.abs()))
        # The mean of the positive and of the negative part, from the means of value and size.
        cells = torch.cat([size + total, size - total], dim=1).clamp_min(0) / 2
        return F.avg_pool2d(cells, 2, 1).flatten(1)  # windows of 2 x 2 cells

    def check(self, inputs: Tensor) -> None:
        """Raises MdlError for inputs that are no grey or RGB images, and for images too small for the patches."""
        if inputs.ndim != 4 or inputs.shape[1] not in _COLOURS or inputs.dtype == torch.int64:
            raise MdlError(f"random filters are for images of 1 or 3 channels, not inputs of {tuple(inputs.shape[1:])}")
        least = self.size + self.grid * self.stride
        if min(inputs.shape[2:]) < least:
            height, width = inputs.shape[2:]
            raise MdlError(f"images of {height} x {width} are too small: these filters and grid need {least} a side")


def as_pixels(images: Tensor) -> Tensor:
    """Images as pixels from 0 to 1 where they are bytes, else as they are."""
    return images.float() / 255 if images.dtype == torch.uint8 else images
