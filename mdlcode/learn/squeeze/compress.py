"""Pruning and quantising: pure functions on tensors, usable alone on any torch module.

A mask is a boolean tensor of its weights' shape, true where a weight stays. Levels are an ascending
array of values, an exact 0 among them.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from mdlcode.errors import MdlError
from mdlcode.typing import FloatArray, IntArray

_LLOYD_STEPS = 200


def threshold(weights: Tensor, density: float) -> float:
    """The size of the smallest weight that stays where the share `density` of all is kept, largest first.

    Infinite where none is kept. Raises MdlError for a density outside 0 .. 1.

    >>> threshold(torch.tensor([0.1, -0.4, 0.2, 0.3]), density=0.5)
    0.30000001192092896
    """
    if not 0 <= density <= 1:
        raise MdlError(f"density {density} is no share of the weights: between 0 and 1 is needed")
    kept = round(density * weights.numel())
    if kept == 0:
        return float("inf")
    # Not kthvalue, which torch has no deterministic form of on CUDA.
    return float(weights.detach().abs().flatten().topk(kept, sorted=False).values.min())


def magnitude_mask(weights: Tensor, density: float) -> Tensor:
    """The mask that keeps the largest weights, `density` of all (one-shot magnitude pruning, Han et al. 2015).

    Where several weights are of the threshold's size, all of them stay; an exact zero never does.

    >>> magnitude_mask(torch.tensor([0.1, -0.4, 0.2, 0.3]), density=0.5).tolist()
    [False, True, False, True]
    """
    size = weights.detach().abs()
    return (size >= threshold(weights, density)) & (size > 0)


def gradual_density(step: int, steps: int, density: float) -> float:
    """The density at `step` of a gradual pruning that ends at `density` after `steps` steps.

    1 - (1 - density) (1 - (1 - step / steps)^3): fast at first, slow towards the end (Zhu & Gupta 2017).

    >>> [round(gradual_density(step, 10, 0.2), 6) for step in (0, 5, 12)]
    [1.0, 0.3, 0.2]
    """
    left = 1 - min(step / steps, 1.0)
    return 1 - (1 - density) * (1 - left**3)


def surgery_mask(mask: Tensor, weights: Tensor, limit: float, prune: float = 0.9, splice: float = 1.1) -> Tensor:
    """The next mask of Dynamic Network Surgery (Guo et al. 2016, equation 3), where masked weights train on.

    A weight up to prune * limit is cut, one from splice * limit on comes back, others stay as they are.

    >>> old = torch.tensor([True, False, True, False])
    >>> surgery_mask(old, torch.tensor([0.5, 2.0, 1.0, 1.0]), limit=1.0).tolist()
    [False, True, True, False]
    """
    size = weights.detach().abs()
    return torch.where(size >= splice * limit, True, torch.where(size <= prune * limit, False, mask))


def magnitude_masks(net: nn.Module, densities: float | Mapping[str, float]) -> dict[str, Tensor]:
    """A mask for each weight tensor of two axes or more, by its parameter's name.

    One density for all, or one for each name (parameters without one get no mask). Raises MdlError for
    a name that the net does not have.

    >>> sorted(magnitude_masks(nn.Linear(4, 3), 0.5))
    ['weight']
    """
    parameters = dict(net.named_parameters())
    if isinstance(densities, float | int):
        densities = {name: float(densities) for name, value in parameters.items() if value.ndim > 1}
    for name in densities:
        if name not in parameters:
            raise MdlError(f"the net has no parameter '{name}' to prune: it has {', '.join(parameters)}")
    return {name: magnitude_mask(parameters[name], density) for name, density in densities.items()}


@torch.no_grad()
def apply_masks(net: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Sets every masked weight of the net to an exact 0, in place."""
    parameters = dict(net.named_parameters())
    for name, mask in masks.items():
        parameters[name].masked_fill_(~mask, 0.0)


def uniform_levels(weights: FloatArray, levels: int) -> FloatArray:
    """Whole multiples of a step, as many on either side of 0 and at most `levels`; the largest weight is one.

    >>> uniform_levels(np.array([0.3, -1.0]), 5)
    array([-1. , -0.5,  0. ,  0.5,  1. ])
    """
    furthest = (levels - 1) // 2
    largest = np.float64(np.abs(weights).max(initial=0.0))
    return np.arange(-furthest, furthest + 1) * (largest / furthest)


def kmeans_levels(weights: FloatArray, levels: int) -> FloatArray:
    """At most `levels` values, 0 one of them, to which the weights are near in the sense of k-means.

    Lloyd's algorithm from equally spaced quantiles of the weights that are not 0; 0 stays where it is,
    so that pruned weights stay pruned (Han et al. 2016).

    >>> kmeans_levels(np.array([0.0, 1.0, 1.2, -2.0, -2.2, 0.01]), 3).round(6)
    array([-2.1,  0. ,  1.1])
    """
    values = np.sort(weights[weights != 0])
    if len(values) == 0:
        return np.zeros(1)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    found = np.unique(np.append(np.quantile(values, (np.arange(levels - 1) + 0.5) / (levels - 1)), 0.0))
    for _ in range(_LLOYD_STEPS):
        cuts = np.concatenate([[0], np.searchsorted(values, (found[1:] + found[:-1]) / 2), [len(values)]])
        counts = np.diff(cuts)
        means = np.divide(np.diff(sums[cuts]), counts, out=found.copy(), where=counts > 0)
        moved = np.unique(np.where(found == 0, 0.0, means))
        if np.array_equal(moved, found):
            break
        found = moved
    return found


def nearest(weights: FloatArray, levels: FloatArray) -> IntArray:
    """The index of the nearest of the ascending levels, for each weight.

    >>> nearest(np.array([0.2, 0.9]), np.array([0.0, 1.0]))
    array([0, 1])
    """
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, weights).astype(np.int64)


def quantised(weights: Tensor, levels: FloatArray) -> Tensor:
    """The weights, each at its nearest level; where a weight is 0 it stays 0.

    >>> quantised(torch.tensor([0.0, 0.2, 0.9]), np.array([0.0, 1.0])).tolist()
    [0.0, 0.0, 1.0]
    """
    near = levels[nearest(weights.detach().double().cpu().numpy(), levels)]
    return torch.from_numpy(near).to(weights)
