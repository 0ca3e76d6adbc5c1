"""A codelength in bits, told apart by part and by label."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mdlcode.typing import BoolArray, FloatArray

LABELS = "labels"
CHOICE = "choice"


def uniform_bits(num_labels: int, num_classes: int) -> float:
    """Length in bits of the uniform code, n log2 K (Blier & Ollivier 2018, section 3.1).

    >>> round(uniform_bits(60_000, 10), 1)
    199315.7
    """
    return num_labels * math.log2(num_classes)


@dataclass(frozen=True, eq=False)
class Codelength:
    """How many bits Alice sends so that Bob, who has the inputs, has the labels.

    `bits_by_part` maps "labels" and each part of the model to bits; `bits_by_label` (n,) tells the
    labels' bits apart, in the order in which the labels were sent. `correct_by_label` (n,) says whether
    each label was the likeliest one under the distribution that it was sent with, the first of several.

    >>> import numpy as np
    >>> length = Codelength({"weights": 64.0, LABELS: 3.0}, np.array([1.0, 2.0]), num_classes=4)
    >>> length.total_bits, length.model_bits, length.label_bits, length.uniform_bits
    (67.0, 64.0, 3.0, 4.0)
    >>> length.compression_ratio, length.bits_per_label
    (16.75, 33.5)
    """

    bits_by_part: Mapping[str, float]
    bits_by_label: FloatArray  # (n,)
    num_classes: int
    correct_by_label: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))  # (n,), or (0,): unknown

    @property
    def num_labels(self) -> int:
        """Number of labels sent."""
        return len(self.bits_by_label)

    @property
    def label_bits(self) -> float:
        """Bits of the labels, given whatever of the model was sent."""
        return self.bits_by_part.get(LABELS, 0.0)

    @property
    def total_bits(self) -> float:
        """Bits of everything that was sent."""
        return math.fsum(self.bits_by_part.values())

    @property
    def model_bits(self) -> float:
        """Bits of everything but the labels: weights, buffers, choices."""
        return math.fsum(bits for part, bits in self.bits_by_part.items() if part != LABELS)

    @property
    def bits_per_label(self) -> float:
        """Total bits over the number of labels: bits a character, where the labels are those of a text."""
        return self.total_bits / self.num_labels

    @property
    def uniform_bits(self) -> float:
        """Bits of the uniform code for the same labels, n log2 K."""
        return uniform_bits(self.num_labels, self.num_classes)

    @property
    def compression_ratio(self) -> float:
        """Total bits over the uniform code's bits: lower is better, 1 is no compression."""
        return self.total_bits / self.uniform_bits

    @property
    def saved_bits(self) -> float:
        """Bits saved against the uniform code; negative where the code is longer.

        On uniformly random labels no code saves d bits with probability above 2^-d.
        """
        return self.uniform_bits - self.total_bits
