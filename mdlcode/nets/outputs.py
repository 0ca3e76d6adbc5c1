"""From whatever a module gives to logits (m, K), or (m, T, K) where tokens have labels."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mdlcode.errors import MdlError

_KEYS = ("logits", "out")  # what Hugging Face's and torchvision's modules name them


class Logits(nn.Module):
    """A net whose outputs are brought to logits (m, *row), and one that can't take an input alone is given it twice."""

    def __init__(self, net: nn.Module, row: tuple[int, ...], twice: bool) -> None:
        super().__init__()
        self.net, self.row, self.twice = net, row, twice

    def forward(self, x: Tensor) -> Tensor:
        """Logits (m, *row)."""
        if self.twice and len(x) == 1:
            return logits_of(self.net(torch.cat([x, x])), 2, self.row)[:1]
        return logits_of(self.net(x), len(x), self.row)


def logits_of(output: Any, count: int, row: tuple[int, ...]) -> Tensor:
    """The logits (count, *row) that a module means: its output, or what is named so there, or the first of several.

    `row` is (K,), or (T, K) where tokens have labels. One number z in place of two logits is that of class 1: (0, z). A
    batch of one may have lost its axis. Raises MdlError for another shape or type.

    >>> logits_of({"logits": torch.tensor([[3.0], [5.0]])}, count=2, row=(2,))
    tensor([[0., 3.],
            [0., 5.]])
    """
    found = _tensor(output)
    if found is None:
        raise MdlError(f"it gives a {type(output).__name__}, in which no tensor is named 'logits' or comes first")
    if not found.is_floating_point():
        raise MdlError(f"it gives numbers of type {found.dtype}: logits, real numbers, are needed")
    wanted, one = (count, *row), (count, *row[:-1])  # one number in place of two logits
    if (batch := _with_batch(found, wanted)) is not None:
        return batch
    if row[-1] == 2:
        for shape in (one, (*one, 1)):
            if (batch := _with_batch(found, shape)) is not None:
                single = batch.reshape(one)
                return torch.stack([torch.zeros_like(single), single], dim=-1)
    inputs = "1 input" if count == 1 else f"{count} inputs"
    raise MdlError(f"it gives {tuple(found.shape)} for {inputs}: {wanted} is needed")


def _with_batch(found: Tensor, shape: tuple[int, ...]) -> Tensor | None:
    """The tensor if it has that shape, where a batch of one may have lost its axis."""
    if found.shape == shape:
        return found
    return found[None] if shape[0] == 1 and found.shape == shape[1:] else None


def is_plain(output: Any, count: int, row: tuple[int, ...]) -> bool:
    """Whether an output is logits (count, *row) already."""
    return isinstance(output, Tensor) and output.shape == (count, *row) and output.is_floating_point()


def _tensor(output: Any) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    if isinstance(logits := getattr(output, "logits", None), Tensor):
        return logits
    if isinstance(output, Mapping):
        tensors = {key: value for key, value in output.items() if isinstance(value, Tensor)}
        named = [tensors[key] for key in _KEYS if key in tensors]
        return named[0] if named else next(iter(tensors.values())) if len(tensors) == 1 else None
    if isinstance(output, tuple | list) and len(output):
        return _tensor(output[0])
    return None
