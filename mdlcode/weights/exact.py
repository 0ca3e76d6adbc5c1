"""Tensors of any type, bit by bit or as few as that takes, and the statistics of norms."""

import numpy as np
import torch
from torch import Tensor

from mdlcode.coding.channel import Channel
from mdlcode.coding.integers import send_choice, send_float16, send_integer
from mdlcode.errors import MdlError
from mdlcode.typing import FloatArray, IntArray

BUFFERS = "buffers"
_WORD = 16
_LEAST_VARIANCE = 2.0**-16  # below batch norm's own epsilon
_VARIANCE_STEPS, _MEAN_STEPS = 16, 32  # in an octave, and in a standard deviation: half of both costs labels
_FURTHEST = 2**15 - 1  # that one symbol can be
LARGEST_HALF = float(np.finfo(np.float16).max)


@torch.no_grad()
def send_exact(channel: Channel, tensor: Tensor, part: str) -> None:
    """Fills a tensor of any type on both sides with Alice's values, which do not change.

    Real and complex numbers take all their bits, whole numbers and truth values those of their range.

    >>> from mdlcode.coding.channel import Ledger
    >>> ledger = Ledger()
    >>> send_exact(ledger, torch.tensor([3, 4, 3, 3]), "buffers")
    >>> round(ledger.codelength(2).total_bits, 2)  # 64 for the least, 6.02 for the width, 1 each
    74.02
    """
    if not (tensor.is_floating_point() or tensor.is_complex()):
        known = tensor.cpu().reshape(-1).long().numpy() if channel.sending else None
        tensor.copy_(torch.from_numpy(_send_whole(channel, known, tensor.numel(), part)).reshape(tensor.shape))
        return
    size = tensor.numel() * tensor.element_size()
    plain = tensor.detach().cpu().contiguous().reshape(-1)
    words = plain.view(torch.uint8).numpy().view("<u2").astype(np.int64) if channel.sending else None
    sent = channel.send_uniform(words, size // 2, 1 << _WORD, part)
    raw = torch.from_numpy(sent.astype("<u2").view(np.uint8))
    tensor.copy_(raw.view(tensor.dtype).reshape(tensor.shape))


@torch.no_grad()
def send_rounded(channel: Channel, tensor: Tensor, part: str) -> None:
    """Fills a tensor on both sides with Alice's values: real numbers in float16 where they fit, others exactly.

    Alice pays a bit for saying which.
    """
    if not tensor.is_floating_point():
        send_exact(channel, tensor, part)
        return
    values = tensor.detach().double().cpu().numpy().reshape(-1) if channel.sending else None
    fits = None if values is None else int(bool((np.abs(values) <= LARGEST_HALF).all()))
    if send_choice(channel, fits, 2, part):
        sent = send_float16(channel, values, tensor.numel(), part)
        tensor.copy_(torch.from_numpy(sent).reshape(tensor.shape))
    else:
        send_exact(channel, tensor, part)


def send_variances(channel: Channel, values: FloatArray | None, count: int) -> FloatArray:
    """Variances (n,) of a norm, each as 2^(k/16)."""
    exponents = None if values is None else _VARIANCE_STEPS * np.log2(np.maximum(values, _LEAST_VARIANCE))
    return np.exp2(_send_steps(channel, exponents, count) / _VARIANCE_STEPS)


def send_means(channel: Channel, values: FloatArray | None, variances: FloatArray) -> FloatArray:
    """Means (n,) of a norm, in thirty-seconds of the standard deviations that were sent."""
    steps = np.sqrt(variances) / _MEAN_STEPS
    return _send_steps(channel, None if values is None else values / steps, len(steps)) * steps


def _send_steps(channel: Channel, values: FloatArray | None, count: int) -> IntArray:
    """Whole numbers (n,) near the values: how far they reach, and each at the same number of bits."""
    whole = None if values is None else np.rint(values).clip(-_FURTHEST, _FURTHEST).astype(np.int64)
    reach = 1 + send_integer(channel, None if whole is None else max(int(np.abs(whole).max()) - 1, 0), BUFFERS)
    if reach > _FURTHEST:
        raise MdlError("the message's statistics are of no net that was sent so: is it of another architecture?")
    symbols = channel.send_uniform(None if whole is None else whole + reach, count, 2 * reach + 1, BUFFERS)
    return symbols - reach


def _send_whole(channel: Channel, values: IntArray | None, count: int, part: str) -> IntArray:
    """Whole numbers (n,): the least, and each as its distance from there in as many bits as the largest needs."""
    least = None if values is None else values.min(keepdims=True)
    words = None if least is None else least.view("<u2").astype(np.int64)
    start = channel.send_uniform(words, 64 // _WORD, 1 << _WORD, part).astype("<u2").view(np.int64)
    above = None if values is None else values.view(np.uint64) - start.view(np.uint64)
    width = send_choice(channel, None if above is None else int(above.max()).bit_length(), 65, part)
    result = np.zeros(count, dtype=np.uint64)
    for low in range(0, width, _WORD):
        mask = (1 << min(_WORD, width - low)) - 1
        known = None if above is None else (above >> np.uint64(low) & np.uint64(mask)).astype(np.int64)
        result |= channel.send_uniform(known, count, mask + 1, part).astype(np.uint64) << np.uint64(low)
    return (result + start.view(np.uint64)).view(np.int64)
