"""What is known of images before any is seen: layers without weights, which cost no bits in a code or in a bound."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_LEAST = 1e-3  # mass, or squared pixels: an image with less of it stays as it is


class Upright(nn.Module):
    """Shears each image (m, C, H, W) along its rows until it leans neither way: deskewing (LeCun et al. 1998).

    The mass of a pixel is how far it lies above the least one of its image. The row at height y moves by a (y - cy),
    where a = cov(x, y) / var(y) under the mass, at most 1, and cy is the height of the centre, which stays.

    >>> leaning = torch.eye(5)[None, None]
    >>> Upright()(leaning)[0, 0, :, 2].tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """As the class says, bilinear, in single precision."""
        with torch.autocast(x.device.type, enabled=False):
            least = x.amin(dim=(1, 2, 3), keepdim=True)
            mass = x - least
            upright = _sheared(mass, *leaning(mass)) + least
        return upright


class Edges(nn.Module):
    """Detectors of edges and lines, 5 x 5, on the channels' mean: (m, C, H, W) -> (m, E + L, H - 4, W - 4).

    They are the first derivatives of a Gaussian along directions of the whole circle, and its second ones, less
    their mean, along those of half a circle. Its deviation is one pixel, and each filter has norm 1. This is one scale
    of the filter bank of Leung & Malik 2001.

    >>> Edges(edges=4, lines=2)(torch.ones(1, 1, 6, 6)).shape
    torch.Size([1, 6, 2, 2])
    """

    def __init__(self, edges: int = 8, lines: int = 4) -> None:
        super().__init__()
        self.edges, self.lines = edges, lines

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        return F.conv2d(x.mean(1, keepdim=True), self.filters().to(x.device))

    def filters(self) -> Tensor:
        """The filters (E + L, 1, 5, 5)."""
        places = torch.arange(5, dtype=torch.float64) - 2
        gaussian = torch.exp(-(places[:, None].square() + places.square()) / 2)

        def along(angle: float) -> Tensor:
            return places * math.cos(angle) + places[:, None] * math.sin(angle)

        first = [along(2 * math.pi * i / self.edges) * gaussian for i in range(self.edges)]
        second = [(1 - along(math.pi * i / self.lines).square()) * gaussian for i in range(self.lines)]
        every = torch.stack([*first, *(each - each.mean() for each in second)])[:, None]
        return (every / every.square().sum((1, 2, 3), keepdim=True).sqrt()).float()


def leaning(mass: Tensor) -> tuple[Tensor, Tensor]:
    """For images (m, C, H, W) of nothing below 0: how far they lean (m,), and the height (m,) of their centre.

    Heights count from the middle row downwards.

    >>> leaning(torch.eye(4)[None, None])
    (tensor([1.]), tensor([0.]))
    """
    height, width = mass.shape[2:]
    rows, columns = (torch.arange(side, device=mass.device) - (side - 1) / 2 for side in (height, width))
    mass = mass.sum(1) / mass.sum((1, 2, 3)).clamp(min=_LEAST)[:, None, None]  # (m, H, W)
    by_row = mass.sum(2)  # (m, H)
    centre = (by_row * rows).sum(1)
    high = rows - centre[:, None]  # (m, H)
    covariance = ((mass * columns).sum(2) * high).sum(1)
    variance = (by_row * high.square()).sum(1)
    return (covariance / variance.clamp(min=_LEAST)).clamp(-1, 1), centre


def _sheared(images: Tensor, slant: Tensor, centre: Tensor) -> Tensor:
    """Images (m, C, H, W) whose row at height y shows what was slant (y - centre) to the right; zeros come in."""
    height, width = images.shape[2:]
    theta = torch.zeros(len(images), 2, 3, device=images.device)  # from places in the new image to those in the old
    theta[:, 0, 0] = theta[:, 1, 1] = 1
    theta[:, 0, 1] = slant * height / width
    theta[:, 0, 2] = -slant * centre * 2 / width
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
