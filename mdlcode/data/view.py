"""What is looked at of a data set: how many examples, in which order, with how much noise."""

import warnings
from dataclasses import replace

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode.config import STRICT, Seed, Settings
from mdlcode.data.base import Data, Shared
from mdlcode.data.standardise import Given, Rule
from mdlcode.errors import MdlError
from mdlcode.mapped import place_of, taken
from mdlcode.typing import IntArray

_ENOUGH_CHANGES = 16  # expected between neighbours, so that far fewer of them are no accident
_SORTED_SHARE = 0.25


@dataclass(frozen=True, config=STRICT)
class View(Settings):
    """Options that make one data set out of another. All but the noise concern the inputs alone.

    The order is a permutation drawn from `order_seed`, since stored sets are often sorted by class;
    `order_seed=None` keeps the stored order. `limit` keeps that many first examples of the order.
    `label_noise` is the fraction of training labels redrawn uniformly. `shuffle_pixels` applies one
    fixed permutation to the values of every input. `binary` asks only whether a label lies in the upper half
    of the classes, as Dziugaite & Roy 2017 tell the digits 0 to 4 from 5 to 9; noise comes after that.
    `mean` and `std` of each channel standardise the inputs in place of their own, as `Given` says, or `standardise`
    names the rule; "auto" keeps what the data set says. Raises MdlError where only one of `mean` and `std` is
    given, or both and a rule, and for `binary` with real-valued targets.

    >>> View(limit=3, order_seed=None).order(1797)
    array([0, 1, 2])
    """

    limit: int | None = Field(default=None, ge=1)
    label_noise: float = Field(default=0.0, ge=0.0, le=1.0)
    shuffle_pixels: bool = False
    order_seed: Seed | None = 0
    binary: bool = False
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    standardise: Rule = "auto"

    def __post_init__(self) -> None:
        if (self.mean is None) != (self.std is None):
            raise MdlError("`mean` and `std` go together: give both, or neither to use the training inputs' own")
        if self.mean is not None and self.standardise != "auto":
            raise MdlError("`mean` and `std` say how to standardise: leave them out, or `standardise` at auto")

    def order(self, num_inputs: int) -> IntArray:
        """Indices of the examples kept, in the order in which their labels are sent."""
        if self.limit is not None and self.limit > num_inputs:
            raise MdlError(f"`limit` {self.limit} is more than the {num_inputs} examples of the data set")
        full = np.arange(num_inputs)
        if self.order_seed is not None:
            full = np.random.Generator(np.random.PCG64(self.order_seed)).permutation(num_inputs)
        return full[: self.limit].astype(np.int64)

    def of_shared(self, shared: Shared) -> Shared:
        """The inputs as both sides see them."""
        order = self.order(len(shared))
        kept = self._shuffled(taken(shared.inputs, order))
        how = shared.standardise if self.standardise == "auto" else self.standardise
        if self.mean is not None and self.std is not None:
            how = Given(self.mean, self.std)
        which = None if shared.sequences is None else shared.sequences[order]
        if which is not None and self.shuffle_pixels:
            raise MdlError("`shuffle_pixels` would tear tokens from their labels: leave it out for sequences")
        if self.binary and shared.bins is not None:
            raise MdlError("`binary` halves a list of classes, and these targets are real numbers: leave it out")
        seen = replace(shared, inputs=kept, standardise=how, sequences=which)
        return replace(seen, num_classes=2, class_names=("lower half", "upper half")) if self.binary else seen

    def of(self, data: Data) -> Data:
        """The data set with this order, limit, noise and pixel order; the test set keeps its labels.

        Warns where the labels come almost sorted by class in this order.
        """
        shared = self.of_shared(data.shared)
        labels = self._halved(self._ordered(data), data.shared.num_classes)
        test_labels = None if data.test_labels is None else self._halved(data.test_labels, data.shared.num_classes)
        test = None if data.test_inputs is None else self._shuffled(data.test_inputs)
        noisy = self._noisy(labels, shared.num_classes)
        if shared.sequences is None:  # tags may well come in runs
            _warn_if_sorted(noisy, data.name, shared.bins is not None)
        seed = data.order_seed if self.order_seed is None else self.order_seed
        return Data(data.name, shared, noisy, test, test_labels, seed, data.test_sequences)

    def _ordered(self, data: Data) -> IntArray:
        """The labels of the examples kept."""
        order, sequences = self.order(len(data.shared)), data.shared.sequences
        if sequences is None:
            return data.labels[order]
        table = sequences.spread(data.labels)[order]
        return table[sequences.mask[order]]

    def _halved(self, labels: IntArray, num_classes: int) -> IntArray:
        return (2 * labels >= num_classes).astype(np.int64) if self.binary else labels

    def _shuffled(self, inputs: torch.Tensor) -> torch.Tensor:
        if not self.shuffle_pixels:
            return inputs
        if place_of(inputs) is not None:
            raise MdlError("`shuffle_pixels` is for inputs that fit into memory: take fewer examples with `limit`")
        flat = inputs.flatten(1)
        pixels = np.random.Generator(np.random.PCG64([1, self.order_seed or 0])).permutation(flat.shape[1])
        return flat[:, torch.from_numpy(pixels)].reshape(inputs.shape)

    def _noisy(self, labels: IntArray, num_classes: int) -> IntArray:
        generator = np.random.Generator(np.random.PCG64([2, self.order_seed or 0]))
        redrawn = generator.permutation(len(labels))[: round(self.label_noise * len(labels))]
        noisy = labels.copy()
        noisy[redrawn] = generator.integers(num_classes, size=len(redrawn))
        return noisy


def _warn_if_sorted(labels: IntArray, name: str, real: bool) -> None:
    """Warns where neighbours differ far less than in a random order: in class, or on average as real numbers."""
    if real:
        ranks = np.argsort(np.argsort(labels))
        if len(labels) > _ENOUGH_CHANGES and np.abs(np.diff(ranks)).mean() < _SORTED_SHARE * len(labels) / 3:
            warnings.warn(
                f"{name}: the targets come almost sorted: codes that learn from the first labels suffer, so give an"
                " order_seed",
                stacklevel=4,
            )
        return
    shares = np.bincount(labels) / len(labels)
    expected = float((len(labels) - 1) * (1 - np.square(shares).sum()))
    changes = int(np.count_nonzero(np.diff(labels)))
    if expected >= _ENOUGH_CHANGES and changes < _SORTED_SHARE * expected:
        warnings.warn(
            f"{name}: the labels come almost sorted by class (the class changes {changes} times, in a random order"
            f" about {expected:.0f} times): codes that learn from the first labels suffer, so give an order_seed",
            stacklevel=4,
        )


def split(data: Data, size: int) -> Data:
    """The first `size` examples as training set, the others as test set.

    >>> from mdlcode.data import load
    >>> len(split(load("digits"), 1000).test_labels)
    797
    """
    if not 0 < size < len(data):
        raise MdlError(f"{size} of {len(data)} examples to learn from leave none to test with: take fewer")
    shared = replace(data.shared, inputs=data.shared.inputs[:size])
    return Data(data.name, shared, data.labels[:size], data.shared.inputs[size:], np.asarray(data.labels[size:]))
