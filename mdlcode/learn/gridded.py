"""Weights on a grid, trained through the rounding, and an estimate of the bits that they take."""

import torch
from torch import Tensor, nn

from mdlcode.errors import MdlError

_SIZES = 64  # 0 .. 63 steps: larger ones cost what 63 costs
_KT = 0.5
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

        Raises MdlError for a net with buffers, such as batch norm's, which no gradient puts on a grid.
        """
        for name, _ in net.named_buffers():
            raise MdlError(f"buffer '{name}' of the net can't be put on a grid: use a net whose batch norms fold")
        parameters = list(net.parameters())
        device, count = parameters[0].device, len(parameters)
        sizes = torch.tensor([each.numel() for each in parameters], device=device)
        self._tensor = torch.repeat_interleave(torch.arange(count, device=device), sizes)  # (n,) owner of each weight
        self._weights = torch.cat([each.detach().reshape(-1) for each in parameters])
        self._gradients = torch.zeros_like(self._weights)
        self._costs = torch.zeros(count, _SIZES + 1, device=device)
        _make_views(parameters, self._weights, self._gradients)
        means = self._by_tensor(self._weights.abs()) / sizes
        self.log_steps = nn.Parameter((coarseness * means.clamp(min=_LEAST_MEAN)).log())
        self.latents = nn.Parameter(self._weights / self.log_steps.detach().exp()[self._tensor])
        self.write()

    @torch.no_grad()
    def write(self) -> None:
        """Rounds: the net's weights become steps times rounded latents."""
        torch.mul(self.latents.round(), self.log_steps.exp()[self._tensor], out=self._weights)

    @torch.no_grad()
    def estimate(self) -> Tensor:
        """Bits of all weights now: sizes under one KT code for each tensor, and a bit for each sign.

        What each size costs is kept for `backward`: -log2 of its smoothed share, made to rise with size.
        """
        sizes = self.latents.abs().round().clamp(max=_SIZES - 1).long()
        places = self._tensor * _SIZES + sizes
        counts = torch.zeros(self._costs[:, 1:].numel(), device=sizes.device)
        counts = counts.index_add_(0, places, torch.ones_like(self._weights)).view(-1, _SIZES)
        shares = (counts + _KT) / (counts + _KT).sum(1, keepdim=True)
        bits = -shares.log2()
        bits[:, 1:] += 1  # the sign
        self._costs[:, :-1] = bits.cummax(1).values
        self._costs[:, -1] = self._costs[:, -2]
        return (counts * bits).sum()

    @torch.no_grad()
    def backward(self, rate: float) -> None:
        """Gradients of loss + rate x bits for latents and steps, from those of the net's weights, which are cleared.

        Between two sizes the bits are taken as linear, so that every weight is pulled towards the next smaller
        one by the bits that it would save.
        """
        below = self.latents.abs().floor().clamp(max=_SIZES - 1).long()
        slope = self._costs[self._tensor, below + 1] - self._costs[self._tensor, below]
        steps = self.log_steps.exp()[self._tensor]
        self.latents.grad = self._gradients * steps + rate * slope * self.latents.sign()
        self.log_steps.grad = self._by_tensor(self._gradients * self._weights)
        self._gradients.zero_()

    def _by_tensor(self, values: Tensor) -> Tensor:
        sums = torch.zeros(len(self._costs), device=values.device)
        return sums.index_add_(0, self._tensor, values)


def _make_views(parameters: list[nn.Parameter], weights: Tensor, gradients: Tensor) -> None:
    """Makes each parameter and its gradient a part of the flat vectors."""
    start = 0
    for each in parameters:
        end = start + each.numel()
        each.data = weights[start:end].view(each.shape)
        each.grad = gradients[start:end].view(each.shape)
        start = end
