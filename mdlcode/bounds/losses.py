"""Losses that bounds can use beside the plain error: smoothed log-loss, top-k errors, any bounded loss."""

import numpy as np
import numpy.typing as npt

from mdlcode.bounds.numbers import Array, Numbers, plain, reals, require, sizes
from mdlcode.bounds.occam import chernoff_kl
from mdlcode.errors import MdlError


def smoothed_log_loss_bits(probability: npt.ArrayLike, alpha: npt.ArrayLike, num_classes: npt.ArrayLike) -> Numbers:
    """The log-loss in bits of a prediction mixed with the uniform one, -log2((1 - alpha) p + alpha / V).

    Shapes broadcast; probability in [0, 1] (that of the true label), alpha in (0, 1], V >= 1 classes, else
    MdlError. It lies in smoothed_range_bits, so that a bound applies (Lotfi et al. 2024).

    >>> round(smoothed_log_loss_bits(0.0, 0.1, 10), 6)
    6.643856
    """
    p = reals(probability, "probability")
    require((p >= 0) & (p <= 1), p, "probability", "must lie in [0, 1]")
    weight, classes = _smoothing(alpha, num_classes)
    return plain(-np.log2((1 - weight) * p + weight / classes))


def smoothed_range_bits(alpha: npt.ArrayLike, num_classes: npt.ArrayLike) -> tuple[Numbers, Numbers]:
    """The least and the greatest smoothed log-loss in bits; they differ by log2(1 + (1 - alpha) V / alpha).

    Shapes broadcast; alpha in (0, 1], V >= 1 classes, else MdlError.

    >>> low, high = smoothed_range_bits(0.5, 2)
    >>> round(low, 6), round(high, 6)
    (0.415037, 2.0)
    """
    return smoothed_log_loss_bits(1.0, alpha, num_classes), smoothed_log_loss_bits(0.0, alpha, num_classes)


def bounded_loss(
    mean_loss: npt.ArrayLike,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    n: npt.ArrayLike,
    code_bits: npt.ArrayLike,
    delta: npt.ArrayLike,
) -> Numbers:
    """The Chernoff-kl Occam bound on the mean of a loss that lies in [low, high], in the loss's own unit.

    Shapes broadcast; low < high fixed before the data, low <= mean_loss <= high, n >= 1, code_bits 0 or more,
    delta in (0, 1), else MdlError. low + (high - low) kl^-1((loss - low) / (high - low), ...), at most high.

    >>> round(bounded_loss(1.0, 0.0, 2.0, 1000, 100, 0.05), 4)
    1.3669
    """
    floor, span = reals(low, "low"), reals(high, "high") - reals(low, "low")
    require(span > 0, floor, "low", "must be below high")
    unit = (reals(mean_loss, "mean_loss") - floor) / span
    return plain(floor + span * chernoff_kl(unit, n, code_bits, delta))


def top_k_errors(scores: npt.ArrayLike, labels: npt.ArrayLike, k: int) -> int:
    """How many examples have their label outside the k best scores; a tie with the label counts against it.

    scores (n, K), labels (n,) whole in 0..K-1, 1 <= k <= K, no NaN, else MdlError. It is a 0-1 loss: every
    bound holds for it, with this number as its errors.

    >>> top_k_errors([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]], [1, 0], k=2)
    1
    """
    values = reals(scores, "scores")
    if values.ndim != 2 or not 1 <= k <= values.shape[1]:
        raise MdlError(f"top-k needs scores of shape (n, K) and 1 <= k <= K, got {values.shape} and k = {k}")
    index = np.asarray(labels)
    if index.shape != values.shape[:1] or index.dtype.kind not in "iu":
        raise MdlError(f"labels must be {len(values)} whole numbers, got {index.dtype} {index.shape}")
    if index.size and not 0 <= index.min() <= index.max() < values.shape[1]:
        raise MdlError(f"labels must lie in 0..{values.shape[1] - 1}, the columns of scores")
    own = values[np.arange(len(values)), index]  # (n,)
    ahead = np.sum(values >= own[:, None], axis=1) - 1  # the label itself is not ahead of itself
    return int(np.sum(ahead >= k))


def _smoothing(alpha: npt.ArrayLike, num_classes: npt.ArrayLike) -> tuple[Array, Array]:
    weight = reals(alpha, "alpha")
    require((weight > 0) & (weight <= 1), weight, "alpha", "must lie in (0, 1]: at 0 the loss is unbounded")
    return weight, sizes(num_classes, "num_classes")
