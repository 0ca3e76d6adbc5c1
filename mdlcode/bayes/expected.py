"""The variational bound as a number: a closed KL plus a mean over draws, with what the mean may be off by."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from mdlcode.bayes.learner import BayesPredictor
from mdlcode.bayes.posterior import MeanField
from mdlcode.coding.channel import Ledger
from mdlcode.coding.smoothing import Smoothed
from mdlcode.data.base import Shared
from mdlcode.learn.base import Predictor
from mdlcode.learn.turns import say_all
from mdlcode.typing import FloatArray, IntArray

_CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class ExpectedLength:
    """KL(posterior, prior) + E[label bits], the expectation being the mean over draws of the weights.

    Where the KL has no closed form, it is the mean of log2 q(w) / p(w) over the very draws w whose label bits are
    counted: then the total is the mean of S independent numbers, and its standard error is that of their sums. (A
    mean over other draws would need their covariance; where q is the posterior, the sums do not vary at all.)

    >>> length = ExpectedLength({"weight": 10.0}, np.array([4.0, 6.0]), prior_bits=8.0)
    >>> length.kl_bits, length.label_bits, length.standard_error, length.total_bits
    (10.0, 5.0, 1.0, 23.0)
    """

    kl_bits_by_tensor: Mapping[str, float]
    label_bits_by_draw: FloatArray  # (S,)
    prior_bits: float
    log_ratio_bits_by_draw: FloatArray | None = None  # (S,) where the KL is their mean

    @classmethod
    def of(cls, inferred: BayesPredictor, shared: Shared, labels: IntArray, draws: int) -> "ExpectedLength":
        """With so many draws from the posterior, 2 or more for a standard error.

        Raises MdlError for more draws than a posterior that is not mean-field has kept.
        """
        bits = [_label_bits(inferred.one(weights), shared, labels) for weights in inferred.weights(draws)]
        posterior = inferred.posterior
        if isinstance(posterior, MeanField):
            return cls.of_posterior(posterior, np.array(bits))
        ratio = posterior.log_ratio_bits[:draws]  # of the draws that `inferred.weights` gave
        return cls({"all weights": float(ratio.mean())}, np.array(bits), posterior.prior_bits, ratio)

    @classmethod
    def of_posterior(cls, posterior: MeanField, label_bits_by_draw: FloatArray) -> "ExpectedLength":
        """With the labels' bits (S,) under draws from it that were made already."""
        return cls(posterior.kl_bits_by_tensor(), label_bits_by_draw, posterior.prior_bits)

    @property
    def kl_bits(self) -> float:
        """KL(posterior, prior) of all weights."""
        return math.fsum(self.kl_bits_by_tensor.values())

    @property
    def label_bits(self) -> float:
        """Mean over draws of the labels' bits."""
        return float(self.label_bits_by_draw.mean())

    @property
    def standard_error(self) -> float:
        """Standard error of the total: that of the mean over draws of all that varies with them."""
        ratio = 0.0 if self.log_ratio_bits_by_draw is None else self.log_ratio_bits_by_draw
        varying = self.label_bits_by_draw + ratio
        return float(varying.std(ddof=1) / math.sqrt(len(varying)))

    @property
    def total_bits(self) -> float:
        """Prior scales, KL and expected label bits."""
        return self.prior_bits + self.kl_bits + self.label_bits

    @property
    def upper_bits(self) -> float:
        """What the total is at most, with confidence 0.95 by Student's t for the mean of the draws.

        That is exact where a draw's bits are normal, as sums over many weights nearly are.
        """
        quantile = float(stdtrit(len(self.label_bits_by_draw) - 1, _CONFIDENCE))
        return self.total_bits + quantile * self.standard_error

    def traces(self) -> dict[str, FloatArray]:
        """Arrays for a results folder."""
        kl = np.array(list(self.kl_bits_by_tensor.values()))
        return {"kl_bits_by_tensor": kl, "label_bits_by_draw": self.label_bits_by_draw}

    def __str__(self) -> str:
        draws = len(self.label_bits_by_draw)
        return (
            f"expected: prior {self.prior_bits:,.0f} + KL {self.kl_bits:,.1f} + labels {self.label_bits:,.1f}"
            f" (standard error {self.standard_error:.1f}, {draws} draws) = {self.total_bits:,.1f} bits,"
            f" at most {self.upper_bits:,.1f} with confidence {_CONFIDENCE:.0%}"
        )


def _label_bits(predictor: Predictor, shared: Shared, labels: IntArray) -> float:
    ledger = Ledger()
    say_all(ledger, shared, labels, predictor)
    return ledger.codelength(shared.num_classes).label_bits


def label_bits(probs: FloatArray, labels: IntArray) -> float:
    """sum_i -log2 p(y_i | x_i) under rows (n, K), smoothed and rounded as they are sent.

    >>> round(label_bits(np.full((3, 4), 0.25), np.array([0, 1, 2])), 3)
    6.0
    """
    return float(Smoothed(probs).bits(labels).sum())
