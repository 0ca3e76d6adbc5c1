"""Weights on a grid, trained through the rounding, and an estimate of the bits that they take."""

import torch
from torch import Tensor, nn

from mdlcode.learn.squeeze.flat import flattened, trained

_SIZES = 64  # 0 .. 63 steps: larger ones cost what 63 costs
_FURTHEST = 255  # steps from 0 that a weight may be sent at
_KT = 0.5
_LEAN = 4.0  # how many weights of its tensor's density a row or column is taken to have seen beforehand
_LEAST_MEAN = 1e-4  # of the weights' size, for a tensor that starts at 0


class GriddedNet:
    """A net whose weights are whole numbers of steps, with one step for each tensor; both are trained.

    The net itself holds the rounded weights; `latents` (n,) are these in steps, before rounding. The
    gradient of a rounded weight counts as that of its latent (straight-through estimator, Bengio et al.
    2013), and a step's gradient is that of all the weights it scales. All weights lie in one flat vector
    of which the net's parameters are views, so that an update takes a few operations whatever the net.

    >>> net = nn.Linear(2, 1, bias=False)
    >>> _ = net.weight.data.copy_(torch.tensor([[1.0, -3.4]]))
    >>> _ = GriddedNet(net, coarseness=0.5)  # a step of 1.1
    >>> [[round(weight, 4) for weight in row] for row in net.weight.tolist()]
    [[1.1, -3.3]]
    """

    def __init__(self, net: nn.Module, coarseness: float) -> None:
        """Steps start at `coarseness` times the mean size of their tensor's weights, which are rounded at once.

        Frozen parameters and buffers, which no gradient puts on a grid, stay as they are.
        """
        parameters = trained(net)
        device, count = parameters[0].device, len(parameters)
        sizes = torch.tensor([each.numel() for each in parameters], device=device)
        self._tensor = torch.repeat_interleave(torch.arange(count, device=device), sizes)  # (n,) owner of each weight
        self._weights, self._gradients = flattened(net)
        self._costs = torch.zeros(count, _SIZES + 1, device=device)  # of a size other than 0, and of its sign
        self._birth = torch.zeros_like(self._weights)  # of a weight other than 0, more than of a 0
        self._lines = [_lines(parameters, axis) for axis in (0, 1)]
        means = self._by_tensor(self._weights.abs()) / sizes
        self.log_steps = nn.Parameter((coarseness * means.clamp(min=_LEAST_MEAN)).log())
        self.latents = nn.Parameter(self._weights / self.log_steps.detach().exp()[self._tensor])
        self.write()

    @property
    def moving(self) -> list[Tensor]:
        """All that changes along a training besides the net itself."""
        return [self.latents, self.log_steps, self._costs, self._birth]

    @torch.no_grad()
    def write(self) -> None:
        """Rounds: the net's weights become steps times rounded latents, which are at most 255."""
        rounded = self.latents.round().clamp(-_FURTHEST, _FURTHEST)
        torch.mul(rounded, self.log_steps.exp()[self._tensor], out=self._weights)

    @torch.no_grad()
    def estimate(self) -> Tensor:
        """Bits of all weights now: which are not 0, how many steps those are, a bit for each sign.

        Sizes cost -log2 of their smoothed share in the tensor. Which weights are not 0 is told by the cheapest of
        three contexts of each tensor, as a mask is sent: one density for all, or one for each row (axis 0) or each
        column (axis 1), where small rows lean on the density of all. What each weight's next size would cost is
        kept for `backward`.
        """
        sizes = self.latents.abs().round().clamp(max=_SIZES - 1).long()
        counts = torch.zeros(self._costs.numel(), device=sizes.device)
        counts = counts.index_add_(0, self._tensor * (_SIZES + 1) + sizes, torch.ones_like(self._weights))
        counts = counts.view_as(self._costs)[:, 1:_SIZES]
        bits = 1 - ((counts + _KT) / (counts + _KT).sum(1, keepdim=True)).log2()
        self._costs[:, 1:_SIZES] = bits.cummax(1).values
        self._costs[:, _SIZES] = self._costs[:, _SIZES - 1]
        return (counts * bits).sum() + self._estimate_masks((sizes > 0).float())

    def _estimate_masks(self, some: Tensor) -> Tensor:
        """Bits of the masks; what a weight other than 0 costs more than a 0 there is kept."""
        ones = torch.ones_like(some)
        overall = ((self._by_tensor(some) + _KT) / (self._by_tensor(ones) + 2 * _KT))[self._tensor]
        densities = [overall]
        for owner, number in self._lines:
            taken, places = (
                torch.zeros(number, device=some.device).index_add_(0, owner, each) for each in (some, ones)
            )
            densities.append((taken[owner] + _LEAN * overall) / (places[owner] + _LEAN))
        spent = torch.stack([-torch.where(some > 0, each, 1 - each).log2() for each in densities])  # (3, n)
        by_tensor = torch.stack([self._by_tensor(each) for each in spent])
        density = torch.stack(densities).gather(0, by_tensor.argmin(0)[self._tensor][None])[0]
        torch.log2(1 / density - 1, out=self._birth)
        return by_tensor.amin(0).sum()

    @torch.no_grad()
    def backward(self, bit_price: float) -> None:
        """Gradients of loss + bit_price x bits for latents and steps, from the net's weights' own, which are cleared.

        Between two sizes the bits are taken as linear, so that every weight is pulled towards the next smaller
        one by the bits that it would save.
        """
        below = self.latents.abs().floor().clamp(max=_SIZES - 1).long()
        slope = self._costs[self._tensor, below + 1] - self._costs[self._tensor, below]
        slope = (slope + torch.where(below == 0, self._birth, 0.0)).clamp(min=0)
        steps = self.log_steps.exp()[self._tensor]
        self.latents.grad = self._gradients * steps + bit_price * slope * self.latents.sign()
        self.log_steps.grad = self._by_tensor(self._gradients * self._weights)
        self._gradients.zero_()

    def _by_tensor(self, values: Tensor) -> Tensor:
        sums = torch.zeros(len(self._costs), device=values.device)
        return sums.index_add_(0, self._tensor, values)


def _lines(parameters: list[nn.Parameter], axis: int) -> tuple[Tensor, int]:
    """The row (axis 0) or column (axis 1) of each weight (n,), numbered through all tensors, and their number.

    A vector is one line.
    """
    owners, start = [], 0
    for each in parameters:
        number = each.shape[axis] if each.ndim > 1 else 1
        index = torch.arange(start, start + number, device=each.device)
        shape = [-1 if at == axis else 1 for at in range(each.ndim)] if each.ndim > 1 else [1]
        owners.append(index.view(shape).expand(each.shape or (1,)).reshape(-1))
        start += number
    return torch.cat(owners), start
