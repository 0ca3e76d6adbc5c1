"""The labels of some inputs, said in turns: in a text a token is predicted once those before it are known."""

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from mdlcode.codelength import LABELS
from mdlcode.coding.channel import Channel
from mdlcode.data.base import Shared
from mdlcode.data.sequences import UNLABELLED
from mdlcode.learn.base import Predictor
from mdlcode.typing import IntArray

# Inputs (m, ...) -> (..., m, K), or (..., m T, K) where tokens have labels; models of real-valued targets.
Predict = Callable[[Tensor], Any]
Send = Callable[[Any, IntArray | None], IntArray]  # rows (..., t, K), or models, and labels (t,) -> labels (t,)


def sending(channel: Channel) -> Send:
    """Sends each turn's labels under its rows as they are."""
    return lambda rows, labels: channel.send(labels, rows)


def say_all(channel: Channel, shared: Shared, labels: IntArray | None, predictor: Predictor) -> IntArray:
    """All labels, sent under what one predictor makes of the inputs."""
    if shared.bins is None:
        return say_labels(shared, (0, len(shared)), labels, predictor.predict, sending(channel))
    return say_labels(
        shared, (0, len(shared)), labels, predictor.model, lambda model, part: channel.send_under(part, model, LABELS)
    )


def say_labels(
    shared: Shared, block: tuple[int, int], labels: IntArray | None, predict: Predict, send: Send
) -> IntArray:
    """The labels of the inputs from `block[0]` up to `block[1]`, sent under what `predict` makes of these inputs.

    Labels of one input each, and tags of tokens whose inputs Bob holds, go in one turn. A text goes column by column:
    first the first token of each sequence, then the second ones, and so on. For each turn both sides run `predict` on
    the same inputs: the labels that were sent, and blanks for all that come later. So a net that looks ahead sees
    blanks, and what Alice computes is what Bob computes, to the bit. Of a long data set, the inputs go piece by piece,
    and no more than the predictions for one piece are held.

    >>> from mdlcode.data.text import from_text
    >>> text = from_text("abba", length=2, order_seed=None)
    >>> def predict(inputs):
    ...     print(inputs.tolist())
    ...     return np.full((4, 2), 0.5)
    >>> say_labels(text.shared, (0, 2), text.labels, predict, lambda rows, labels: labels)
    [[2, 2], [2, 2]]
    [[2, 0], [2, 1]]
    array([0, 1, 1, 0])
    """
    said, place = [], 0
    for piece in shared.pieces(*block):
        count = shared.labels_of(*piece)
        truth = None if labels is None else labels[place : place + count]
        said.append(_say_piece(shared, slice(*piece), truth, predict, send))
        place += count
    return said[0] if len(said) == 1 else np.concatenate(said)


def _say_piece(shared: Shared, part: slice, labels: IntArray | None, predict: Predict, send: Send) -> IntArray:
    inputs = shared.inputs[part]
    if shared.sequences is None:
        return send(predict(inputs), labels)
    sequences = shared.sequences[part]
    truth = None if labels is None else sequences.spread(labels)
    known = np.full(sequences.mask.shape, UNLABELLED)
    for turn in sequences.turns():
        rows = predict(sequences.revealed(inputs, known))[..., turn.ravel(), :]
        known[turn] = send(rows, None if truth is None else truth[turn])
    return known[sequences.mask]
