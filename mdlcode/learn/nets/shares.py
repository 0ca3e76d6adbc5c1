"""How several processes train one net: each is at its share of every batch, and the gradients of all are added up.

What comes of it is the training that one process makes, but for the order of sums, and for what a net draws as it
trains, such as dropout: each process draws for its own share.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.overrides import TorchFunctionMode

from mdlcode import ranks
from mdlcode.learn.nets.determinism import seeded


def share_of(loss: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
    """This process's part of the mean loss of a batch: the parts of all add up to it, and so do their gradients.

    `inputs` are (m, ...) and `targets` (m,), or (m T,) where tokens have labels. A batch with fewer inputs than there
    are processes is computed as a whole by each, and they share the mean.
    """
    if not ranks.sharing():
        return loss(inputs, targets)
    rank, count = dist.get_rank(), dist.get_world_size()
    drawn = int(torch.randint(2**62, ()))  # the same for all
    if len(inputs) < count:
        with seeded(drawn, inputs.device):
            return loss(inputs, targets) / count
    part = inputs.tensor_split(count)[rank]
    known = targets.view(len(inputs), -1).tensor_split(count)[rank].flatten()
    weight = (known >= 0).sum() / (targets >= 0).sum()  # of labels: those of unlabelled tokens are below 0
    with seeded(drawn + rank, inputs.device), _WholeBatches():
        return loss(part, known) * weight


def add_up(parameters: Iterable[Tensor]) -> None:
    """In work that is done together each gradient becomes the sum of those that all processes have."""
    if not ranks.sharing():
        return
    gradients = [each.grad for each in parameters if each.grad is not None]
    flat = torch.cat([each.flatten() for each in gradients])
    dist.all_reduce(flat)
    parts = flat.split([each.numel() for each in gradients])
    torch._foreach_copy_(gradients, [part.view_as(each) for part, each in zip(parts, gradients, strict=True)])


class _WholeBatches(TorchFunctionMode):
    """Inside, a batch norm of a net in training is that of the whole batch, and not of this process's share."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return (_batch_norm if func is F.batch_norm else func)(*args, **(kwargs or {}))


def _batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`torch.nn.functional.batch_norm` of this process's share x (m, C, ...) of a batch, by the moments of all of it.

    From the mean and variance of each share, as Chan, Golub & LeVeque 1979 add those up. (Torch's SyncBatchNorm is for
    GPUs.)
    """
    if not training:
        return F.batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    values = x.float()
    dims, channels = [0, *range(2, x.ndim)], [1, -1, *[1] * (x.ndim - 2)]
    count = values.new_full(x.shape[1:2], x.numel() / x.shape[1])
    own = torch.stack([*torch.var_mean(values, dims, correction=0), count])
    before, after = dist.get_rank(), dist.get_world_size() - dist.get_rank() - 1
    variances, means, counts = _Sum.apply(F.pad(own[None], (0, 0, 0, 0, before, after))).unbind(1)  # (shares, C) each
    shares = counts / counts.sum(0)
    mean = (shares * means).sum(0)  # (C,)
    variance = (shares * (variances + (means - mean).square())).sum(0)
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            total = counts[:, 0].sum()
            running_mean.lerp_(mean.to(running_mean), momentum)
            running_var.lerp_((variance * total / (total - 1)).to(running_var), momentum)
    scale = torch.rsqrt(variance + eps) * (1.0 if weight is None else weight)
    shift = (0.0 if bias is None else bias) - mean * scale
    return torch.addcmul(shift.view(channels), values, scale.view(channels)).to(x.dtype)


class _Sum(Function):
    """The sum over all processes; its gradient is the sum of theirs, since the loss is."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total
