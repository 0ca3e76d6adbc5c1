"""Any scikit-learn classifier with `predict_proba` as a learner."""

import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.data.sequences import UNLABELLED
from mdlcode.errors import MdlError, TrainingError, in_one_line
from mdlcode.learn.base import Predictor
from mdlcode.learn.constant import frequencies_of
from mdlcode.learn.estimator_settings import AnyEstimator, OfEstimator, OwnEstimator, made, parse_params
from mdlcode.learn.features import standardised
from mdlcode.trust import imported, is_estimator
from mdlcode.typing import FloatArray, IntArray

_UNSEEN_WEIGHT = 0.5
_COPIES, _FEW = 64, 64  # so many copies of about so many examples are enough for any estimator
_NOISE = 0.1  # of a feature's deviation


class EstimatorPredictor(Predictor):
    """Spreads an estimator's probabilities over all K classes.

    The estimator knows the classes by their places among those `seen`. Classes that were not among the t labels
    share (u / 2) / (t + u / 2) evenly, where u is their number: the add-1/2 rule's share for what was never seen.
    """

    def __init__(self, estimator: Any, seen: IntArray, num_labels: int, shared: Shared) -> None:
        self._estimator, self._seen = estimator, seen
        self._num_labels, self._shared = num_labels, shared

    def predict(self, inputs: Tensor) -> FloatArray:
        """Probabilities (m, K) in float64. Raises TrainingError where the estimator gives no such rows."""
        known, places = self._known(inputs)
        seen = self._seen[places]
        num_classes = self._shared.num_classes
        unseen = _UNSEEN_WEIGHT * (num_classes - len(seen))
        share = unseen / (self._num_labels + unseen)
        probs = np.full((len(known), num_classes), share / max(1, num_classes - len(seen)))
        probs[:, seen] = (1 - share) * known
        return probs

    def _known(self, inputs: Tensor) -> tuple[FloatArray, IntArray]:
        """Probabilities (m, C) of the classes that the estimator knows, and the places of these among those seen."""
        sequences, shared = self._shared.sequences, self._shared
        if self._estimator is None:
            return np.ones((len(inputs) * shared.rows_each, 1)), np.zeros(1, dtype=np.int64)
        if sequences is None or not sequences.vocabulary:
            return _probabilities(self._estimator, standardised(inputs, shared), len(self._seen))
        tokens, rows = torch.unique(inputs, return_inverse=True)  # the same token is predicted once
        probs, places = _probabilities(self._estimator, standardised(tokens, shared), len(self._seen))
        return probs[rows.cpu().numpy().ravel()], places


