"""Double descent: errors, norms and codelengths as a learner grows past interpolation (Belkin et al. 2019).

"Reconciling modern machine-learning practice and the classical bias-variance trade-off", arXiv 1812.11118. The test
error peaks where the learner can just fit all labels, and falls again beyond.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass as config_class
from scipy.linalg import cholesky, solve_triangular
from torch import Tensor

from mdlcode.codelength import Codelength
from mdlcode.codes import Prequential, Temperature
from mdlcode.codes.schedule import Schedule
from mdlcode.coding.smoothing import smooth
from mdlcode.config import STRICT, Seed
from mdlcode.data.base import Data, Shared
from mdlcode.errors import MdlError
from mdlcode.learn import EstimatorLearner, Learner, Predictor
from mdlcode.learn.features import standardised
from mdlcode.learn.grid.forecasts import Recalled
from mdlcode.typing import FloatArray, IntArray

# All sizes of a learner at once, each learned from the same first labels (t,) of the shared inputs.
Family = Callable[[Shared, IntArray], Sequence[Predictor]]
SCORE_SHARPNESS = 10.0  # softmax(10 f): one-hot targets under noise of variance 0.1
_SIGNALS, _NOISES = (0.1, 1.0, 10.0), (1e-3, 1e-2, 1e-1)


class Regressed(Predictor):
    """A predictor by least squares: `scores` (m, K) that were fitted to one-hot labels, and the `norm` of its weights.

    As probabilities the scores are softmax(10 f), what equally likely one-hot labels have under Gaussian noise of
    variance 0.1; a code may calibrate it.
    """

    norm: float

    def scores(self, inputs: Tensor) -> FloatArray:
        """Scores (m, K) of inputs (m, ...)."""
        raise NotImplementedError

    def predict(self, inputs: Tensor) -> FloatArray:
        """Probabilities (m, K)."""
        return _softmax(SCORE_SHARPNESS * self.scores(inputs))


class FourierPredictor(Regressed):
    """Scores that are linear in random Fourier features."""

    def __init__(self, sampler: Any, coefficients: FloatArray, shared: Shared) -> None:
        self._sampler, self._coefficients, self._shared = sampler, coefficients, shared
        self.norm = float(np.linalg.norm(coefficients))

    def scores(self, inputs: Tensor) -> FloatArray:
        """As of `Regressed`."""
        scores: FloatArray = self._sampler.transform(standardised(inputs, self._shared)) @ self._coefficients
        return scores


@config_class(frozen=True, config=STRICT)
class FourierLearner(Learner):
    """Least squares of least norm on `num_features` random Fourier features sqrt(2 / N) cos(v x + b) of the inputs.

    The features are scikit-learn's RBFSampler (Rahimi & Recht 2008), whose kernel is exp(-gamma ||x - x'||^2) of
    standardised flat inputs; gamma is 1 / (number of inputs' values) where it is None. Labels are one-hot. Of all
    coefficients that fit best, those of least norm are taken: past N = t they interpolate.
    """

    kind: Literal["random-fourier"] = Field(default="random-fourier", kw_only=True)
    num_features: int = Field(default=1000, ge=1)
    gamma: float | None = Field(default=None, gt=0)
    seed: Seed = 0

    def features(self, shared: Shared) -> FloatArray:
        """The features (n, N) of all inputs."""
        features: FloatArray = self._sampler(shared).transform(standardised(shared.inputs, shared))
        return features

    def fit(self, shared: Shared, labels: IntArray) -> FourierPredictor:
        """The least squares fit. Raises MdlError for labels of tokens and real-valued targets."""
        _require_classes(shared, "least squares on one-hot labels")
        sampler = self._sampler(shared)
        known = sampler.transform(standardised(shared.inputs[: len(labels)], shared))
        coefficients = np.linalg.lstsq(known, np.eye(shared.num_classes)[labels], rcond=None)[0]
        return FourierPredictor(sampler, coefficients, shared)

    def _sampler(self, shared: Shared) -> Any:
        from sklearn.kernel_approximation import RBFSampler  # takes a second, which nothing else here needs

        size = shared.inputs[0].numel()
        sampler = RBFSampler(gamma=self.gamma or 1 / size, n_components=self.num_features, random_state=self.seed)
        return sampler.fit(np.zeros((1, size)))


def forest(max_leaves: int, trees: int, seed: int = 0) -> EstimatorLearner:
    """scikit-learn's random forest of that many trees with so many leaves at most, each grown on all labels.

    As Belkin et al. have it: a single tree grows up to as many leaves as labels, and then trees are added.

    >>> forest(10, 2).params
    (('bootstrap', False), ('max_leaf_nodes', 10), ('n_estimators', 2))
    """
    params = {"max_leaf_nodes": max(2, max_leaves), "n_estimators": trees, "bootstrap": False}
    return EstimatorLearner("sklearn.ensemble:RandomForestClassifier", params, seed=seed)


def each_alone(learners: Sequence[Learner]) -> Family:
    """The family of learners that know nothing of each other."""
    return lambda shared, labels: [learner.fit(shared, labels) for learner in learners]


@dataclass(frozen=True, eq=False)
class Point:
    """One size of a learner: errors and mean squared losses ||f(x) - onehot(y)||^2 on the labels it learned and on
    others, and the prequential bits of the labels; `predictor` is what it learned from all of them.
    """

    predictor: Predictor
    train_error: float
    test_error: float
    train_square: float
    test_square: float
    prequential_bits: float

    @property
    def norm(self) -> float:
        """The norm of the weights; NaN for what has none."""
        return self.predictor.norm if isinstance(self.predictor, Regressed) else math.nan


def across(family: Family, data: Data, schedule: Schedule) -> list[Point]:
    """What each size of a learner comes to. Raises MdlError for a data set without a test set.

    >>> from mdlcode.codes import Geometric
    >>> from mdlcode.data import load
    >>> from mdlcode.data.view import split
    >>> sizes = each_alone([FourierLearner(n) for n in (20, 60, 600)])
    >>> few, same, many = across(sizes, split(load("digits"), 60), Geometric(first=10, ratio=3))
    >>> few.test_square < same.test_square > many.test_square, same.norm > many.norm, many.train_error
    (True, True, 0.0)
    """
    _require_classes(data.shared, "a double descent")
    if data.test_inputs is None or data.test_labels is None:
        raise MdlError(f"{data.name} has no test set, which a double descent is seen on: take `split` of it")
    lengths = codelengths(family, data, schedule)
    points = []
    for predictor, length in zip(family(data.shared, data.labels), lengths, strict=True):
        train_error, train_square = risks(predictor, data.shared.inputs, data.labels)
        test_error, test_square = risks(predictor, data.test_inputs, data.test_labels)
        points.append(Point(predictor, train_error, test_error, train_square, test_square, length.total_bits))
    return points


def risks(predictor: Predictor, inputs: Tensor, labels: IntArray) -> tuple[float, float]:
    """The share of wrong labels and the mean of ||f(x) - onehot(y)||^2, f the scores or else the probabilities."""
    scores = predictor.scores(inputs) if isinstance(predictor, Regressed) else predictor.predict(inputs)
    missed = scores - np.eye(scores.shape[1])[labels]
    return float((scores.argmax(1) != labels).mean()), float(np.square(missed).sum(1).mean())


def codelengths(family: Family, data: Data, schedule: Schedule) -> list[Codelength]:
    """The prequential codelengths of all sizes (Blier & Ollivier 2018, definition 3), calibrated by temperature.

    Each size learns every block from the labels before it alone. So a learner of size N meets its own peak in the
    block where t is about what N can just fit.
    """
    shared, stops = data.shared, schedule.stops(len(data))
    told: list[list[FloatArray]] = []
    for start, stop in pairwise(stops):
        predictors = family(shared, data.labels[:start])
        told.append([each.predict(shared.inputs[start:stop]) for each in predictors])
    if not told:
        raise MdlError(f"{len(data)} labels are one block of the schedule: take a shorter first one")
    first = np.full((stops[0], shared.num_classes), 1 / shared.num_classes)  # which is sent uniformly
    return [
        Prequential((Recalled(np.concatenate([first, *rows])),), schedule, Temperature()).codelength(data)
        for rows in zip(*told, strict=True)
    ]


def bayes_rows(features: FloatArray, labels: IntArray, num_classes: int) -> FloatArray:
    """What Bayesian linear regression on features (n, N) says of each label, given those before it: rows (n, K).

    One-hot labels less 1/K are modelled as K Gaussian processes of covariance g Phi Phi^T + s^2 I: weights of prior
    variance g, noise s^2. With the predictive mean mu_t and variance v_t of label t, its classes have
    p(k) ~ N(onehot_k; 1/K + mu_t, v_t I) ~ exp(mu_tk / v_t). One Cholesky factor L gives all of them: v_t = L_tt^2
    and mu_t = y_t - L_tt (L^-1 y)_t (Rasmussen & Williams 2006, section 2.2). Nine pairs of g and s^2 are mixed label
    by label by their likelihood, which costs log2 9 bits at most. It is a prequential code in closed form; no setting
    is learned for free.

    >>> bayes_rows(np.eye(3)[[0, 1, 0]], np.array([0, 1, 0]), 2).round(2)
    array([[0.5 , 0.5 ],
           [0.5 , 0.5 ],
           [0.99, 0.01]])
    """
    if len(features) != len(labels):
        raise MdlError(f"{len(features)} rows of features but {len(labels)} labels: one row for each label is needed")
    targets = np.eye(num_classes)[labels] - 1 / num_classes
    gram = features @ features.T
    each = np.stack([_innovations(g * gram + s * np.eye(len(gram)), targets) for g in _SIGNALS for s in _NOISES])
    each = np.stack([smooth(rows) for rows in each])  # (G, n, K)
    likelihoods = np.log(each[:, np.arange(len(labels)), labels])  # (G, n)
    before = np.concatenate([np.zeros((len(each), 1)), likelihoods.cumsum(axis=1)[:, :-1]], axis=1)
    weights = np.exp(before - before.max(axis=0))
    rows: FloatArray = np.einsum("gn,gnk->nk", weights / weights.sum(axis=0), each)
    return rows


def bayes_bits(features: FloatArray, labels: IntArray, num_classes: int) -> float:
    """The closed-form codelength sum_t -log2 p(y_t | y_1 .. y_{t-1}) of labels (n,) under `bayes_rows`.

    >>> round(bayes_bits(np.eye(3)[[0, 1, 0]], np.array([0, 1, 0]), 2), 2)
    2.01
    """
    rows = bayes_rows(features, labels, num_classes)
    return float(-np.log2(rows[np.arange(len(labels)), labels]).sum())


def _innovations(covariance: FloatArray, targets: FloatArray) -> FloatArray:
    factor = cholesky(covariance, lower=True, overwrite_a=True)
    scale = np.diag(factor)[:, None]
    means = targets - scale * solve_triangular(factor, targets, lower=True)
    return _softmax(means / np.square(scale))


def _softmax(logits: FloatArray) -> FloatArray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    rows: FloatArray = powers / powers.sum(axis=1, keepdims=True)
    return rows


def _require_classes(shared: Shared, what: str) -> None:
    if shared.bins is not None or shared.sequences is not None:
        raise MdlError(f"{what} needs independent examples with one class each")
