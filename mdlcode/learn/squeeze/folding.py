"""A net as it is sent: the same function in evaluation mode, with less to tell."""

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from mdlcode.nets.composed import baked
from mdlcode.nets.held import shared_parameters
from mdlcode.nets.outputs import Logits


def fold_batch_norm(net: nn.Module) -> nn.Module:
    """The net in evaluation mode without those batch norms that directly follow a Conv2d or Linear layer.

    gamma (W x + b - mean) / sqrt(var + eps) + beta is a layer with other weights and bias, so predictions
    stay the same up to rounding. Only `nn.Sequential`s, nested or not, are looked into, and layers that are used
    twice or share weights stay. Weights that are made of others (weight norm, spectral norm, pruning masks) become
    plain ones in any net (`baked`). The net given is not changed.

    >>> import torch
    >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
    >>> folded, x = fold_batch_norm(net), torch.randn(4, 1, 5, 5)
    >>> len(folded), bool(torch.allclose(folded(x), net.eval()(x), atol=1e-6))
    (2, True)
    """
    if isinstance(net, Logits):
        return Logits(fold_batch_norm(net.net), net.row, net.twice).eval()
    plain = baked(net)
    return _folded(plain, shared_parameters(plain))


def is_chain(module: nn.Module) -> bool:
    """Whether a module is its layers, one after the other, and nothing else: a subclass may compute anything."""
    hooks = module._forward_pre_hooks or module._forward_hooks
    return type(module) is nn.Sequential and not hooks


def _folded(net: nn.Module, shared: set[int]) -> nn.Module:
    if not is_chain(net):
        return net.eval()
    layers: list[nn.Module] = []
    for layer in net.eval()._modules.values():
        assert layer is not None
        joined = _joined(layers[-1], layer, shared) if layers else None
        if joined is None:
            layers.append(_folded(layer, shared))
        else:
            layers[-1] = joined
    return nn.Sequential(*layers)


def _joined(before: nn.Module, norm: nn.Module, shared: set[int]) -> nn.Module | None:
    """A layer and the batch norm that follows it as one layer; None where they are no such pair."""
    if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d) or norm.running_mean is None:
        return None
    if any(id(each) in shared for each in before.parameters()):
        return None
    if isinstance(norm, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
        return fuse_conv_bn_eval(before, norm)
    if isinstance(norm, nn.BatchNorm1d) and isinstance(before, nn.Linear) and norm.num_features == before.out_features:
        return fuse_linear_bn_eval(before, _affine(norm))
    return None


def _affine(norm: nn.BatchNorm1d) -> nn.BatchNorm1d:
    """The same norm with a scale and a shift, which torch needs to fold it into a Linear layer."""
    if norm.affine:
        return norm
    same = nn.BatchNorm1d(norm.num_features, norm.eps).to(norm.running_mean).eval()
    same.load_state_dict(norm.state_dict(), strict=False)
    return same
