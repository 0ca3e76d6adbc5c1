"""Labels and inputs without structure: a net fits them all, a code tells them apart (Zhang et al. 2017).

"Understanding deep learning requires rethinking generalization", arXiv 1611.03530.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Generator, Tensor

from mdlcode.codes.base import Code
from mdlcode.data.base import Data
from mdlcode.errors import MdlError
from mdlcode.learn import NetLearner
from mdlcode.measures.phenomena.training import accuracy, after_epochs, held_out, structure_code, whole_epochs

KINDS = ("true labels", "random labels", "shuffled pixels", "random pixels", "Gaussian inputs")
_ROWS_AT_ONCE = 5000


@dataclass(frozen=True)
class Fit:
    """How a net fits a data set: its training accuracy after each whole epoch from 0 on, and after the last.

    `test_accuracy` is on the test set, `saved_bits` what the prequential code of `num_labels` saves against the
    uniform code.
    """

    train_accuracies: list[float]
    test_accuracy: float
    num_labels: int
    saved_bits: float


def corrupted(data: Data, kind: str, seed: int = 0) -> Data:
    """The data set with one kind of structure taken away, one of `KINDS`; test inputs go the same way.

    "random labels" are redrawn uniformly, those of the test set stay. "shuffled pixels" has one permutation of the
    values for all inputs, "random pixels" one for each. "Gaussian inputs" have the mean and standard deviation of each
    channel and nothing else. Raises MdlError for another kind.

    >>> from mdlcode.data import load
    >>> data = load("digits")
    >>> mixed = corrupted(data, "random pixels")
    >>> bool((mixed.shared.inputs.sum(dim=(1, 2, 3)) == data.shared.inputs.sum(dim=(1, 2, 3))).all())
    True
    """
    if kind not in KINDS:
        raise MdlError(f"no kind of data '{kind}': {', '.join(KINDS)}")
    if kind == "true labels":
        return data
    if kind == "random labels":
        drawn = np.random.Generator(np.random.PCG64([3, seed])).integers(data.shared.num_classes, size=len(data))
        return replace(data, labels=drawn)
    change = {"shuffled pixels": _shuffled, "random pixels": _permuted, "Gaussian inputs": _gaussian}[kind]
    test = None if data.test_inputs is None else change(data.test_inputs, data, seed, "test")
    return replace(
        data, shared=replace(data.shared, inputs=change(data.shared.inputs, data, seed, "train")), test_inputs=test
    )


def fit(learner: NetLearner, data: Data, code: Code | None = None) -> Fit:
    """How the learner's net fits the data, and the bits that `code`, by default its `structure_code`, saves on them.

    Raises MdlError for data without a labelled test set.

    >>> from mdlcode.codes import Uniform
    >>> from mdlcode.data import View, load
    >>> from mdlcode.data.view import split
    >>> from mdlcode.learn import Steps
    >>> learner = NetLearner("linear", Steps(epochs=3, min_steps=1, batch_size=50))
    >>> found = fit(learner, corrupted(split(load("digits", View(limit=300)), 200), "random labels"), Uniform())
    >>> len(found.train_accuracies), round(found.saved_bits, 3)
    (4, -0.0)
    """
    inputs, labels = held_out(data)
    nets = after_epochs(learner, data, whole_epochs(learner, data))
    *_, last = nets.values()
    return Fit(
        train_accuracies=[accuracy(net, data.shared.inputs, data.labels) for net in nets.values()],
        test_accuracy=accuracy(last, inputs, labels),
        num_labels=len(data),
        saved_bits=(code or structure_code(learner)).codelength(data).saved_bits,
    )


def _shuffled(inputs: Tensor, data: Data, seed: int, part: str) -> Tensor:
    """The values of all inputs in one other order, the same one for every part."""
    flat = inputs.flatten(1)
    order = torch.randperm(flat.shape[1], generator=_generator(seed, "shuffled"))
    return flat[:, order.to(flat.device)].view_as(inputs)


def _permuted(inputs: Tensor, data: Data, seed: int, part: str) -> Tensor:
    """The values of each input in an order of their own."""
    generator = _generator(seed, part)

    def mixed(rows: Tensor) -> Tensor:
        return rows.gather(1, torch.rand(rows.shape, generator=generator).argsort(1).to(rows.device))

    return torch.cat([mixed(rows) for rows in torch.split(inputs.flatten(1), _ROWS_AT_ONCE)]).view_as(inputs)


def _gaussian(inputs: Tensor, data: Data, seed: int, part: str) -> Tensor:
    """Float32 draws with the moments of the training inputs."""
    mean, std = data.shared.moments
    return torch.randn(inputs.shape, generator=_generator(seed, part)).to(inputs.device) * std + mean


def _generator(seed: int, part: str) -> Generator:
    """Another one for each part of the data."""
    return Generator().manual_seed(3 * seed + ("shuffled", "train", "test").index(part))
