"""Measures that every real one must beat, and one that none can."""

from collections.abc import Mapping

import numpy as np

from mdlcode.ranking.models import Models
from mdlcode.typing import FloatArray

_ORACLE_NOISE = 0.5  # standard deviations of the target
# Whether more of a hyperparameter is expected to mean a larger gap (+1) or a smaller one (-1).
_DIRECTIONS = {
    "width": -1,
    "depth": -1,
    "blocks": -1,
    "dropout": -1,
    "weight_decay": -1,
    "l2": -1,
    "augment": -1,
    "lr": -1,
    "batch_norm": -1,
    "train_size": -1,
    "batch_size": 1,
    "label_noise": 1,
}


def controls(models: Models, target: FloatArray, seed: int = 0) -> Mapping[str, FloatArray]:
    """Controls by name, each (n,).

    "random" says nothing; "noisy oracle" is the target plus Gaussian noise of half its deviation; "canonical
    ordering" adds up what the hyperparameters are expected to do (Jiang et al. 2020), where an axis has a
    known name; "-train CE" is the training loss alone, which a gap at fixed steps is mostly made of.
    """
    generator = np.random.Generator(np.random.PCG64([14, seed]))
    noise = generator.standard_normal(len(models)) * _ORACLE_NOISE * target.std()
    made = {"random": generator.random(len(models)), "noisy oracle": target + noise}
    known = [axis for axis in models.axes if axis in _DIRECTIONS]
    if known:
        steps = [_DIRECTIONS[axis] * models.levels[axis] / max(1, len(models.values[axis]) - 1) for axis in known]
        made["canonical ordering"] = np.sum(steps, axis=0, dtype=np.float64)
    if "train_ce" in models.columns:
        made["-train CE"] = -models.columns["train_ce"]
    return made
