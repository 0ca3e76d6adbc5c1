"""Counting a net's errors for a bound, which holds only for a fixed function of a single input."""

from typing import TYPE_CHECKING

import numpy as np

from mdlcode.errors import MdlError
from mdlcode.typing import IntArray

if TYPE_CHECKING:
    from torch import Tensor

    from mdlcode.learn.base import Predictor

_ALONE, _BATCH = 8, 256
_PIECE = 4000  # inputs whose predictions are held at once
_ROUNDING = 0.05  # bfloat16 sums in another order; batch statistics and random views differ by far more


def count_errors(predictor: "Predictor", inputs: "Tensor", labels: IntArray) -> int:
    """How many of the labels (n,) are not the class that is most probable given their inputs (n, ...).

    Raises MdlError where a prediction is not finite, or is not a function of its own input alone.

    >>> import torch
    >>> from mdlcode.data import Shared
    >>> from mdlcode.learn import UniformLearner
    >>> uniform = UniformLearner().fit(Shared(torch.zeros(3, 2), 2), np.zeros(0, dtype=np.int64))
    >>> count_errors(uniform, torch.zeros(3, 2), np.array([0, 1, 0]))
    1
    """
    check_function(predictor, inputs)
    errors = 0
    for start in range(0, len(inputs), _PIECE):
        probs = predictor.predict(inputs[start : start + _PIECE])  # (m, K)
        if not np.isfinite(probs).all():
            raise MdlError("the net predicts NaN or infinite values on some inputs: its errors can't be counted")
        errors += int(np.sum(probs.argmax(axis=1) != labels[start : start + _PIECE]))
    return errors


def check_function(predictor: "Predictor", inputs: "Tensor") -> None:
    """Raises MdlError unless inputs get the same prediction alone as in a batch.

    Two kinds of nets fail: a net with batch norm in training mode, whose predictions depend on the whole batch
    (`.eval()` does not reach a layer that is kept in a plain list), and a net that predicts from random views,
    which depend on the place in the batch. No bound holds for them.
    """
    together = predictor.predict(inputs[:_BATCH])[:_ALONE]
    try:
        alone = np.concatenate([predictor.predict(each[None]) for each in inputs[:_ALONE]])
    except ValueError:  # batch norm refuses to take the variance of a single input
        alone = np.full_like(together, np.inf)
    if np.isfinite(together).all() and not np.abs(together - alone).max() <= _ROUNDING:
        raise MdlError(
            "the net predicts otherwise for one input than for a batch (batch norm in training mode, a layer that"
            " .eval() does not reach, or random views): a bound needs a fixed function of one input"
        )
