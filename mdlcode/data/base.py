"""`Shared`, what Alice and Bob both hold, and `Data`, which adds the labels."""

import hashlib
from collections.abc import Sized
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

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
    """The inputs (n, ...), uint8 images (n, C, H, W) or float features, and the number of classes.

    Training runs on the device where the inputs live. Raises MdlError for no inputs, NaN or infinite
    values, another type, or fewer than two classes.

    >>> len(Shared(torch.zeros(3, 2), num_classes=2))
    3
    """

    inputs: Tensor
    num_classes: int

    def __post_init__(self) -> None:
        _check_inputs(self.inputs)
        if self.num_classes < 2:
            raise MdlError(f"{self.num_classes} class: at least two classes are needed")

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return tuple(self.inputs.shape[1:])

    def fingerprint(self) -> str:
        """A hash of the inputs' values, shape and type: a message says which inputs it belongs to."""
        array = np.ascontiguousarray(self.inputs.cpu().numpy())
        return hashlib.sha256(f"{array.shape}{array.dtype}".encode() + array.data).hexdigest()[:16]

    @cached_property
    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each channel (images) or feature, over all inputs.

        Both sides hold the inputs, so these cost no bits. Float32, shaped to broadcast over a batch;
        a constant feature has deviation 1. Sums run in float64, exact for uint8 on every device.
        """
        axes = (0, 2, 3) if self.inputs.ndim == 4 else (0,)
        total: Tensor | float = 0.0
        square: Tensor | float = 0.0
        for chunk in torch.split(self.inputs, 4096):
            values = chunk.to(torch.float64)
            total, square = total + values.sum(axes), square + values.square().sum(axes)
        count = self.inputs.numel() / torch.as_tensor(total).numel()
        mean = torch.as_tensor(total) / count
        std = (torch.as_tensor(square) / count - mean.square()).clamp(min=0).sqrt()
        std = torch.where(std > 0, std, torch.ones_like(std))
        shape = (1, -1, 1, 1) if self.inputs.ndim == 4 else (1, *self.shape)
        return mean.float().reshape(shape), std.float().reshape(shape)

    @property
    def moment_bits(self) -> float:
        """32 bits for each mean and standard deviation that is read off the inputs.

        Alice and Bob both hold the inputs, so that a code has these for free; a bound on new inputs pays.
        """
        return 32.0 * sum(each.numel() for each in self.moments)

    def to(self, device: torch.device) -> "Shared":
        """The same on another device."""
        return replace(self, inputs=self.inputs.to(device))


@dataclass(frozen=True, eq=False)
class Data:
    """Inputs and labels (n,) int64 in 0 .. K-1, and a test set where there is one.

    Raises MdlError for labels out of range, or another number of labels than of inputs.
    """

    name: str
    shared: Shared
    labels: IntArray  # (n,)
    test_inputs: Tensor | None = None  # (n_test, ...)
    test_labels: IntArray | None = None  # (n_test,)

    def __post_init__(self) -> None:
        check_labels(self.labels, len(self.shared), self.shared.num_classes)
        if self.test_inputs is not None and self.test_labels is not None:
            _check_inputs(self.test_inputs)
            check_labels(self.test_labels, len(self.test_inputs), self.shared.num_classes)

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "Data":
        """The same on another device; labels stay numpy arrays."""
        test = None if self.test_inputs is None else self.test_inputs.to(device)
        return replace(self, shared=self.shared.to(device), test_inputs=test)


def from_arrays(
    inputs: Any, labels: Any, test_inputs: Any = None, test_labels: Any = None, name: str = "arrays"
) -> Data:
    """A data set from arrays or tensors: uint8 images (n, H, W[, C]) or (n, C, H, W), or real features.

    The number of classes is the largest label plus one. Raises MdlError as `Data` does, and for labels
    that are not whole numbers or are all the same.

    >>> data = from_arrays([[0.0], [1.0], [2.0]], [0, 1, 1])
    >>> len(data), data.shared.num_classes, data.shared.shape
    (3, 2, (1,))
    """
    train = as_labels(labels)
    test = None if test_labels is None else as_labels(test_labels)
    shared = Shared(as_inputs(inputs), count_classes(train, test))
    return Data(name, shared, train, None if test_inputs is None else as_inputs(test_inputs), test)


def from_dataset(dataset: Any, name: str = "dataset") -> Data:
    """A data set from a torch `Dataset` of (input, label) pairs, read once into memory.

    >>> from_dataset([(torch.zeros(2), 0), (torch.ones(2), 1)]).labels
    array([0, 1])
    """
    if not isinstance(dataset, Sized) or not len(dataset):
        raise MdlError("the data set is empty or has no length: give one whose items can be counted")
    pairs = [dataset[i] for i in range(len(dataset))]  # type: ignore[index]
    inputs = torch.stack([torch.as_tensor(np.asarray(each)) for each, _ in pairs])
    return from_arrays(inputs, [int(label) for _, label in pairs], name=name)


def as_inputs(values: Any) -> Tensor:
    """A resident tensor: uint8 stays, other numbers become float32; images become (n, C, H, W)."""
    try:
        tensor = values if isinstance(values, Tensor) else torch.as_tensor(np.asarray(values))
        tensor = tensor if tensor.dtype == torch.uint8 else tensor.to(torch.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise MdlError(f"the inputs are no array of numbers: {error}") from None
    if tensor.ndim == 3:
        tensor = tensor[:, None]
    elif tensor.ndim == 4 and tensor.shape[-1] in (1, 3) and tensor.shape[1] not in (1, 3):
        tensor = tensor.permute(0, 3, 1, 2)
    return tensor.contiguous()


def as_labels(values: Any) -> IntArray:
    """Labels as int64; raises MdlError where they are not one whole number >= 0 each."""
    array = values.cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.ndim != 1 or len(array) == 0:
        raise MdlError(f"labels must be a non-empty list with one number each, not of shape {array.shape}")
    if not np.issubdtype(array.dtype, np.number) or not np.array_equal(array, np.floor(array)):
        raise MdlError("labels must be whole numbers 0, 1, 2, ...: map your class names to numbers first")
    if array.min() < 0:
        raise MdlError(f"label {array.min()} is negative: labels count from 0")
    return array.astype(np.int64)


def count_classes(labels: IntArray, test_labels: IntArray | None) -> int:
    """The number of classes, where nobody says it: the largest label of either set plus one.

    Raises MdlError where all training labels are the same.
    """
    if labels.min() == labels.max():
        raise MdlError("labels of one class only hold no bits: at least two classes are needed")
    return 1 + max(int(labels.max()), -1 if test_labels is None else int(test_labels.max()))


def check_labels(labels: IntArray, num_inputs: int, num_classes: int) -> None:
    """Raises MdlError unless there is one label in 0 .. K-1 for each input."""
    if len(labels) != num_inputs:
        raise MdlError(f"{num_inputs} inputs but {len(labels)} labels: one label for each input is needed")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise MdlError(f"labels from {labels.min()} to {labels.max()} lie outside 0 .. {num_classes - 1}")


def _check_inputs(inputs: Tensor) -> None:
    if inputs.ndim < 2 or inputs.numel() == 0:
        raise MdlError(f"the set is empty, or its inputs are no vectors: shape {tuple(inputs.shape)}")
    if inputs.dtype not in (torch.uint8, torch.float32):
        raise MdlError(f"inputs must be uint8 or float32, not {inputs.dtype}")
    if inputs.dtype == torch.float32 and not bool(torch.isfinite(inputs).all()):
        raise MdlError("the inputs hold NaN or infinite values: replace or drop them first")
