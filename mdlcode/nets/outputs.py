"""From whatever a module gives to logits (m, K)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mdlcode.errors import MdlError

_KEYS = ("logits", "out")  # what Hugging Face's and torchvision's modules name them


class Logits(nn.Module):
    """A net whose outputs are brought to logits (m, K), and one that can't take an input alone is given it twice."""

    def __init__(self, net: nn.Module, num_classes: int, twice: bool) -> None:
        super().__init__()
        self.net, self.num_classes, self.twice = net, num_classes, twice

    def forward(self, x: Tensor) -> Tensor:
        """Logits (m, K)."""
        if self.twice and len(x) == 1:
            return logits_of(self.net(torch.cat([x, x])), 2, self.num_classes)[:1]
        return logits_of(self.net(x), len(x), self.num_classes)


def logits_of(output: Any, count: int, num_classes: int) -> Tensor:
    """The logits (count, K) that a module means: its output, or what is named so there, or the first of several.

    One number z for each input of two classes is the logit of class 1: (0, z). A batch of one may have lost its
    axis. Raises MdlError for another shape or type.

    >>> logits_of({"logits": torch.tensor([[3.0], [5.0]])}, count=2, num_classes=2)
    tensor([[0., 3.],
            [0., 5.]])
    """
    found = _tensor(output)
    if found is None:
        raise MdlError(f"it gives a {type(output).__name__}, in which no tensor is named 'logits' or comes first")
    if not found.is_floating_point():
        raise MdlError(f"it gives numbers of type {found.dtype}: logits, real numbers, are needed")
    shape = tuple(found.shape)
    if shape == (count, num_classes):
        return found
    if count == 1 and shape == (num_classes,):
        return found[None]
    if num_classes == 2 and (shape in ((count,), (count, 1)) or (count == 1 and not shape)):
        one = found.reshape(count)
        return torch.stack([torch.zeros_like(one), one], dim=1)
    inputs = "1 input" if count == 1 else f"{count} inputs"
    raise MdlError(f"it gives {shape} for {inputs}: ({count}, {num_classes}) is needed")


def is_plain(output: Any, count: int, num_classes: int) -> bool:
    """Whether an output is logits (count, K) already."""
    return isinstance(output, Tensor) and output.shape == (count, num_classes) and output.is_floating_point()


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
