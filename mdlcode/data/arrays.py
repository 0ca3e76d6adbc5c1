"""Data sets from arrays, in memory and in files: lists, numpy arrays, tensors, sparse matrices and tables."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mdlcode.data import tables, tokens
from mdlcode.data.base import Data, Shared
from mdlcode.data.bins import Bins
from mdlcode.data.classes import ClassList, as_values
from mdlcode.data.rounding import Rounding
from mdlcode.data.standardise import Standardise
from mdlcode.data.view import View
from mdlcode.errors import MdlError
from mdlcode.mapped import mapped, place_of, rows_of

_MOST_CHANNELS = 4  # of an image whose channels come last
_SQUARE_SIDE = 8  # from which a square of real numbers may have been meant as an image
_LARGEST_DENSE_BYTES = 8 * 2**30


def from_arrays(
    inputs: Any,
    labels: Any,
    test_inputs: Any = None,
    test_labels: Any = None,
    name: str = "arrays",
    *,
    classes: Sequence[Any] | None = None,
    num_classes: int | None = None,
    bins: Bins | None = None,
    standardise: Standardise = "auto",
    order_seed: int | None = 0,
    mask: Any = None,
    test_mask: Any = None,
) -> Data:
    """A data set from arrays, tensors, sparse matrices or tables, in copies of its own.

    With `bins` labels are real numbers, told at that precision: `Bins(low, high, precision)`.

    Inputs are uint8 images (n, H, W[, C]) or (n, C, H, W), real images with a channel axis, series (n, T, F),
    features (n, F) real or whole, or a pandas DataFrame, whose columns of texts and categories become one
    column for each value. Labels are texts, whole numbers, booleans or a pandas column.

    Labels (n, T), or rows of many lengths, are a label for each token of n sequences: tokens (n, T), as whole numbers
    or texts, or vectors (n, T, F). Those that are -100, and those where `mask` (n, T) is False, are none: nobody sends
    them, and both sides know where they are. One sequence is one input, in the order and for `View.limit`.

    Labels are encoded by `classes`, the list of all classes, or as 0 .. `num_classes` - 1, or by those seen among
    `labels`, sorted. The class list is shared knowledge: Bob has it, and it costs no bits. `standardise` is
    "per-feature", "per-channel", "none" or `Given`; "auto" chooses by shape. The examples are put into a random
    order drawn from `order_seed`: label i of the data is that of example `View(order_seed=order_seed).order(n)[i]`;
    None keeps the order given. Raises MdlError as `Data` and `ClassList` do.

    >>> data = from_arrays([[0.0], [1.0], [2.0]], ["no", "yes", "yes"], order_seed=None)
    >>> data.labels, data.shared.class_names, data.shared.shape
    (array([0, 1, 1]), ('no', 'yes'), (1,))
    """
    if tables.is_frame(inputs):
        encoder = tables.FrameEncoder(inputs)
        inputs, test_inputs = (None if each is None else encoder.features(each) for each in (inputs, test_inputs))
    data = assembled(name, inputs, labels, test_inputs, test_labels, classes, num_classes, (mask, test_mask), bins)
    return View(order_seed=order_seed).of(replace(data, shared=replace(data.shared, standardise=standardise)))


def assembled(
    name: str,
    inputs: Any,
    labels: Any,
    test_inputs: Any,
    test_labels: Any,
    classes: Sequence[Any] | None,
    num_classes: int | None,
    masks: tuple[Any, Any] = (None, None),
    bins: Bins | None = None,
) -> Data:
    """The data set of these parts in their order, with labels encoded by one class list, or in bins.

    `masks` are those of tokens, in training and test. Raises MdlError where only one part of a test set is there, and
    for classes and bins, or bins and masks, together.
    """
    if (test_inputs is None) != (test_labels is None):
        raise MdlError("a test set needs inputs and labels: give both or neither")
    if bins is not None:
        if classes is not None or num_classes is not None or any(each is not None for each in masks):
            raise MdlError("targets are real numbers in bins, classes, or labels of tokens: state one of these")
        real = Shared(as_inputs(inputs), len(bins), bins=bins)
        tested_inputs = None if test_inputs is None else _own(as_inputs(test_inputs))
        numbers = None if test_labels is None else bins.encode(test_labels, "the test targets")
        return Data(name, real, bins.encode(labels), tested_inputs, numbers)
    if tokens.are_rows(labels):
        train, tested = tokens.Tagged(inputs, labels, masks[0]), tokens.Tagged(test_inputs, test_labels, masks[1])
        return tokens.assembled(name, train, None if test_inputs is None else tested, classes, num_classes)
    if any(each is not None for each in masks):
        raise MdlError("a mask is for labels of tokens (n, T), and these are one for each example: leave it out")
    values = as_values(labels)
    known = ClassList.of(values, classes, num_classes)
    shared = Shared(as_inputs(inputs), len(known.names), known.display_names)
    test = None if test_inputs is None else _own(as_inputs(test_inputs))
    test_values = None if test_labels is None else known.encode(as_values(test_labels), "the test labels")
    return Data(name, shared, known.encode(values), test, test_values)


def _own(inputs: Tensor) -> Tensor:
    """Inputs that nobody else holds; mapped ones as they are."""
    return inputs.clone() if place_of(inputs) is None else inputs


def as_inputs(values: Any) -> Tensor:
    """A tensor, which may share memory with `values`: uint8 stays, whole numbers (n, F) become int64.

    Other numbers become float32, grey images (n, 1, H, W), channels that come last come first. An array in files that
    is large is mapped. Raises MdlError for what is no array of numbers, complex and masked values, and features that
    float32 can't tell apart.
    """
    if tables.is_frame(values):
        values = tables.FrameEncoder(values).features(values)
    if place_of(values) is not None:
        return values  # type: ignore[no-any-return]
    rounding, device = Rounding(), values.device if isinstance(values, Tensor) else torch.device("cpu")

    def arranged(array: NDArray[Any]) -> NDArray[Any]:
        return _channels_first(_as_numbers(array, rounding))

    rows = rows_of(values)
    if rows is not None:
        tensor = mapped(rows, arranged, rounding.check)
    else:
        tensor = torch.from_numpy(np.ascontiguousarray(arranged(_as_array(values)))).to(device)
        rounding.check()
    if tensor.ndim == 3 and tensor.is_floating_point() and tensor.shape[1] == tensor.shape[2] >= _SQUARE_SIDE:
        shape = tuple(tensor.shape[1:])
        warnings.warn(
            f"real inputs of shape {shape} are read as series of {shape[0]} steps: if they are grey images, give"
            " them a channel axis (n, 1, H, W)",
            stacklevel=3,
        )
    return tensor


def _channels_first(array: NDArray[Any]) -> NDArray[Any]:
    """Images as (n, C, H, W); all else as it is."""
    if array.ndim == 3 and array.dtype == np.uint8:
        return array[:, None]
    return np.moveaxis(array, 3, 1) if array.ndim == 4 and _channels_come_last(*array.shape[1:]) else array


def _channels_come_last(first: int, second: int, last: int) -> bool:
    """Whether a shape is (H, W, C): the square names the two sides, else what is small the channels.

    >>> [_channels_come_last(*shape) for shape in ((8, 8, 4), (4, 8, 8), (32, 48, 3), (512, 2, 2), (3, 32, 2))]
    [True, False, True, False, False]
    """
    if second == last or last > _MOST_CHANNELS:
        return False
    return first == second or first > _MOST_CHANNELS


def _as_array(values: Any) -> NDArray[Any]:
    if isinstance(values, Tensor):
        held = values.detach().cpu()
        return (held.float() if held.dtype in (torch.bfloat16, torch.float16) else held).numpy()
    if isinstance(values, Dataset | DataLoader):
        raise MdlError(f"the inputs are a {type(values).__name__} of torch: give the data set to from_dataset")
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.getmaskarray(values).any():
            raise MdlError("some inputs are masked: fill or drop them first")
        return np.asarray(values.data)
    if hasattr(values, "toarray"):  # scipy's sparse matrices
        if 4 * np.prod(values.shape, dtype=float) > _LARGEST_DENSE_BYTES:
            raise MdlError(f"sparse inputs of shape {values.shape} are too large to be held dense: reduce them first")
        return np.asarray(values.toarray())
    if isinstance(values, np.memmap):
        return np.array(values)
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise MdlError(f"the inputs are no array of numbers: {error}") from None


def _as_numbers(array: NDArray[Any], rounding: Rounding) -> NDArray[Any]:
    """The array in uint8, int64 or float32, which the rounding takes note of."""
    if array.dtype.kind == "c":
        raise MdlError("the inputs are complex numbers: give real and imaginary parts as features of their own")
    if array.dtype.kind == "O":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise MdlError(f"the inputs are no array of numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise MdlError(f"the inputs are no array of numbers: their type is {array.dtype}")
    if array.dtype == np.uint8 or array.dtype == np.float32:
        return array
    if array.dtype.kind in "iu" and array.ndim == 2:
        return array.astype(np.int64)
    return rounding.of(array)
