"""All weights of a net as one vector, so that an update takes a few operations whatever the net."""

import torch
from torch import Tensor, nn


def trained(net: nn.Module) -> list[nn.Parameter]:
    """The parameters of a net that take a gradient."""
    return [each for each in net.parameters() if each.requires_grad and each.numel()]


def flattened(net: nn.Module) -> tuple[Tensor, Tensor]:
    """The weights (n,) of a net and their gradients (n,), of which its parameters are views from here on.

    Frozen parameters stay as they are.

    >>> net = nn.Linear(2, 1)
    >>> weights, gradients = flattened(net)
    >>> _ = weights.fill_(0.5)
    >>> net(torch.ones(2)).backward()
    >>> net.bias.item(), gradients.tolist()
    (0.5, [1.0, 1.0, 1.0])
    """
    parameters = trained(net)
    weights = torch.cat([each.detach().reshape(-1) for each in parameters])
    gradients = torch.zeros_like(weights)
    start = 0
    for each in parameters:
        end = start + each.numel()
        each.data = weights[start:end].view(each.shape)
        each.grad = gradients[start:end].view(each.shape)
        start = end
    return weights, gradients
