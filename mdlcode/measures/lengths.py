"""Codelengths as generalization measures: of the net as it is, and of the labels under what trained it."""

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from mdlcode.certify.certificate import certify_numbers
from mdlcode.codelength import Codelength
from mdlcode.codes import Prequential, Temperature
from mdlcode.coding.channel import Ledger
from mdlcode.coding.smoothing import smooth
from mdlcode.learn.squeeze.folding import fold_batch_norm
from mdlcode.measures.base import Measure, Value
from mdlcode.measures.trained import Trained
from mdlcode.weights import KMeans, Quantised

_LEVELS = 16  # values that a tensor's weights are rounded to


@dataclass(frozen=True)
class _Quantised:
    """A net whose weights are rounded to few values: the bits of these, of the labels under it, and its errors."""

    weight_bits: float
    label_bits: float
    errors: int


@dataclass(frozen=True)
class TwoPartLength(Measure):
    """L(theta) + sum_i -log2 p_theta(y_i | x_i) of the trained net, each tensor rounded to 16 values by k-means.

    The net was not trained to be short (the `compressed` code does that), so this is how far it happens to be.
    """

    sign: ClassVar[int] = 1

    def of(self, trained: Trained) -> Value:
        """Bits of weights and labels."""
        found = _quantised(trained)
        return Value(found.weight_bits + found.label_bits)


@dataclass(frozen=True)
class TwoPartBound(Measure):
    """The tightest bound at 95 % on the error of the rounded net, which its bits pay for (`mdlcode.bounds`)."""

    sign: ClassVar[int] = 1

    def of(self, trained: Trained) -> Value:
        """The bound, at most 1."""
        found = _quantised(trained)
        made = certify_numbers(found.errors, len(trained.data), found.weight_bits)
        return Value(made.tightest.value, reason="vacuous" if made.tightest.vacuous else "")


@dataclass(frozen=True)
class PrequentialLength(Measure):
    """Bits of the labels under the prequential code of what trained the net, calibrated (Blier & Ollivier 2018)."""

    sign: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("learner",)

    def of(self, trained: Trained) -> Value:
        """Total bits."""
        return Value(_prequential(trained).total_bits)


@dataclass(frozen=True)
class PrequentialErrors(Measure):
    """The share of labels that the prequential code misses, each guessed from those before it."""

    sign: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("learner",)

    def of(self, trained: Trained) -> Value:
        """The share, the first block's uniform guesses included, and its binomial standard error."""
        wrong = 1 - float(_prequential(trained).correct_by_label.mean())
        return Value(wrong, math.sqrt(wrong * (1 - wrong) / len(trained.data)))


@dataclass(frozen=True)
class TailLength(Measure):
    """Bits a label of the last half of the labels, given what was learned from the first half or more.

    The conditional marginal likelihood of Lotfi et al. 2022, in blocks: about what a hold-out of half the data says.
    """

    sign: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("learner",)

    def of(self, trained: Trained) -> Value:
        """Mean bits a label, and its standard error."""
        tail = _prequential(trained).bits_by_label[len(trained.data) // 2 :]
        return Value(float(tail.mean()), float(tail.std(ddof=1) / math.sqrt(len(tail))))


def _prequential(trained: Trained) -> Codelength:
    """Worked out once for a net."""
    cached: Codelength | None = trained.__dict__.get("_prequential")
    if cached is None:
        assert trained.learner is not None
        code = Prequential((trained.learner,), calibration=Temperature())
        cached = trained.__dict__["_prequential"] = code.codelength(trained.data)
    return cached


def _quantised(trained: Trained) -> _Quantised:
    cached: _Quantised | None = trained.__dict__.get("_quantised")
    if cached is None:
        net, ledger = fold_batch_norm(deepcopy(trained.net)), Ledger()
        Quantised(KMeans(_LEVELS), units="sorted").transmit(ledger, net)
        with torch.no_grad():
            logits = torch.cat([net(part) for part in torch.split(trained.inputs, 1000)])
        probs = smooth(logits.double().softmax(1).cpu().numpy())
        labels = trained.data.labels
        bits = -np.log2(probs[np.arange(len(labels)), labels])
        errors = int((probs.argmax(1) != labels).sum())
        total = ledger.codelength(trained.data.shared.num_classes).total_bits
        cached = trained.__dict__["_quantised"] = _Quantised(total, float(bits.sum()), errors)
    return cached
