"""Other labels for the same inputs, on which a code that knows the true ones can't hide."""

import math
from collections.abc import Callable

import numpy as np

from mdlcode.data.base import Data, Shared
from mdlcode.learn.features import standardised
from mdlcode.typing import IntArray

TRUE, RENAMED, RANDOM, PERMUTED, PLANTED = "true", "renamed", "random", "permuted", "planted"


def random_labels(shared: Shared, seed: int) -> IntArray:
    """Uniformly random labels (n,), drawn from `seed`."""
    return _generator(3, seed).integers(shared.num_classes, size=shared.num_labels)


def permuted(data: Data, seed: int) -> IntArray:
    """The true labels (n,) in an order drawn from `seed`: each class as often as before, and nothing to learn."""
    return _generator(4, seed).permutation(data.labels)


def renamed(data: Data, seed: int) -> IntArray:
    """The true labels (n,) with the classes' numbers exchanged, each for another one: as learnable as before.

    Real-valued targets are mirrored at the middle of their range.

    >>> from mdlcode.data import from_arrays
    >>> renamed(from_arrays([[0.0], [1.0], [2.0]], [0, 1, 1], order_seed=None), seed=0)
    array([1, 0, 0])
    """
    if data.shared.bins is not None:
        mirrored: IntArray = data.shared.num_classes - 1 - data.labels
        return mirrored
    circle = _generator(5, seed).permutation(data.shared.num_classes)
    names = np.empty_like(circle)
    names[circle] = np.roll(circle, 1)
    renumbered: IntArray = names[data.labels].astype(np.int64)
    return renumbered


def planted(shared: Shared, seed: int) -> IntArray:
    """Labels (n,) by a rule: which of K random linear functions of the standardised inputs is the largest.

    Real-valued targets are one such function, spread over the range.
    """
    inputs = standardised(shared.inputs, shared)
    if shared.bins is not None:
        values = inputs @ _generator(6, seed).standard_normal(inputs.shape[1])
        share = (values - values.min()) / max(np.ptp(values), np.finfo(float).tiny)
        spread: IntArray = np.rint(share * (shared.num_classes - 1)).astype(np.int64)
        return spread
    scores = inputs @ _generator(6, seed).standard_normal((inputs.shape[1], shared.num_classes))
    largest: IntArray = (scores - scores.mean(axis=0)).argmax(axis=1).astype(np.int64)
    return largest if shared.sequences is None else largest[shared.sequences.mask.ravel()]


LABELLINGS: dict[str, Callable[[Data, int], IntArray]] = {
    TRUE: lambda data, seed: data.labels,
    RENAMED: renamed,
    RANDOM: lambda data, seed: random_labels(data.shared, seed),
    PERMUTED: permuted,
    PLANTED: lambda data, seed: planted(data.shared, seed),
}


def arrangement_bits(labels: IntArray) -> float:
    """log2 of the number of orders of these labels, n! / (n_1! ... n_K!).

    That many bits tell them to somebody who knows how often each class occurs; on labels in random order no code
    saves d bits against it with probability above 2^-d.

    >>> arrangement_bits(np.array([0, 0, 1, 1])) == math.log2(6)
    True
    """
    counts = np.unique(labels, return_counts=True)[1]
    return (math.lgamma(len(labels) + 1) - math.fsum(math.lgamma(each + 1) for each in counts)) / math.log(2)


def _generator(purpose: int, seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([purpose, seed]))
