"""What a training changes of a net besides the parameters that it trains."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mdlcode.coding.channel import Channel
from mdlcode.coding.integers import send_choice
from mdlcode.nets.held import held_tensors, statistics
from mdlcode.weights.exact import BUFFERS, send_means, send_rounded, send_variances


@torch.no_grad()
def send_others(channel: Channel, net: nn.Module, start: Mapping[str, Tensor]) -> None:
    """Statistics of norms, and each other buffer or frozen parameter: a bit for whether it is as at the start.

    `start` are the tensors that both sides have from the net before its training, by name. `net` ends with the
    decoded values on both sides.

    >>> from mdlcode.coding.channel import Ledger
    >>> from mdlcode.nets.held import others
    >>> net, ledger = nn.BatchNorm1d(2, affine=False), Ledger()
    >>> send_others(ledger, net, others(net))
    >>> round(ledger.codelength(2).total_bits, 2)
    16.34
    """
    tensors, moments = held_tensors(net), statistics(net)
    for variance, mean in moments.items():
        known = [tensors[name].double().cpu().numpy() if channel.sending else None for name in (variance, mean)]
        scales = send_variances(channel, known[0], tensors[variance].numel())
        tensors[mean].copy_(torch.from_numpy(send_means(channel, known[1], scales)))
        tensors[variance].copy_(torch.from_numpy(scales))
    for name in sorted(start.keys() - moments.keys() - set(moments.values())):
        moved = int(not torch.equal(tensors[name], start[name])) if channel.sending else None
        if send_choice(channel, moved, 2, BUFFERS):
            send_rounded(channel, tensors[name], BUFFERS)
