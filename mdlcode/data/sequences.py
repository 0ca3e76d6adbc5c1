"""Sequences with a label for each token: which tokens have one, and what is known of them meanwhile."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mdlcode.errors import MdlError
from mdlcode.typing import BoolArray, IntArray

UNLABELLED = -100  # as torch's cross-entropy ignores it


@dataclass(frozen=True, eq=False)
class Sequences:
    """What both sides know of n sequences of T tokens beside the inputs: where the labels are, not which.

    `mask` (n, T) says which tokens have a label. Input tokens are 0 .. `vocabulary` - 1; it is 0 where the inputs are
    vectors (n, T, F). Where `autoregressive`, the labels are a text and Bob has no inputs: he holds (n, T) blank
    tokens K, and at each token only the labels of the same sequence before it become inputs. Raises MdlError for a
    mask of another type or shape, and for a sequence without any label.

    >>> tagging = Sequences(np.array([[True, True], [True, False]]), vocabulary=5)
    >>> tagging.ends, tagging.num_labels
    (array([0, 2, 3]), 3)
    """

    mask: BoolArray  # (n, T)
    vocabulary: int = 0
    autoregressive: bool = False

    def __post_init__(self) -> None:
        if self.mask.dtype != np.bool_ or self.mask.ndim != 2:
            raise MdlError(f"a mask holds True or False for each token (n, T), not {self.mask.dtype} {self.mask.shape}")
        if len(empty := np.flatnonzero(~self.mask.any(axis=1))):
            raise MdlError(f"sequence {empty[0]} has no label at all: leave it out, or see whether the mask is right")

    def __len__(self) -> int:
        return len(self.mask)

    @property
    def length(self) -> int:
        """T, the number of tokens of a sequence, those without a label among them."""
        return int(self.mask.shape[1])

    @property
    def num_labels(self) -> int:
        """How many tokens have a label."""
        return int(self.mask.sum())

    @property
    def ends(self) -> IntArray:
        """How many labels the first 0, 1, ..., n sequences have (n + 1,)."""
        ends: IntArray = np.concatenate([[0], self.mask.sum(axis=1).cumsum()])
        return ends

    def __getitem__(self, which: slice | IntArray) -> "Sequences":
        """Those sequences alone."""
        return replace(self, mask=self.mask[which])

    def spread(self, labels: IntArray) -> IntArray:
        """The labels (N,), sequence after sequence, at their tokens (n, T); -100 elsewhere.

        >>> Sequences(np.array([[True, True], [False, True]])).spread(np.array([3, 4, 5]))
        array([[   3,    4],
               [-100,    5]])
        """
        table = np.full(self.mask.shape, UNLABELLED)
        table[self.mask] = labels
        return table

    def revealed(self, inputs: Tensor, labels: IntArray) -> Tensor:
        """The inputs (n, T, ...) once these labels (n, T) are known, -100 where they are not.

        They are as they were, or in a text each token's input is the label before it.

        >>> blank = torch.full((1, 3), 2)
        >>> text = Sequences(np.ones((1, 3), dtype=bool), vocabulary=3, autoregressive=True)
        >>> text.revealed(blank, np.array([[1, 0, -100]]))
        tensor([[2, 1, 0]])
        """
        if not self.autoregressive:
            return inputs
        before = torch.from_numpy(labels[:, :-1]).to(inputs.device)
        known = torch.where(before == UNLABELLED, inputs[:, 1:], before)
        return torch.cat([inputs[:, :1], known], dim=1)

    def turns(self) -> Iterator[BoolArray]:
        """Which tokens (n, T) are said at once: all that have a label, or in a text one of each sequence."""
        if not self.autoregressive:
            yield self.mask
            return
        for place in np.eye(self.length, dtype=np.bool_):
            if (turn := self.mask & place).any():
                yield turn


def check(sequences: Sequences, inputs: Tensor) -> None:
    """Raises MdlError for inputs that are not n sequences of T tokens out of the vocabulary, or of T vectors."""
    shape, tokens = sequences.mask.shape, inputs.dtype == torch.int64
    if tuple(inputs.shape[:2]) != shape or inputs.ndim != (2 if tokens else 3):
        raise MdlError(
            f"labels for {shape[0]} sequences of {shape[1]} tokens, but inputs {tuple(inputs.shape)} of {inputs.dtype}:"
            f" tokens {shape} as int64, or vectors {(*shape, 'F')} are needed"
        )
    if tokens and not (inputs.min() >= 0 and inputs.max() < sequences.vocabulary):
        least, most = int(inputs.min()), int(inputs.max())
        raise MdlError(f"tokens from {least} to {most} lie outside 0 .. {sequences.vocabulary - 1}: number them from 0")
