"""How much of a target a linear function of measures explains, in and out of sample."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

from mdlcode.typing import FloatArray, IntArray

_FOLDS = 10


@dataclass(frozen=True)
class Regression:
    """R2 held out, which may be negative, and adjusted in the sample."""

    held_out_r2: float
    adjusted_r2: float


def regression(measures: FloatArray, target: FloatArray, configuration: IntArray) -> Regression:
    """R2 = 1 - SS_res / SS_tot of least squares from p measures (n, p), or one (n,), to a target (n,).

    Held out: predictions of 10 folds, the seeds of one configuration in one fold. In the sample: adjusted,
    1 - (1 - R2)(n - 1) / (n - p - 1) (Jiang et al. 2019). NaN where there are too few configurations.

    >>> x = np.arange(20.0)
    >>> regression(x, 3 * x + 1, np.arange(20)).adjusted_r2.__round__(6)
    1.0
    """
    inputs = measures.reshape(len(target), -1)
    inputs = (inputs - inputs.mean(0)) / np.maximum(inputs.std(0), np.finfo(float).tiny)
    n, p = inputs.shape
    total = float(np.square(target - target.mean()).sum())
    folds = min(_FOLDS, len(np.unique(configuration)))
    if folds < 2 or n <= p + 1 or total == 0:
        return Regression(np.nan, np.nan)
    fitted = LinearRegression().fit(inputs, target).predict(inputs)
    guessed = cross_val_predict(LinearRegression(), inputs, target, groups=configuration, cv=GroupKFold(folds))
    r2, held_out = (1 - float(np.square(target - each).sum()) / total for each in (fitted, guessed))
    return Regression(held_out, 1 - (1 - r2) * (n - 1) / (n - p - 1))
