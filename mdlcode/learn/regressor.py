"""Any scikit-learn regressor as a learner of real-valued targets."""

import inspect
import warnings
from typing import Any, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode.coding.binned import LocationScale
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError
from mdlcode.learn.base import DensityPredictor
from mdlcode.learn.estimator_settings import AnyEstimator, OfEstimator, OwnEstimator, made, parse_params
from mdlcode.learn.families import Family, Normal, from_units, to_units
from mdlcode.learn.features import standardised
from mdlcode.learn.linear import require_bins
from mdlcode.learn.marginal import marginal_of
from mdlcode.trust import imported, is_regressor
from mdlcode.typing import FloatArray, IntArray

_FOLDS = 5
_FEWEST = 2 * _FOLDS
_FIRST_RESIDUAL = 0.5  # one more, of an eighth of the range or half of what the regressor says itself


class RegressorPredictor(DensityPredictor):
    """A family's densities round what a regressor predicts, `factor` times as wide as it says, or all alike."""

    def __init__(self, regressor: Any, family: Family, fitted: tuple[float, float | None], shared: Shared) -> None:
        self._regressor, self._family, self._fitted, self._shared = regressor, family, fitted, shared

    def model(self, inputs: Tensor) -> LocationScale:
        """As of `Predictor`."""
        location, spread = _predicted(self._regressor, standardised(inputs, self._shared))
        factor, df = self._fitted
        every_df = None if df is None else np.full(len(location), df)
        return from_units(self._family.kind, location, factor * spread, self._shared.num_classes, every_df)


@dataclass(frozen=True, config=STRICT)
class RegressorLearner(OfEstimator):
    """A scikit-learn regressor on standardised flat inputs: an estimator, or its `module:Class` and parameters.

    Its densities are of `family` round its predictions. Their width is fitted to the residuals of five-fold cross-
    validation on the labels given, so that a regressor that knows those by heart is not taken to be sure. One that
    tells its own standard deviation (`return_std`: BayesianRidge, Gaussian processes) has that, times a fitted factor.
    With fewer than ten labels, or where the fit fails, the marginal of the labels stands in for it, and the result has
    a note. Every `random_state` in it is set to `seed`.

    >>> RegressorLearner("sklearn.linear_model:Ridge", {"alpha": 2.0}).params
    (('alpha', 2.0),)
    """

    kind: Literal["regressor"] = Field(default="regressor", kw_only=True)
    estimator: AnyEstimator = "sklearn.linear_model:BayesianRidge"
    family: Family = Normal()

    def fit(self, shared: Shared, labels: IntArray) -> DensityPredictor:
        """The fitted regressor. Raises MdlError where it can't be imported or made, and where labels are classes."""
        require_bins(shared, "a regressor")
        regressor = self._new()
        marginal = marginal_of(
            labels, shared.num_classes, f"the targets' marginal stands in for {self.name} where labels are too few"
        )
        if len(labels) < _FEWEST:
            return marginal
        features = standardised(shared.inputs[: len(labels)], shared)
        targets = to_units(labels, shared.num_classes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fit that has not converged is still a legal predictor
            try:
                residuals = self._residuals(features, targets)
                regressor.fit(features, targets)
            except ValueError:  # of estimators that need more examples
                return marginal
        fitted = self.family.fitted(np.append(residuals, _FIRST_RESIDUAL))
        return RegressorPredictor(regressor, self.family, fitted, shared)

    def _residuals(self, features: FloatArray, targets: FloatArray) -> FloatArray:
        """What each label missed the prediction by of a regressor fitted to the other folds, in its own spreads."""
        residuals = np.zeros(len(targets))
        fold = np.arange(len(targets)) % _FOLDS
        for each in range(_FOLDS):
            regressor = self._new().fit(features[fold != each], targets[fold != each])
            location, spread = _predicted(regressor, features[fold == each])
            residuals[fold == each] = (targets[fold == each] - location) / spread
        return residuals

    def _new(self) -> Any:
        if isinstance(self.estimator, OwnEstimator):
            regressor = self.estimator.made()
        else:
            if not is_regressor(imported(self.estimator, "estimator")):
                raise MdlError(f"'{self.estimator}' is no class of scikit-learn regressors")
            regressor = made(self.estimator, parse_params(self.params))
        seeds = [name for name in regressor.get_params() if name.rpartition("__")[2] == "random_state"]
        return regressor.set_params(**dict.fromkeys(seeds, self.seed))


def _predicted(regressor: Any, features: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Predictions and their spreads (m,): 1 where the regressor tells none."""
    if "return_std" not in inspect.signature(regressor.predict).parameters:
        location = np.asarray(regressor.predict(features), dtype=np.float64).reshape(len(features))
        return location, np.ones(len(features))
    location, spread = regressor.predict(features, return_std=True)
    least = np.maximum(np.asarray(spread, dtype=np.float64), 1e-6)
    return np.asarray(location, dtype=np.float64).reshape(len(features)), least
