"""Any scikit-learn classifier with `predict_proba` as a learner."""

import warnings
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode.config import STRICT, Seed
from mdlcode.data.base import Shared
from mdlcode.data.sequences import UNLABELLED
from mdlcode.errors import MdlError
from mdlcode.learn.base import Learner, Predictor
from mdlcode.trust import imported, is_estimator
from mdlcode.typing import FloatArray, IntArray

Scalar = bool | int | float | str | None
_UNSEEN_WEIGHT = 0.5


def _pairs(params: Any) -> Any:
    return tuple(sorted(params.items())) if isinstance(params, Mapping) else params


class EstimatorPredictor(Predictor):
    """Spreads an estimator's probabilities over all K classes.

    Classes that were not among the t labels share (u / 2) / (t + u / 2) evenly, where u is their number:
    the add-1/2 rule's share for what was never seen.
    """

    def __init__(self, estimator: Any, seen: IntArray, num_labels: int, shared: Shared) -> None:
        self._estimator, self._seen = estimator, seen
        self._num_labels, self._shared = num_labels, shared

    def predict(self, inputs: Tensor) -> FloatArray:
        """Probabilities (m, K) in float64."""
        known = self._known(inputs)
        num_classes = self._shared.num_classes
        unseen = _UNSEEN_WEIGHT * (num_classes - len(self._seen))
        share = unseen / (self._num_labels + unseen)
        probs = np.full((len(known), num_classes), share / max(1, num_classes - len(self._seen)))
        probs[:, self._seen] = (1 - share) * known
        return probs

    def _known(self, inputs: Tensor) -> FloatArray:
        """Probabilities (m, seen) of the classes seen."""
        sequences, estimator = self._shared.sequences, self._estimator
        if estimator is None:
            return np.ones((len(inputs) * self._shared.rows_each, 1))
        if sequences is None or not sequences.vocabulary:
            return np.asarray(estimator.predict_proba(standardised(inputs, self._shared)), dtype=np.float64)
        tokens, places = torch.unique(inputs, return_inverse=True)  # the same token is predicted once
        probs: FloatArray = estimator.predict_proba(standardised(tokens, self._shared)).astype(np.float64)
        each: FloatArray = probs[places.cpu().numpy().ravel()]
        return each


@dataclass(frozen=True, config=STRICT)
class EstimatorLearner(Learner):
    """A scikit-learn classifier by `module:Class` and its parameters, on standardised flat inputs.

    Where tokens have labels, each is an example of its own, by its vector, or by 1 at its number among the vocabulary:
    of a text the token before. `random_state` is set to `seed` where the estimator has one.

    >>> EstimatorLearner("sklearn.linear_model:LogisticRegression", {"C": 0.1}).params
    (('C', 0.1),)
    """

    kind: Literal["estimator"] = Field(default="estimator", kw_only=True)
    estimator: str = "sklearn.linear_model:LogisticRegression"
    params: Annotated[tuple[tuple[str, Scalar], ...] | Mapping[str, Scalar], BeforeValidator(_pairs)] = ()
    seed: Seed = 0

    def fit(self, shared: Shared, labels: IntArray) -> EstimatorPredictor:
        """The fitted classifier. Raises MdlError where it can't be imported or gives no probabilities."""
        seen = np.unique(labels)
        if len(seen) == 1:  # most classifiers refuse a single class
            return EstimatorPredictor(None, seen, len(labels), shared)
        estimator = self._new()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fit that has not converged is still a legal predictor
            inputs, targets = shared.known(labels)
            here = targets.cpu().numpy().ravel() != UNLABELLED
            estimator.fit(standardised(inputs, shared)[here], labels)
        return EstimatorPredictor(estimator, seen, len(labels), shared)

    def steps(self, num_labels: int) -> int:
        """The largest whole number among the parameters, such as that of trees or of iterations; 1 without any."""
        return max(
            [1, *(each for name, each in dict(self.params).items() if type(each) is int and name != "random_state")]
        )

    def _new(self) -> Any:
        cls = imported(self.estimator, "estimator")
        if not is_estimator(cls):
            raise MdlError(f"'{self.estimator}' is no class of scikit-learn estimators with predict_proba")
        try:
            estimator: Any = cls(**dict(self.params))
        except (TypeError, ValueError) as error:
            raise MdlError(f"estimator '{self.estimator}' can't be made: {error}") from None
        if not hasattr(estimator, "predict_proba"):
            raise MdlError(f"estimator '{self.estimator}' gives no probabilities with these parameters")
        if "random_state" in estimator.get_params():
            estimator.set_params(random_state=self.seed)
        return estimator


def standardised(inputs: Tensor, shared: Shared) -> FloatArray:
    """Inputs (m, features) in float64, flat, of mean 0 and deviation 1 over the shared inputs' channels.

    Of sequences they are rows for each token (m T, features): its vector, or 1 at its number.
    """
    if shared.sequences is not None and shared.sequences.vocabulary:
        ones: FloatArray = np.eye(shared.sequences.vocabulary)[inputs.cpu().numpy().ravel()]
        return ones
    mean, std = shared.moments
    scaled = (inputs.float() - mean) / std
    rows = scaled.flatten(1) if shared.sequences is None else scaled.flatten(0, 1)
    flat: FloatArray = rows.double().cpu().numpy()
    return flat
