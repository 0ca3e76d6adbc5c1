"""torchvision's image sets by name, with download."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from mdlcode.errors import MdlError

Reader = Callable[[], Any]
NUM_CLASSES = {"mnist": 10, "fashion-mnist": 10, "cifar10": 10, "cifar100": 100, "svhn": 10}


def readers(name: str, root: Path) -> tuple[Reader, Reader, Reader, Reader]:
    """Readers of train inputs, train labels, test inputs, test labels of one of torchvision's sets."""
    if name in ("mnist", "fashion-mnist"):
        return _idx_readers(name, root)

    @cache
    def part(train: bool) -> Any:
        return _torchvision_set(name, root, train)

    def labels(train: bool) -> Any:
        held = part(train)
        return held.labels if name == "svhn" else held.targets

    return (
        (lambda: part(True).data),
        (lambda: labels(True)),
        (lambda: part(False).data),
        (lambda: labels(False)),
    )


def _idx_readers(name: str, root: Path) -> tuple[Reader, Reader, Reader, Reader]:
    """Readers of the four idx files, each opened on its own."""
    from torchvision.datasets import mnist

    raw = root / {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}[name] / "raw"

    def reader(stem: str, read: Callable[[str], Any]) -> Reader:
        def opened() -> Any:
            if not (raw / stem).is_file():
                _torchvision_set(name, root, train=True)
            return read(str(raw / stem))

        return opened

    images, labels = mnist.read_image_file, mnist.read_label_file
    return (
        reader("train-images-idx3-ubyte", images),
        reader("train-labels-idx1-ubyte", labels),
        reader("t10k-images-idx3-ubyte", images),
        reader("t10k-labels-idx1-ubyte", labels),
    )


def _torchvision_set(name: str, root: Path, train: bool) -> Any:
    """torchvision's data set, downloaded if need be; raises MdlError with how to get it by hand."""
    from torchvision import datasets

    classes = {
        "mnist": datasets.MNIST,
        "fashion-mnist": datasets.FashionMNIST,
        "cifar10": datasets.CIFAR10,
        "cifar100": datasets.CIFAR100,
        "svhn": datasets.SVHN,
    }
    which: dict[str, Any] = {"split": "train" if train else "test"} if name == "svhn" else {"train": train}
    try:
        return classes[name](str(root), download=True, **which)
    except Exception as error:
        raise MdlError(
            f"data set '{name}' is not in {root} and could not be downloaded ({type(error).__name__}): "
            f"set MDLCODE_DATA to a folder that holds torchvision's files or {name}.npz, "
            f'or run `python -c "from torchvision.datasets import {classes[name].__name__} as D; '
            f"D('{root}', download=True)\"` where there is a network"
        ) from None
