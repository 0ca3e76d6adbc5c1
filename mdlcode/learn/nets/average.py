"""The running average of a net along its training."""

from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn


class RunningAverage:
    """An exponential average of a net's weights and buffers, faster at first so that the start fades.

    After m updates the share of the newest is 1 - decay, or 1 / (m + 1) where that is more; the first one is a copy.
    What is not of finite numbers, such as counts and masks, is that of the newest net.

    >>> net = nn.Linear(1, 1)
    >>> average = RunningAverage(net, decay=0.9)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = nn.init.constant_(net.bias, value)
    ...     average.update(net)
    >>> average.net.bias.item()
    3.0
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.net = deepcopy(net)
        self._decay = decay
        self._updates = np.zeros((), dtype=np.int64)  # on the host: to read it waits for no device
        tensors = _tensors(self.net)
        # One look, before the training: each waits for the device.
        self._moving = [each.is_floating_point() and bool(torch.isfinite(each).all()) for each in tensors]
        self._averages = [each for each, moving in zip(tensors, self._moving, strict=True) if moving]
        self._copies = [each for each, moving in zip(tensors, self._moving, strict=True) if not moving]

    @property
    def moving(self) -> list[Tensor]:
        """All that changes with an update."""
        return [*_tensors(self.net), torch.from_numpy(self._updates)]  # of the same memory

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """One more state of the net: a few operations on all tensors at once, none of which waits for the device."""
        tensors = [*net.parameters(), *net.buffers()]
        values = [each for each, moving in zip(tensors, self._moving, strict=True) if moving]
        if self._copies:
            torch._foreach_copy_(
                self._copies, [each for each, moving in zip(tensors, self._moving, strict=True) if not moving]
            )
        if not self._updates:
            torch._foreach_copy_(self._averages, values)
        else:
            steps = torch._foreach_sub(values, self._averages)
            torch._foreach_mul_(steps, max(1 - self._decay, 1 / (1 + int(self._updates))))
            torch._foreach_add_(self._averages, steps)
        self._updates += 1


def _tensors(net: nn.Module) -> list[Tensor]:
    return [each.detach() for each in (*net.parameters(), *net.buffers())]
