"""From inputs and labels to a predictor."""

from mdlcode.learn.augment import Affine, Crop, NoAugment
from mdlcode.learn.base import Learner, Predictor, parse_learner
from mdlcode.learn.estimator import EstimatorLearner
from mdlcode.learn.network import NetLearner, NetPredictor
from mdlcode.learn.optimizer import AdamW, Sgd

LEARNERS: tuple[type[Learner], ...] = (NetLearner, EstimatorLearner)

__all__ = [
    "LEARNERS",
    "AdamW",
    "Affine",
    "Crop",
    "EstimatorLearner",
    "Learner",
    "NetLearner",
    "NetPredictor",
    "NoAugment",
    "Predictor",
    "Sgd",
    "parse_learner",
]
