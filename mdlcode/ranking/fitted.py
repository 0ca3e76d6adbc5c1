"""Predictors of a target that are fitted to several measures at once, each model's from folds without it."""

from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mdlcode.ranking.kendall import tau_b
from mdlcode.typing import FloatArray, IntArray

Predict = Callable[[IntArray, IntArray], FloatArray]
_FOLDS = 10
_PENALTIES = tuple(10.0**power for power in range(-3, 4))


def fitted(features: FloatArray, target: FloatArray, configuration: IntArray) -> FloatArray:
    """Ridge predictions (n,) of the target from features (n, p), out of fold (Jiang et al. 2019, on margins).

    The penalty is chosen inside each training part, and all seeds of a configuration are in one fold, so that
    nothing of a model enters its own prediction: what is fitted in the sample ranks that sample too well.
    """

    def predicted(train: IntArray, test: IntArray) -> FloatArray:
        model = make_pipeline(StandardScaler(), RidgeCV(_PENALTIES)).fit(features[train], target[train])
        return np.asarray(model.predict(features[test]), dtype=np.float64)

    return _out_of_fold(predicted, configuration)


def best_single(features: FloatArray, target: FloatArray, configuration: IntArray) -> FloatArray:
    """Predictions (n,) from the one feature with the largest |tau-b| in the other folds, by a line through it."""

    def predicted(train: IntArray, test: IntArray) -> FloatArray:
        taus = [abs(tau_b(column[train], target[train])) for column in features.T]
        best = features[:, [int(np.nanargmax(taus))]]
        model = LinearRegression().fit(best[train], target[train])
        return np.asarray(model.predict(best[test]), dtype=np.float64)

    return _out_of_fold(predicted, configuration)


def _out_of_fold(predicted: Predict, configuration: IntArray) -> FloatArray:
    made = np.full(len(configuration), np.nan)
    folds = GroupKFold(min(_FOLDS, len(np.unique(configuration))))
    for train, test in folds.split(made, groups=configuration):
        made[test] = predicted(train, test)
    return made
