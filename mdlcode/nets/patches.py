"""Features learned from the inputs alone: both sides hold the inputs, so no bit is paid for them."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

_EPS = 0.1  # of the whitening: directions of less variance are noise
_SAMPLE = 200_000  # patches that the whitening is computed from
_CHUNK = 250


class RandomPatches(nn.Module):
    """Correlations with whitened random patches of the inputs, soft thresholds, means over a grid (Coates & Ng 2011).

    Images (m, C, H, W) become standardised features (m, 2 * filters * grid^2). `look_at` sets everything.
    """

    def __init__(self, channels: int, filters: int, size: int = 6, stride: int = 2, grid: int = 3) -> None:
        super().__init__()
        self._stride, self._grid, self._threshold = stride, grid, 0.5
        count = 2 * filters * grid**2
        given = partial(nn.Parameter, requires_grad=False)
        self.weight, self.bias = given(torch.zeros(filters, channels, size, size)), given(torch.zeros(filters))
        self.mean, self.std = given(torch.zeros(count)), given(torch.ones(count))

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        return torch.cat([self._features(each) for each in torch.split(x, _CHUNK)]).sub(self.mean).div(self.std)

    def _features(self, x: Tensor) -> Tensor:
        shrunk = F.softshrink(F.conv2d(x, self.weight, self.bias, self._stride), self._threshold)
        total, size = (F.adaptive_avg_pool2d(each, self._grid) for each in (shrunk, shrunk.abs()))
        # The mean of the positive and of the negative part, from the means of value and size.
        return torch.cat([size + total, size - total], dim=1).flatten(1).float()

    @torch.no_grad()
    def look_at(self, inputs: Tensor) -> None:
        """Sets filters, and mean and standard deviation of the features, from standardised inputs (n, C, H, W)."""
        some = inputs[:2000].cpu()
        patches = F.unfold(some, self.weight.shape[-1]).transpose(1, 2).flatten(0, 1)  # (patches, C size^2)
        order = torch.randperm(len(patches), generator=Generator().manual_seed(0))[:_SAMPLE]
        chosen, mean = whitened_patches(patches[order], len(self.weight))
        self.weight.copy_(chosen.reshape(self.weight.shape))
        self.bias.copy_(-chosen @ mean)
        seen = torch.cat([self._features(each.to(self.weight.device)) for each in torch.split(inputs[:2000], _CHUNK)])
        self.mean.copy_(seen.mean(0))
        self.std.copy_(seen.std(0) + 1e-3 * seen.std())


def whitened_patches(patches: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Filters (count, d) that respond to whitened patches with their correlations, and the mean (d,) of patches (m, d).

    They are the first patches of the busier half, whitened and of length 1. Fewer come where there are not so many.
    """
    patches = patches.double()
    mean = patches.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov(patches.T))
    whitening = vectors @ torch.diag((values + _EPS).rsqrt()) @ vectors.T
    lengths = (patches - mean) @ whitening
    busy = lengths.norm(dim=1).argsort(descending=True, stable=True)[: len(patches) // 2].sort().values
    return F.normalize(lengths[busy[:count]], dim=1) @ whitening, mean


def patches(
    input_shape: tuple[int, ...], num_classes: int, filters: int = 400, widths: tuple[int, ...] = ()
) -> nn.Sequential:
    """A ReLU net with these hidden widths, or a linear classifier, on `RandomPatches`.

    >>> sum(p.numel() for p in patches((3, 32, 32), 10).parameters() if p.requires_grad)
    72010
    """
    channels, height, width = input_shape
    size, stride = (6, 2) if min(height, width) >= 16 else (3, 1)
    layers: list[nn.Module] = [RandomPatches(channels, filters, size, stride)]
    sizes = [18 * filters, *widths]
    for inner, outer in zip(sizes, widths, strict=False):
        layers += [nn.Linear(inner, outer), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], num_classes))
