"""Labels of tokens, and the sequences that they belong to, from arrays or from rows of many lengths."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mdlcode.data.base import Data, Shared
from mdlcode.data.classes import ClassList, as_values
from mdlcode.data.sequences import UNLABELLED, Sequences
from mdlcode.errors import MdlError
from mdlcode.typing import BoolArray, IntArray


@dataclass(frozen=True, eq=False)
class Tagged:
    """Sequences of tokens or vectors, the labels of their tokens, and perhaps which of these count."""

    inputs: Any
    labels: Any
    mask: Any = None


def are_rows(labels: Any) -> bool:
    """Whether labels are rows with one for each token, as an array (n, T) or a list of lists.

    A column (n, 1) has one label for each example.

    >>> are_rows([[0, 1], [1]]), are_rows(np.zeros((3, 1))), are_rows(["a", "b"])
    (True, False, False)
    """
    if hasattr(labels, "shape"):
        return len(labels.shape) > 1 and labels.shape[1] != 1
    if not isinstance(labels, list | tuple) or not len(labels):
        return False
    return all(np.ndim(row) > 0 for row in labels) and any(len(row) != 1 for row in labels)


def assembled(
    name: str, train: Tagged, test: Tagged | None, classes: Sequence[Any] | None, num_classes: int | None
) -> Data:
    """The data set of sequences in their order; shorter ones are padded. Their labels are encoded by one class list.

    Raises MdlError for rows of labels that are not as long as those of inputs, and as `ClassList`, `Sequences` and
    `Shared` do.
    """
    parts = [train] if test is None else [train, test]
    for each in parts:
        if len(shape := getattr(each.labels, "shape", (0, 0))) != 2:
            raise MdlError(f"labels have shape {tuple(shape)}: one for each input is (n,), one for each token (n, T)")
    inputs, vocabulary = _inputs([each.inputs for each in parts])
    length = inputs[0].shape[1]
    tables = [_labels(each, length) for each in parts]
    if not all(mask.any() for _, mask in tables):
        raise MdlError("no token has a label: all are -100 or masked")
    values = [as_values(table[mask].tolist()) for table, mask in tables]
    known = ClassList.of(values[0], classes, num_classes)
    sequences = [Sequences(mask, vocabulary) for _, mask in tables]
    shared = Shared(inputs[0], len(known.names), known.display_names, sequences=sequences[0])
    labels = known.encode(values[0])
    if test is None:
        return Data(name, shared, labels)
    test_labels = known.encode(values[1], "the test labels")
    return Data(name, shared, labels, inputs[1], test_labels, test_sequences=sequences[1])


def shared(inputs: Any, mask: Any, num_classes: int) -> Shared:
    """What Bob holds of training data in an archive: the sequences and the mask (n, T)."""
    [read], vocabulary = _inputs([inputs])
    return Shared(read, num_classes, sequences=Sequences(np.asarray(mask), vocabulary))


def _labels(tagged: Tagged, length: int) -> tuple[NDArray[Any], BoolArray]:
    """Labels (n, T), and which of them count (n, T)."""
    if (first := _lengths(tagged.labels)) != (second := _lengths(tagged.inputs)):
        if len(first) != len(second):
            raise MdlError(f"{len(second)} sequences but {len(first)} rows of labels: one row for each is needed")
        odd = next(row for row in range(len(first)) if first[row] != second[row])
        raise MdlError(
            f"sequence {odd} has {second[odd]} tokens but {first[odd]} labels: give one label each, -100 for none"
        )
    table, mask = _table(tagged.labels, length)
    if table.dtype.kind in "iufO":
        mask &= np.asarray(table != UNLABELLED, dtype=np.bool_)
    if tagged.mask is None:
        return table, mask
    if _lengths(tagged.mask) != first:
        raise MdlError(f"the mask must have the shape of the labels, {len(first)} rows of their lengths")
    chosen, there = _table(tagged.mask, length)
    if not set(np.unique(chosen[there].astype(object))) <= {False, True}:
        raise MdlError("the mask must hold True where a token has a label and False elsewhere")
    return table, mask & np.where(there, chosen, False).astype(np.bool_)


def _inputs(parts: list[Any]) -> tuple[list[Tensor], int]:
    """Tokens (n, T) int64 or vectors (n, T, F) float32 of each part, of one T, and the size of the vocabulary.

    The vocabulary is that of the first part, and one token more: for padding, and for what only other parts have.
    """
    length = max(length for each in parts for length in _lengths(each))
    if np.ndim(parts[0][0]) == 2:
        return [_vectors(each, length) for each in parts], 0
    tables = [_table(each, length) for each in parts]
    values = [_numbers(table[there]) for table, there in tables]
    if values[0].dtype.kind == "U":
        names = {name: place for place, name in enumerate(np.unique(values[0]).tolist())}
        values = [np.array([names.get(str(each), len(names)) for each in some], dtype=np.int64) for some in values]
    other = 1 + int(values[0].max())
    values = [np.where(each > other, other, each) for each in values]
    return [_filled(there, each, other) for (_, there), each in zip(tables, values, strict=True)], other + 1


def _numbers(tokens: NDArray[Any]) -> NDArray[Any]:
    """Tokens (N,) as int64 or texts."""
    try:
        values = as_values(tokens.tolist())
    except MdlError:
        raise MdlError(
            "labels (n, T) are of tokens, which must be whole numbers or texts (n, T), or vectors (n, T, F):"
            " these inputs are neither; one-hot labels become numbers by argmax"
        ) from None
    return values if values.dtype.kind == "U" else values.astype(np.int64)


def _filled(there: BoolArray, values: IntArray, padding: int) -> Tensor:
    tokens = np.full(there.shape, padding, dtype=np.int64)
    tokens[there] = values
    return torch.from_numpy(tokens)


def _vectors(rows: Any, length: int) -> Tensor:
    """Vectors (n, T, F) in float32, zeros after the end of a sequence."""
    try:
        each = [np.asarray(row.cpu() if isinstance(row, Tensor) else row, dtype=np.float32) for row in rows]
        padded = [np.pad(row, ((0, length - len(row)), (0, 0))) for row in each]
        return torch.from_numpy(np.stack(padded))
    except (TypeError, ValueError) as error:
        raise MdlError(f"the sequences are no rows of vectors of one size: {error}") from None


def _lengths(rows: Any) -> list[int]:
    """How many tokens each row has. Raises MdlError for what is no list of rows."""
    try:
        return [len(row) for row in rows]
    except TypeError:
        raise MdlError("labels of tokens need sequences as inputs: tokens (n, T) or vectors (n, T, F)") from None


def _table(rows: Any, length: int) -> tuple[NDArray[Any], BoolArray]:
    """Rows as one array (n, T), and where it holds a value of theirs (n, T): not past a row's end, nor masked."""
    if isinstance(rows, Tensor):
        rows = rows.detach().cpu().numpy()
    if isinstance(rows, np.ndarray) and rows.ndim == 2 and rows.shape[1] == length:
        return np.asarray(rows), ~np.ma.getmaskarray(rows)
    table = np.full((len(rows), length), None, dtype=object)
    there = np.arange(length) < np.array(_lengths(rows))[:, None]
    for place, row in enumerate(rows):
        values = row.tolist() if hasattr(row, "tolist") else list(row)
        if any(np.ndim(each) for each in values):
            raise MdlError("rows hold one label or token each, as (n, T): one-hot rows become numbers by argmax")
        table[place, : len(values)] = values
    return table, there
