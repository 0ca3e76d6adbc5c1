"""Filters that are patches of the inputs: whoever holds the inputs has them, labels or not."""

from dataclasses import dataclass as plain_dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor

from mdlcode.config import STRICT
from mdlcode.errors import MdlError
from mdlcode.learn.feature_maps import CONTRAST, FeatureMap, RandomFilters, as_pixels
from mdlcode.learn.nets.determinism import bf16_is_fast
from mdlcode.nets.patches import whitened_patches

_IMAGES, _PATCHES = 2000, 100_000  # that the whitening is computed from


@dataclass(frozen=True, config=STRICT)
class PatchFilters(RandomFilters):
    """As `RandomFilters`, with whitened patches of the inputs, drawn by `seed`, for filters (Coates & Ng 2011).

    The whitening too is that of the inputs' own patches, each without its mean and divided by its contrast. So these
    features cost no bit where both sides hold the inputs; a bound for new inputs can't be based on them.
    """

    kind: Literal["patch-filters"] = Field(default="patch-filters", kw_only=True)  # type: ignore[assignment]
    filters: int = Field(default=300, ge=1)
    size: int = Field(default=6, ge=2)
    threshold: float = Field(default=0.7, ge=0)

    def of(self, inputs: Tensor) -> FeatureMap:
        """The map whose filters are patches of the first 2,000 inputs (n, C, H, W).

        Raises MdlError for inputs that `RandomFilters` is not for.
        """
        self.check(inputs)
        patches = F.unfold(as_pixels(inputs[:_IMAGES]).cpu(), self.size).transpose(1, 2).flatten(0, 1)
        order = torch.randperm(len(patches), generator=Generator().manual_seed(self.seed))
        some = patches[order[:_PATCHES]]
        some = some - some.mean(1, keepdim=True)
        chosen, _ = whitened_patches(some / (some.square().mean(1, keepdim=True).sqrt() + CONTRAST), self.filters)
        filters = (chosen - chosen.mean(1, keepdim=True)).to(inputs.device)
        filters = filters.to(torch.bfloat16 if bf16_is_fast(inputs.device) else torch.float32)
        return _Patches(self, filters.view(len(filters), -1, self.size, self.size))

    def features(self, inputs: Tensor) -> Tensor:
        """Raises MdlError: there are none before `of` has seen inputs."""
        raise MdlError("patch filters come from the inputs, so a bound can't be based on them: take random-filters")


@plain_dataclass(frozen=True, eq=False)
class _Patches(FeatureMap):
    """Responses of such filters (filters, C, size, size)."""

    how: PatchFilters
    filters: Tensor

    def features(self, inputs: Tensor) -> Tensor:
        """As `RandomFilters.features`."""
        self.how.check(inputs)
        return self.how.responses(inputs, self.filters)
