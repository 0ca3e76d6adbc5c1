"""Batch norm folded into the layer before it: the same function, without statistics to send."""

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval


def fold_batch_norm(net: nn.Module) -> nn.Module:
    """The net in evaluation mode without those batch norms that directly follow a Conv2d or Linear layer.

    gamma (W x + b - mean) / sqrt(var + eps) + beta is a layer with other weights and bias, so predictions
    stay the same up to rounding. Only `nn.Sequential`s, nested or not, are looked into; another net comes
    back as it is. The net given is not changed.

    >>> import torch
    >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
    >>> folded, x = fold_batch_norm(net), torch.randn(4, 1, 5, 5)
    >>> len(folded), bool(torch.allclose(folded(x), net.eval()(x), atol=1e-6))
    (2, True)
    """
    if type(net) is not nn.Sequential:  # a subclass may compute anything
        return net.eval()
    layers: list[nn.Module] = []
    for layer in net.eval():
        last = layers[-1] if layers else None
        if isinstance(layer, nn.BatchNorm2d) and isinstance(last, nn.Conv2d):
            layers[-1] = fuse_conv_bn_eval(last, layer)
        elif isinstance(layer, nn.BatchNorm1d) and isinstance(last, nn.Linear):
            layers[-1] = fuse_linear_bn_eval(last, layer)
        else:
            layers.append(fold_batch_norm(layer))
    return nn.Sequential(*layers)
