"""Bayesian linear regression in closed form: Student-t predictions, exact after each label."""

import math
from typing import Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode.coding.binned import Binned, Mixed
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError
from mdlcode.learn.base import DensityPredictor, Learner
from mdlcode.learn.families import from_units, to_units
from mdlcode.learn.features import standardised
from mdlcode.typing import FloatArray, IntArray

# Half an observation of an eighth of the range; a mean that is known to ten deviations.
_SHAPE, _RATE = 0.5, 0.125
_INTERCEPT_PRECISION = 0.01
SIGNALS = (0.01, 0.1, 1.0, 10.0, 100.0)


class NormalInverseGamma:
    """The posterior of y ~ N(x w, s^2), w ~ N(0, s^2 diag(1 / precision)), s^2 ~ InverseGamma(1/2, 1/8).

    Predictions are Student's t of 2a degrees of freedom round x m, of squared scale b / a (1 + x V x).
    """

    def __init__(self, precision: FloatArray) -> None:
        self._prior = precision
        self.covariance: FloatArray = np.diag(1 / precision)  # (d, d), times s^2
        self.mean: FloatArray = np.zeros(len(precision))
        self.shape, self.rate = _SHAPE, _RATE

    def predict(self, features: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Location, scale and degrees of freedom (n,) at features (n, d)."""
        spread = 1 + np.einsum("nd,nd->n", features @ self.covariance, features)
        scale = np.sqrt(self.rate / self.shape * spread)
        return features @ self.mean, scale, np.full(len(features), 2 * self.shape)

    def learn(self, x: FloatArray, y: float) -> None:
        """One example more: x (d,)."""
        gain = self.covariance @ x
        spread, missed = 1 + float(x @ gain), y - float(x @ self.mean)
        self.mean = self.mean + gain * (missed / spread)
        self.covariance = self.covariance - np.outer(gain, gain) / spread
        self.shape, self.rate = self.shape + 0.5, self.rate + 0.5 * missed * missed / spread

    def learn_all(self, features: FloatArray, targets: FloatArray) -> float:
        """All examples at once, from the prior; returns the log of their marginal density, in nats.

        log p(y) = 1/2 log |prior| - 1/2 log |posterior precision| + a0 log b0 - a log b + log Gamma(a) / Gamma(a0)
            - n/2 log 2 pi
        """
        precision = np.diag(self._prior) + features.T @ features
        moment = features.T @ targets
        self.covariance = np.asarray(np.linalg.inv(precision), dtype=np.float64)
        self.mean = self.covariance @ moment
        self.shape = _SHAPE + len(targets) / 2
        self.rate = _RATE + max(0.0, float(targets @ targets - moment @ self.mean)) / 2
        return float(
            0.5 * (np.log(self._prior).sum() - np.linalg.slogdet(precision)[1])
            + _SHAPE * math.log(_RATE)
            - self.shape * math.log(self.rate)
            + math.lgamma(self.shape)
            - math.lgamma(_SHAPE)
            - 0.5 * len(targets) * math.log(2 * math.pi)
        )


class LinearMixture:
    """Bayes' mixture of such regressions on features (n, d) and a constant, for weights of several prior sizes.

    Weights have the variance s^2 g / d for each g of `signals`, so that the features are expected to explain g times
    the variance of the noise. With d = 0 it is the Gaussian marginal of the targets.
    """

    def __init__(self, num_features: int, num_bins: int, signals: tuple[float, ...] = SIGNALS) -> None:
        self._num_bins = num_bins
        self.each = [
            NormalInverseGamma(np.append(np.full(num_features, num_features / signal), _INTERCEPT_PRECISION))
            for signal in (signals if num_features else signals[:1])
        ]
        self._log_evidence = np.zeros(len(self.each))

    def model(self, features: FloatArray) -> Mixed:
        """The distributions over bins at features (n, d)."""
        extended = _with_constant(features)
        parts: list[Binned] = []
        for regression in self.each:
            location, scale, df = regression.predict(extended)
            parts.append(from_units("student-t", location, scale, self._num_bins, df))
        return Mixed(tuple(parts), posterior_weights(self._log_evidence))

    def learn(self, features: FloatArray, label: int, model: Mixed) -> None:
        """One label more, at features (1, d), where the prediction was `model`."""
        symbol = np.array([label])
        self._log_evidence += [math.log(part.masses(symbol)[0]) for part in model.parts]
        extended, target = _with_constant(features)[0], float(to_units(symbol, self._num_bins)[0])
        for regression in self.each:
            regression.learn(extended, target)

    def learn_all(self, features: FloatArray, labels: IntArray) -> None:
        """All labels at once, from the prior."""
        extended, targets = _with_constant(features), to_units(labels, self._num_bins)
        self._log_evidence = np.array([each.learn_all(extended, targets) for each in self.each])


class LinearPredictor(DensityPredictor):
    """The regressions behind the standardisation of inputs."""

    def __init__(self, mixture: LinearMixture, shared: Shared) -> None:
        self._mixture, self._shared = mixture, shared

    def model(self, inputs: Tensor) -> Mixed:
        """As of `Predictor`."""
        return self._mixture.model(standardised(inputs, self._shared))


@dataclass(frozen=True, config=STRICT)
class LinearLearner(Learner):
    """Bayesian linear regression of real-valued targets on standardised flat inputs (`LinearMixture`).

    A learner for blocks of labels; the code `Linear` learns each label before the next one is sent.
    """

    kind: Literal["linear-regression"] = Field(default="linear-regression", kw_only=True)

    def fit(self, shared: Shared, labels: IntArray) -> LinearPredictor:
        """The posterior given the labels. Raises MdlError where labels are classes."""
        require_bins(shared, "linear regression")
        features = standardised(shared.inputs[: len(labels)], shared)
        mixture = LinearMixture(features.shape[1], shared.num_classes)
        mixture.learn_all(features, labels)
        return LinearPredictor(mixture, shared)


def require_bins(shared: Shared, what: str) -> None:
    """Raises MdlError where labels are classes."""
    if shared.bins is None:
        raise MdlError(f"{what} predicts real numbers, and these labels are classes: state their precision and range")


def posterior_weights(log_evidence: FloatArray) -> FloatArray:
    """Weights (E,) of sum 1 of models that are equally likely beforehand.

    >>> posterior_weights(np.log([1.0, 3.0]) - 5000)
    array([0.25, 0.75])
    """
    shares = np.exp(log_evidence - log_evidence.max())
    weights: FloatArray = shares / shares.sum()
    return weights


def _with_constant(features: FloatArray) -> FloatArray:
    return np.concatenate([features, np.ones((len(features), 1))], axis=1)