@dataclass(frozen=True, config=STRICT)
class EstimatorLearner(OfEstimator):
    """A scikit-learn classifier on standardised flat inputs: an estimator, or its `module:Class` and parameters.

    Where tokens have labels, each is an example of its own, by its vector, or by 1 at its number among the vocabulary:
    of a text the token before. Every `random_state` in it is set to `seed`. Where it can't learn from so few labels or
    classes as there are, class frequencies stand in for it, and the result has a note.

    >>> EstimatorLearner("sklearn.linear_model:LogisticRegression", {"C": 0.1}).params
    (('C', 0.1),)
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> EstimatorLearner(KNeighborsClassifier(15)).params
    (('n_neighbors', 15),)
    """

    kind: Literal["estimator"] = Field(default="estimator", kw_only=True)
    estimator: AnyEstimator = "sklearn.linear_model:LogisticRegression"

    def fit(self, shared: Shared, labels: IntArray) -> Predictor:
        """The fitted classifier, or class frequencies where the labels are too few for it.

        Raises MdlError where it can't be imported or gives no probabilities, and TrainingError where it fails for
        another reason.
        """
        seen, places = np.unique(labels, return_inverse=True)
        if len(seen) == 1:  # most classifiers refuse a single class
            return EstimatorPredictor(None, seen, len(labels), shared)
        known, targets = shared.known(labels)
        inputs = standardised(known, shared)[targets.cpu().numpy().ravel() != UNLABELLED]
        try:
            estimator = self._fitted(inputs, places, seen)
        except MdlError:
            raise
        except Exception as error:  # an estimator may raise anything
            if not self._learns_from_more(inputs, places, seen):
                line = f"{self.name} can't learn from these {len(labels)} labels: {in_one_line(error)}"
                raise TrainingError(line) from None
            note = f"class frequencies stand in for {self.name} where labels are too few"
            return frequencies_of(labels, shared).noted(note)
        return EstimatorPredictor(estimator, seen, len(labels), shared)

    def _fitted(self, inputs: FloatArray, places: IntArray, seen: IntArray) -> Any:
        """The estimator, fitted, and found to predict."""
        estimator = self._new(seen)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fit that has not converged is still a legal predictor
            estimator.fit(inputs, places)
        _probabilities(estimator, inputs[:2], len(seen))  # some look at the number of labels only now
        return estimator

    def _learns_from_more(self, inputs: FloatArray, places: IntArray, seen: IntArray) -> bool:
        """Whether many copies of a few examples of each class can be learned: then it is their number that failed.

        The copies are exact, or differ by a little noise, for estimators that need classes of some spread.
        """
        of_each = max(1, _FEW // len(seen))
        few = np.concatenate([np.flatnonzero(places == place)[:of_each] for place in range(len(seen))])
        many = np.tile(few, _COPIES)
        noise = np.random.default_rng(0).standard_normal((len(many), inputs.shape[1])) * inputs.std(axis=0)
        for scale in (0.0, _NOISE):
            with suppress(Exception):
                self._fitted(inputs[many] + scale * noise, places[many], seen)
                return True
        return False

    def _new(self, seen: IntArray) -> Any:
        if isinstance(self.estimator, OwnEstimator):
            estimator = self.estimator.made()
        else:
            cls = imported(self.estimator, "estimator")
            if not is_estimator(cls):
                raise MdlError(
                    f"'{self.estimator}' is no class of scikit-learn estimators with predict_proba{_hint(cls)}"
                )
            estimator = made(self.estimator, parse_params(self.params))
        if not hasattr(estimator, "predict_proba"):
            raise MdlError(
                f"estimator '{self.estimator}' gives no probabilities with these parameters{_hint(estimator)}"
            )
        settings: dict[str, Any] = {}
        for name, value in estimator.get_params().items():
            last = name.rpartition("__")[2]
            if last == "random_state":
                settings[name] = self.seed
            elif last == "class_weight" and isinstance(value, Mapping):  # by label: the estimator knows places
                settings[name] = {place: value[label] for place, label in enumerate(seen.tolist()) if label in value}
        return estimator.set_params(**settings)


def _hint(estimator: object) -> str:
    wrap = ": wrap it in sklearn.calibration's CalibratedClassifierCV"
    return wrap if hasattr(estimator, "decision_function") else ""


def _probabilities(estimator: Any, inputs: FloatArray, num_seen: int) -> tuple[FloatArray, IntArray]:
    """Probabilities (m, C) of the C classes that an estimator knows, and the places of these among all seen ones."""
    name = type(estimator).__name__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = estimator.predict_proba(inputs)
    places = np.asarray(getattr(estimator, "classes_", np.arange(num_seen)))
    if isinstance(found, list) or np.shape(found) != (len(inputs), len(places)):
        shape = f"{len(found)} arrays" if isinstance(found, list) else f"shape {np.shape(found)}"
        raise TrainingError(f"{name} gives probabilities of {shape} for {len(inputs)} inputs of {num_seen} classes")
    if not np.isin(places, np.arange(num_seen)).all():
        raise TrainingError(f"{name} knows classes that are none of the labels: {places[:3].tolist()}")
    return np.asarray(found, dtype=np.float64), places.astype(np.int64)
