"""The numbers of Blier & Ollivier 2018, Table 1, and what they leave out."""

import math
from dataclasses import dataclass

from mdlcode.codelength import uniform_bits

NAMES = {"mnist": "MNIST", "cifar10": "CIFAR-10", "digits": "digits"}


@dataclass(frozen=True)
class Published:
    """A cell of the paper's Table 1; `weights_only` marks a lower bound that leaves the labels' bits out."""

    kbits: float
    accuracy: float
    weights_only: bool = False

    def cells(self, num_labels: int, num_classes: int) -> tuple[str, str, str]:
        """The codelength as printed; with the labels' bits at the printed accuracy, if they are left out; its ratio."""
        bound, honest = "> " if self.weights_only else "", self.kbits
        if self.weights_only:
            honest += flat_confusion_bits(num_labels, num_classes, self.accuracy) / 1000
        ratio = honest * 1000 / uniform_bits(num_labels, num_classes)
        return f"{bound}{self.kbits:,g}", f"{bound}{honest:,.1f}", f"{bound}{ratio:.4f}"


PUBLISHED = {
    ("mnist", "uniform"): Published(199, 0.10),
    ("mnist", "float32"): Published(8600, 0.984, weights_only=True),
    ("mnist", "compressed"): Published(400, 0.984, weights_only=True),
    ("mnist", "subspace"): Published(9.28, 0.90, weights_only=True),
    ("mnist", "variational"): Published(22.2, 0.982),
    ("mnist", "prequential"): Published(4.10, 0.995),
    ("cifar10", "uniform"): Published(166, 0.10),
    ("cifar10", "float32"): Published(428_000, 0.929, weights_only=True),
    ("cifar10", "compressed"): Published(14_000, 0.933, weights_only=True),
    ("cifar10", "subspace"): Published(92.8, 0.70, weights_only=True),
    ("cifar10", "variational"): Published(89.0, 0.665),
    ("cifar10", "prequential"): Published(45.3, 0.933),
}
NUM_LABELS = {"mnist": 60_000, "cifar10": 50_000}


def flat_confusion_bits(num_labels: int, num_classes: int, accuracy: float) -> float:
    """Bits of labels under a net known by its accuracy alone, n (H(a) + (1 - a) log2(K - 1)).

    What a two-part code whose paper gives the weights' bits alone must add at least in this model: errors
    that fall evenly on all other classes.

    >>> round(9.28 + flat_confusion_bits(60_000, 10, 0.9) / 1000, 1)
    56.4
    """
    error = 1 - accuracy
    entropy = -accuracy * math.log2(accuracy) - error * math.log2(error)
    return num_labels * (entropy + error * math.log2(num_classes - 1))
