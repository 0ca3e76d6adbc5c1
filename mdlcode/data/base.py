"""`Shared`, what Alice and Bob both hold, and `Data`, which adds the labels."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from mdlcode.data import standardise
from mdlcode.data.classes import listed, require_few
from mdlcode.data.standardise import Given, Standardise
from mdlcode.errors import MdlError
from mdlcode.typing import IntArray


class Described(Protocol):
    """What a net must know of the inputs: shape, mean and standard deviation, and the number of classes."""

    @property
    def num_classes(self) -> int:
        """Number of classes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input."""

    @property
    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation, shaped to broadcast over a batch."""


@dataclass(frozen=True, eq=False)
class Shared:
    """The inputs (n, ...) and the number of classes, which is shared knowledge as the inputs are.

    Inputs are uint8 images (n, C, H, W), float32 features (n, F), series (n, T, F), or int64 tables and tokens
    (n, T). `class_names` are for display and empty where classes are plain numbers; `standardise` says how
    inputs are brought to mean 0 and deviation 1. Training runs on the device where the inputs live. Raises
    MdlError for no inputs, NaN or infinite values, another type, fewer than two classes or more than 65,536,
    and given moments that do not fit.

    >>> len(Shared(torch.zeros(3, 2), num_classes=2))
    3
    """

    inputs: Tensor
    num_classes: int
    class_names: tuple[str, ...] = ()
    standardise: Standardise = "auto"

    def __post_init__(self) -> None:
        check_inputs(self.inputs)
        if self.num_classes < 2:
            raise MdlError(f"{self.num_classes} class: at least two classes are needed")
        require_few(self.num_classes)
        if isinstance(self.standardise, Given):
            _ = self.moments  # raises where they do not fit the inputs

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return tuple(self.inputs.shape[1:])

    @property
    def classes_text(self) -> str:
        """The number of classes, and their names where they are more than numbers.

        >>> Shared(torch.zeros(3, 2), 2, ("cat", "dog")).classes_text
        '2 classes (cat, dog)'
        """
        names = f" ({listed(self.class_names)})" if self.class_names else ""
        return f"{self.num_classes} classes{names}"

    def fingerprint(self) -> str:
        """A hash of the inputs' values, shape, type and standardisation: which inputs a message belongs to."""
        array = np.ascontiguousarray(self.inputs.cpu().numpy())
        how = standardise.resolved(self.standardise, self.inputs)
        return hashlib.sha256(f"{array.shape}{array.dtype}{how}".encode() + array.data).hexdigest()[:16]

    @cached_property
    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each channel (images) or feature, over all inputs, or as they were given.

        Both sides hold the inputs, so these cost no bits. Float32, shaped to broadcast over a batch;
        a constant feature has deviation 1.
        """
        return standardise.moments(self.inputs, self.standardise)

    @property
    def moment_bits(self) -> float:
        """32 bits for each mean and standard deviation that is read off the inputs.

        Alice and Bob both hold the inputs, so that a code has these for free; a bound on new inputs pays.
        """
        return standardise.moment_bits(self.inputs, self.standardise)

    def to(self, device: torch.device) -> "Shared":
        """The same on another device."""
        return replace(self, inputs=self.inputs.to(device))


@dataclass(frozen=True, eq=False)
class Data:
    """Inputs and labels (n,) int64 in 0 .. K-1, and a test set where there is one.

    `order_seed` is the seed of the order in which the labels are sent, None for the order they were stored in.
    Raises MdlError for labels out of range, another number of labels than of inputs, and test inputs of another
    shape than the training inputs.
    """

    name: str
    shared: Shared
    labels: IntArray  # (n,)
    test_inputs: Tensor | None = None  # (n_test, ...)
    test_labels: IntArray | None = None  # (n_test,)
    order_seed: int | None = None

    def __post_init__(self) -> None:
        check_labels(self.labels, len(self.shared), self.shared.num_classes)
        if self.test_inputs is not None and self.test_labels is not None:
            check_inputs(self.test_inputs)
            check_labels(self.test_labels, len(self.test_inputs), self.shared.num_classes)
            if (theirs := tuple(self.test_inputs.shape[1:])) != self.shared.shape:
                raise MdlError(f"test inputs have shape {theirs}, training inputs {self.shared.shape}: make them equal")

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "Data":
        """The same on another device; labels stay numpy arrays."""
        test = None if self.test_inputs is None else self.test_inputs.to(device)
        return replace(self, shared=self.shared.to(device), test_inputs=test)


def check_labels(labels: IntArray, num_inputs: int, num_classes: int) -> None:
    """Raises MdlError unless there is one label in 0 .. K-1 for each input."""
    if len(labels) != num_inputs:
        raise MdlError(f"{num_inputs} inputs but {len(labels)} labels: one label for each input is needed")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise MdlError(f"labels from {labels.min()} to {labels.max()} lie outside 0 .. {num_classes - 1}")


def check_inputs(inputs: Tensor) -> None:
    """Raises MdlError unless there are inputs, as vectors or more, of a type that is kept, and all finite."""
    if inputs.ndim < 2 or inputs.numel() == 0:
        raise MdlError(f"the set is empty, or its inputs are no vectors: shape {tuple(inputs.shape)}")
    if inputs.dtype not in (torch.uint8, torch.int64, torch.float32):
        raise MdlError(f"inputs must be uint8, int64 or float32, not {inputs.dtype}")
    if inputs.dtype == torch.float32 and not bool(torch.isfinite(inputs).all()):
        raise MdlError("the inputs hold NaN or infinite values: replace or drop them first")
