"""A text as data: each of its tokens is a label, and Bob has nothing but those before it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mdlcode.data.base import Data, Shared
from mdlcode.data.classes import ClassList, as_values
from mdlcode.data.sequences import Sequences
from mdlcode.data.view import View
from mdlcode.errors import MdlError

LENGTH = 64  # tokens of a sequence


def from_text(
    text: Sequence[Any],
    length: int = LENGTH,
    test_text: Sequence[Any] | None = None,
    name: str = "text",
    *,
    classes: Sequence[Any] | None = None,
    order_seed: int | None = 0,
) -> Data:
    """A text for language modelling: its characters, or the tokens of any list, in sequences of `length`.

    Each token is a label, predicted from those before it in its sequence; the first of a sequence is predicted from
    nothing. The vocabulary is `classes`, or the tokens of both texts, sorted. It is shared knowledge, as a list of
    classes is, and so is the number of tokens. The sequences are put into a random order drawn from `order_seed`;
    None keeps theirs. Raises MdlError for a text of one kind of token or none, a length below 2, and a token outside
    of `classes`.

    >>> data = from_text("abracadabra", length=4, order_seed=None)
    >>> data.labels, data.shared.class_names, len(data.shared)
    (array([0, 1, 4, 0, 2, 0, 3, 0, 1, 4, 0]), ('a', 'b', 'c', 'd', 'r'), 3)
    """
    return View(order_seed=order_seed).of(assembled(name, text, length, test_text, classes))


def assembled(
    name: str, text: Sequence[Any], length: int, test_text: Sequence[Any] | None, classes: Sequence[Any] | None
) -> Data:
    """As `from_text`, in the text's own order."""
    tokens = as_values(list(text))
    test_tokens = None if test_text is None else as_values(list(test_text))
    seen = tokens if test_tokens is None else np.concatenate([tokens, test_tokens])
    vocabulary = ClassList.of(seen, np.unique(seen).tolist() if classes is None else list(classes))
    names = vocabulary.display_names
    shared = blank_text(len(tokens), len(vocabulary.names), length, names)
    data = Data(name, shared, vocabulary.encode(tokens, "the text"))
    if test_tokens is not None:
        there = blank_text(len(test_tokens), len(vocabulary.names), length)
        answers = vocabulary.encode(test_tokens, "the test text")
        data = replace(data, test_inputs=there.inputs, test_labels=answers, test_sequences=there.sequences)
    return data


def blank_text(num_tokens: int, num_classes: int, length: int, names: tuple[str, ...] = ()) -> Shared:
    """What Bob holds of a text: how long it is and how many different tokens there are; K stands for an unknown one.

    >>> blank_text(num_tokens=5, num_classes=2, length=3).inputs
    tensor([[2, 2, 2],
            [2, 2, 2]])
    """
    if length < 2:
        raise MdlError(f"sequences of length {length}: each needs two tokens or more to predict one from another")
    count = -(-num_tokens // length)
    mask = (np.arange(count * length) < num_tokens).reshape(count, length)
    inputs = torch.full((count, length), num_classes)
    return Shared(inputs, num_classes, names, sequences=Sequences(mask, num_classes + 1, autoregressive=True))


def read_text(path: Path) -> str:
    """The text in a file, to the character. Raises MdlError for one that can't be read, is empty or is not UTF-8."""
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MdlError(f"{path} is no readable UTF-8 text: {error}") from None
    if not text:
        raise MdlError(f"{path} is empty: a text needs characters")
    return text
