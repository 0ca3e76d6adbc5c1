"""The grids of nets of each scale, and the measures that are taken of them."""

from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F

from mdlcode.data.base import Data
from mdlcode.experiments.grid import Grid
from mdlcode.learn.grid import Training
from mdlcode.measures.margins import PLACES, STATISTICS


@dataclass(frozen=True)
class Nets:
    """A grid of nets on a data set, what is measured of them, and what a caption says of them."""

    data: str
    grid: Grid
    measures: tuple[str, ...]
    about: str
    halved: bool = False  # images at half their side

    def of(self, data: Data) -> Data:
        """The data set as these nets see it."""
        return halved(data) if self.halved else data


MARGINS = tuple(f"margin-{place}-{name}" for place in PLACES for name in STATISTICS)
_PRUNED = ("prunability", "prunability-random", "prunability-absolute", "prunability-first-failure")
_NORMS = (
    *("sum-of-frobenius", "product-of-frobenius", "sum-of-spectral", "product-of-spectral", "path", "distance"),
    *("parameters", "sum-of-frobenius-over-margin", "sum-of-frobenius-pruned", "parameters-pruned"),
)
CODELENGTHS = (
    *("prequential-bits", "prequential-errors", "prequential-tail-bits"),
    *("two-part-bits", "two-part-bound"),
)
# Codes that train each net again, for hundreds of steps: on a grid of their own.
RETRAINED = ("compressed-bits", "variational-bits", "subspace-bits", "d-int90")
_DEAREST = {"perturbation-magnitude-accuracy", "perturbation"}
MEASURES = (
    *_PRUNED,
    *("perturbation-magnitude", "perturbation-magnitude-accuracy", "perturbation"),
    *_NORMS,
    *MARGINS,
    *("sotl", "first-epoch", "steps-to-loss", "gradient-noise"),
    *("cross-entropy", "negative-entropy", "inverse-margin", "disagreement"),
    *CODELENGTHS,
)
# Convolutions are measured one set of weights after the other: what takes the most of these is left out.
_CONVOLUTIONAL_MEASURES = tuple(name for name in MEASURES if name not in _DEAREST)
DESCENT_MEASURES = (
    *("prunability", "prunability-random", "prunability-absolute", "effective-dimension"),
    *("perturbation-magnitude", "sotl", "cross-entropy", "sum-of-frobenius", "parameters", "two-part-bits"),
    *(f"margin-last-{name}" for name in STATISTICS),
)

_A = {
    "smoke": Nets(
        "digits",
        Grid(
            training=Training(steps=300),
            axes={
                "width": (16, 48),
                "depth": (1, 2),
                "dropout": (0.0, 0.3),
                "l2": (0.0, 0.005),
                "seed": (0, 1),
            },
            fixed={"train_size": 300, "label_noise": 0.2, "batch_size": 32, "lr": 0.05},
            prequential_seeds=(0,),
        ),
        MEASURES,
        "32 MLPs on 300 labels of the digits, 20 % of them redrawn, 300 steps",
    ),
    "cpu": Nets(
        "mnist",
        Grid(
            training=Training(steps=3000),
            axes={
                "width": (32, 64, 128),
                "depth": (1, 2, 3),
                "dropout": (0.0, 0.1, 0.3),
                "l2": (0.0, 0.001, 0.005),
                "augment": ("none", "shift"),
                "seed": (0, 1),
            },
            fixed={"train_size": 1000, "label_noise": 0.2, "batch_size": 32, "lr": 0.02},
            prequential_seeds=(0,),
        ),
        MEASURES,
        "324 MLPs on 1,000 labels of MNIST, 20 % of them redrawn, 3,000 steps",
    ),
    "full": Nets(
        "cifar10",
        Grid(
            training=Training(epochs=380, lr_drops=(100 / 380, 200 / 380, 300 / 380)),
            axes={
                "width": (192, 288, 384),
                "depth": (2, 3, 4),
                "dropout": (0.0, 0.2, 0.5),
                "l2": (0.0, 0.001, 0.005),
                "augment": ("none", "shift-flip"),
                "seed": (0, 1),
            },
            fixed={"net": "nin", "batch_norm": True, "batch_size": 128, "lr": 0.01},
        ),
        MEASURES,
        "the paper's 324 NiN on CIFAR-10, 380 epochs",
    ),
}
_B = Nets(
    "cifar10",
    Grid(
        training=Training(epochs=300, stop_ce=0.1),
        axes={
            "width": (32, 48, 64),
            "depth": (2, 3),
            "dropout": (0.0, 0.1),
            "l2": (0.0, 0.001),
            "lr": (0.02, 0.05),
            "batch_size": (32, 128),
        },
        fixed={"net": "nin", "batch_norm": True, "train_size": 1000},
        prequential_seeds=(0,),
    ),
    _CONVOLUTIONAL_MEASURES,
    "96 NiN on 1,000 labels of CIFAR-10 at 16 x 16, trained to a loss of 0.1",
    halved=True,
)
_CODES_MEASURES = (
    *("prunability", "perturbation-magnitude", "sotl", "cross-entropy", "sum-of-frobenius"),
    *(*MARGINS, *CODELENGTHS, *RETRAINED),
)


