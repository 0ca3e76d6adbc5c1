"""What a net memorises: noise later than structure, at other prices, and nearer to its decision boundaries.

Arpit et al. 2017, "A Closer Look at Memorization in Deep Networks", arXiv 1706.05394.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mdlcode.codes.base import Code
from mdlcode.data.base import Data
from mdlcode.errors import MdlError
from mdlcode.learn import NetLearner, NetPredictor
from mdlcode.measures.phenomena.training import accuracy, after_epochs, held_out, structure_code, whole_epochs
from mdlcode.typing import BoolArray, FloatArray, IntArray

_SEARCH_STEPS = 10
_INPUTS_AT_ONCE = 500


@dataclass(frozen=True)
class Memory:
    """How a net learns labels (n,) of which `wrong_share` are wrong; lists go by whole epochs from 0 on.

    `train_accuracies` are shares of the given labels, `clean_accuracies` of those that are right, `wrong_accuracies` of
    those that are wrong, `truth_accuracies` of the true labels that these stand for; where there are no such labels,
    they are empty and the bits None.
    `first_share` is the share of labels that are predicted after the first epoch and at every later one.
    `critical_shares` go by the epochs in `critical_epochs`. `clean_bits` and `wrong_bits` are mean bits a label of both
    parts under one prequential code, `saved_bits` what it saves in all.
    """

    wrong_share: float
    train_accuracies: list[float]
    clean_accuracies: list[float]
    wrong_accuracies: list[float]
    truth_accuracies: list[float]
    test_accuracies: list[float]
    first_share: float
    critical_epochs: list[float]
    critical_shares: list[float]
    clean_bits: float | None
    wrong_bits: float | None
    saved_bits: float


def noisy(data: Data, share: float, seed: int = 0) -> Data:
    """The data set with that share of its training labels redrawn uniformly; of these 1/K stay right by chance.

    Raises MdlError for a share outside 0 .. 1.

    >>> from mdlcode.data import load
    >>> data = load("digits")
    >>> round(float((noisy(data, 0.5).labels != data.labels).mean()), 2)
    0.45
    """
    if not 0 <= share <= 1:
        raise MdlError(f"a share {share} of the labels can't be redrawn: between 0 and 1 is needed")
    generator = np.random.Generator(np.random.PCG64([4, seed]))
    redrawn = generator.permutation(len(data))[: round(share * len(data))]
    labels = data.labels.copy()
    labels[redrawn] = generator.integers(data.shared.num_classes, size=len(redrawn))
    return replace(data, labels=labels)


def memory(
    learner: NetLearner,
    data: Data,
    truth: IntArray,
    radius: float = 0.1,
    critical_epochs: Sequence[float] = (1, 2, 4, 8, 16, 32, 64),
    code: Code | None = None,
) -> Memory:
    """How the learner's net learns the labels of `data`, where `truth` (n,) are the right ones.

    Critical samples are looked for within `radius` standard deviations at those of `critical_epochs` that the training
    has, and at its end. The bits are those of `code`, by default the learner's `structure_code`. Raises MdlError for
    other than one true label for each, and for data without a labelled test set.

    >>> from mdlcode.codes import Uniform
    >>> from mdlcode.data import View, load
    >>> from mdlcode.data.view import split
    >>> from mdlcode.learn import Steps
    >>> data = split(load("digits", View(limit=300)), 200)
    >>> learner = NetLearner("linear", Steps(epochs=3, min_steps=1, batch_size=50))
    >>> found = memory(learner, noisy(data, 0.2), data.labels, code=Uniform())
    >>> found.critical_epochs, round(found.wrong_bits or 0, 2), found.clean_accuracies[-1] > found.wrong_accuracies[-1]
    ([1.0, 2.0, 3.0], 3.32, True)
    """
    inputs, test_labels = held_out(data)
    if truth.shape != data.labels.shape:
        raise MdlError(f"{len(truth)} true labels for {len(data)} labels: one for each is needed")
    epochs = whole_epochs(learner, data)
    nets = after_epochs(learner, data, epochs)
    predicted = np.stack([net.predict(data.shared.inputs).argmax(1) for net in nets.values()])  # (epochs + 1, n)
    wrong = data.labels != truth
    bits = (code or structure_code(learner)).codelength(data)
    looked = [epoch for epoch in nets if epoch in critical_epochs or epoch == max(nets)]
    right = predicted == data.labels
    return Memory(
        wrong_share=float(wrong.mean()),
        train_accuracies=right.mean(1).tolist(),
        clean_accuracies=_shares(right[:, ~wrong]),
        wrong_accuracies=_shares(right[:, wrong]),
        truth_accuracies=_shares((predicted == truth)[:, wrong]),
        test_accuracies=[accuracy(net, inputs, test_labels) for net in nets.values()],
        first_share=float(right[1:].all(0).mean()),
        critical_epochs=looked,
        critical_shares=[float(critical(nets[epoch], data.shared.inputs, radius).mean()) for epoch in looked],
        clean_bits=_mean(bits.bits_by_label[~wrong]),
        wrong_bits=_mean(bits.bits_by_label[wrong]),
        saved_bits=bits.saved_bits,
    )


def critical(learned: NetPredictor, inputs: Tensor, radius: float, steps: int = _SEARCH_STEPS) -> BoolArray:
    """Which inputs (m,) are critical: an input within `radius` in every value has another class (Arpit et al., 4).

    The radius is in standard deviations of the inputs. The other input is looked for by `steps` steps along the sign of
    the gradient of the loss of the predicted class, so that a critical input may be missed; Arpit et al. add noise to
    the steps. Raises MdlError for a radius below 0 and for inputs that are no real numbers.

    >>> import torch
    >>> from mdlcode.data.base import Shared
    >>> net = torch.nn.Linear(1, 2)
    >>> net.load_state_dict({"weight": torch.tensor([[1.0], [-1.0]]), "bias": torch.zeros(2)})
    <All keys matched successfully>
    >>> shared = Shared(torch.tensor([[0.05], [-0.3], [2.0]]), 2, standardise="none")
    >>> critical(NetPredictor(net, shared, bf16=False), shared.inputs, radius=0.1).tolist()
    [True, False, False]
    """
    if not radius >= 0:
        raise MdlError(f"a radius of {radius} standard deviations holds no inputs: 0 or more is needed")
    if inputs.dtype == torch.int64:
        raise MdlError("critical samples are inputs that can be moved a little, and these are whole numbers")
    learned.net.eval()
    found = [_changed(learned, part, radius, steps) for part in torch.split(inputs, _INPUTS_AT_ONCE)]
    return np.concatenate(found)


def first_epoch(learner: NetLearner, data: Data, trainings: int) -> FloatArray:
    """In which share of so many trainings each label (n,) is right after one epoch, from other first weights each.

    The learning rate is constant. In real data some examples are always right, in noise all are about alike. Raises
    MdlError for fewer than two trainings.

    >>> from mdlcode.data import View, load
    >>> first_epoch(NetLearner("linear"), load("digits", View(limit=100)), trainings=2).shape
    (100,)
    """
    if trainings < 2:
        raise MdlError(f"{trainings} training says nothing of how labels differ: two or more are needed")
    one = replace(learner.training, epochs=1.0, min_steps=1, warmup=None)
    learners = [replace(learner, seed=learner.seed + index, training=one) for index in range(trainings)]
    learned = [each.fit(data.shared, data.labels) for each in learners]
    right = [each.predict(data.shared.inputs).argmax(1) == data.labels for each in learned]
    shares: FloatArray = np.mean(right, axis=0)
    return shares


def spread(shares: FloatArray, trainings: int) -> float:
    """The standard deviation over labels of their chances to be right, given their `shares` of so many trainings.

    The variance that equal chances would show, mean p (1 - p) / (trainings - 1), is taken off; 0 where that is more.

    >>> spread(np.array([0.0, 1.0]), 10), spread(np.array([0.4, 0.6]), 10)
    (0.5, 0.0)
    """
    noise = float((shares * (1 - shares)).mean()) / (trainings - 1)
    return float(np.sqrt(max(0.0, float(shares.var()) - noise)))


def _changed(learned: NetPredictor, raw: Tensor, radius: float, steps: int) -> BoolArray:
    x = learned.standardised(raw.float())
    first = learned.net(x).argmax(1).detach()
    moved, changed = x.clone(), torch.zeros(len(x), dtype=torch.bool, device=x.device)
    for _ in range(steps):
        moved.requires_grad_()
        [gradient] = torch.autograd.grad(F.cross_entropy(learned.net(moved), first, reduction="sum"), moved)
        with torch.no_grad():
            further = moved + 2 * radius / steps * gradient.sign()
            moved = torch.minimum(torch.maximum(further, x - radius), x + radius)
            changed |= learned.net(moved).argmax(1) != first
    array: BoolArray = changed.cpu().numpy()
    return array


def _shares(right: BoolArray) -> list[float]:
    """The shares (epochs,) of what is right (epochs, m)."""
    shares: list[float] = right.mean(1).tolist() if right.shape[1] else []
    return shares


def _mean(bits: FloatArray) -> float | None:
    return float(bits.mean()) if len(bits) else None
