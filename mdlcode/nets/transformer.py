"""A small transformer that gives logits at each token of a sequence."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mdlcode.data.sequences import Sequences

_HEAD_WIDTH = 16


class Transformer(nn.Module):
    """Tokens (m, T), or vectors (m, T, F), to logits (m, T, K): pre-norm blocks, learned places (Radford et al. 2019).

    With `causal` no token's logits depend on what comes after it (Vaswani et al. 2017, section 3.2.3).
    """

    def __init__(self, read: nn.Module, length: int, num_classes: int, depth: int, width: int, causal: bool) -> None:
        """`read` makes vectors (m, T, width) of the inputs."""
        super().__init__()
        self.read = read
        self.places = nn.Parameter(0.02 * torch.randn(length, width))
        self.blocks = nn.Sequential(*(_Block(width, causal) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (m, T, K)."""
        logits: Tensor = self.head(self.norm(self.blocks(self.read(x) + self.places)))
        return logits


class _Block(nn.Module):
    """x + attention(norm x), then x + mlp(norm x)."""

    def __init__(self, width: int, causal: bool) -> None:
        super().__init__()
        self._causal, self._heads = causal, width // _HEAD_WIDTH
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.inner, self.outer = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.out(self._attention(self.norms[0](x)))
        x = x + self.outer(F.gelu(self.inner(self.norms[1](x))))
        return x

    def _attention(self, x: Tensor) -> Tensor:
        split = self.qkv(x).unflatten(2, (3, self._heads, _HEAD_WIDTH))  # (m, T, 3, heads, 16)
        queries, keys, values = split.permute(2, 0, 3, 1, 4)  # (m, heads, T, 16) each
        # Plain products of matrices, whose order of summation is fixed: Bob must come to the same bits.
        scores = queries @ keys.transpose(2, 3) / math.sqrt(_HEAD_WIDTH)
        if self._causal:
            later = torch.ones_like(scores[0, 0], dtype=torch.bool).triu(1)
            scores = scores.masked_fill(later, -math.inf)
        mixed: Tensor = (scores.softmax(3) @ values).transpose(1, 2).flatten(2)
        return mixed


def transformer(
    input_shape: tuple[int, ...], num_classes: int, sequences: Sequences, depth: int, width: int
) -> Transformer:
    """A transformer of `depth` blocks and this width, with heads of 16; causal for a text, else it sees both sides.

    >>> import numpy as np
    >>> text = Sequences(np.ones((9, 32), dtype=bool), vocabulary=60, autoregressive=True)
    >>> sum(p.numel() for p in transformer((32,), 59, text, depth=2, width=64).parameters())
    109819
    """
    read = nn.Embedding(sequences.vocabulary, width) if len(input_shape) == 1 else nn.Linear(input_shape[1], width)
    return Transformer(read, input_shape[0], num_classes, depth, width, sequences.autoregressive)