def _under_every_code(nets: Nets, depth: int) -> Nets:
    """The nets of a grid that have this depth and the first seed, with all codes among their measures."""
    axes = {name: values for name, values in nets.grid.axes.items() if name not in ("depth", "seed")}
    grid = replace(nets.grid, axes=axes, fixed={**nets.grid.fixed, "depth": depth})
    about = f"the {len(grid.settings)} nets of A of depth {depth} and one seed, under every code"
    return Nets(nets.data, grid, _CODES_MEASURES, about)


_CODES = {
    "smoke": _under_every_code(_A["smoke"], depth=1),
    "cpu": _under_every_code(_A["cpu"], depth=2),
    "full": _under_every_code(_A["cpu"], depth=2),  # the paper has no such nets
}
_RESNET: dict[str, Any] = {"net": "resnet", "depth": 2, "batch_norm": True}
_DESCENT = {
    "smoke": Nets(
        "digits",
        Grid(
            training=Training(steps=600),
            axes={"width": (1, 2, 4, 6, 8, 12, 20, 32), "seed": (0,)},
            fixed={"depth": 1, "train_size": 200, "label_noise": 0.2, "batch_size": 32, "lr": 0.05},
        ),
        DESCENT_MEASURES,
        "MLPs of 8 widths on 200 labels of the digits, 20 % of them redrawn, one seed",
    ),
    "cpu": Nets(
        "mnist",
        Grid(
            training=Training(steps=5000),
            axes={"width": (1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 20, 24, 32, 40, 48, 64), "seed": (0, 1, 2, 3, 4)},
            fixed={"depth": 1, "train_size": 1000, "label_noise": 0.2, "batch_size": 32, "lr": 0.05},
        ),
        DESCENT_MEASURES,
        "MLPs of 16 widths on 1,000 labels of MNIST, 20 % of them redrawn, five seeds",
    ),
    "full": Nets(
        "cifar100",
        Grid(
            training=Training(epochs=200, lr_drops=(0.5, 0.75)),
            axes={"width": tuple(range(2, 65, 2)), "seed": (0, 1, 2, 3, 4)},
            fixed={
                **{"net": "cnn", "depth": 4, "batch_norm": True, "augment": "shift-flip"},
                **{"batch_size": 128, "lr": 0.01, "l2": 1e-4},
            },
        ),
        DESCENT_MEASURES,
        "the paper's CNN of 32 widths on CIFAR-100, 200 epochs, five seeds",
    ),
}
_RESNETS = {
    "smoke": Nets(
        "digits",
        Grid(
            training=Training(steps=60),
            axes={"width": (1, 2, 4), "seed": (0,)},
            fixed={**_RESNET, "train_size": 200, "label_noise": 0.2, "batch_size": 32, "lr": 0.05},
        ),
        DESCENT_MEASURES,
        "ResNet18 of 3 widths on 200 labels of the digits, 20 % of them redrawn, 60 steps, one seed",
    ),
    "cpu": Nets(
        "cifar10",
        Grid(
            training=Training(epochs=100, lr_drops=(0.5, 0.75)),
            axes={"width": (1, 2, 3, 4, 6, 8, 12, 16), "seed": (0, 1)},
            fixed={**_RESNET, "train_size": 500, "label_noise": 0.2, "batch_size": 64, "lr": 0.05},
        ),
        DESCENT_MEASURES,
        "ResNet18 of 8 widths on 500 labels of CIFAR-10 at 16 x 16, 20 % of them redrawn, 100 epochs, two seeds",
        halved=True,
    ),
    "full": Nets(
        "cifar100",
        Grid(
            training=Training(epochs=200, lr_drops=(0.5, 0.75)),
            axes={"width": tuple(range(2, 65, 2)), "seed": (0, 1, 2, 3, 4)},
            fixed={**_RESNET, "augment": "shift-flip", "batch_size": 128, "lr": 0.01, "l2": 1e-4},
        ),
        DESCENT_MEASURES,
        "the paper's ResNet18 of 32 widths on CIFAR-100, 200 epochs, five seeds",
    ),
}


def grids(scale: str) -> dict[str, Nets]:
    """The grids A, B (at cpu scale alone), "codes", "descent" and "resnets" of a scale, by name."""
    second = {"B": _B} if scale == "cpu" else {}
    descents = {"descent": _DESCENT[scale], "resnets": _RESNETS[scale]}
    return {"A": _A[scale], **second, "codes": _CODES[scale], **descents}


def halved(data: Data) -> Data:
    """Images (n, C, H, W) at half their height and width, each pixel the mean of four."""

    def half(inputs: torch.Tensor) -> torch.Tensor:
        parts = [F.avg_pool2d(part.float(), 2).round().to(inputs.dtype) for part in torch.split(inputs, 5000)]
        return torch.cat(parts)

    test = None if data.test_inputs is None else half(data.test_inputs)
    return replace(data, shared=replace(data.shared, inputs=half(data.shared.inputs)), test_inputs=test)
