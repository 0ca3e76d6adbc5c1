"""From inputs and labels to a predictor."""

from mdlcode.learn.augment import Affine, Crop, NoAugment
from mdlcode.learn.base import Learner, Predictor, parse_learner
from mdlcode.learn.constant import FrequencyLearner, UniformLearner
from mdlcode.learn.ensemble import EnsembleLearner
from mdlcode.learn.estimator import EstimatorLearner
from mdlcode.learn.network import NetLearner, NetPredictor
from mdlcode.learn.optimizer import AdamW, Sgd
from mdlcode.learn.unlabelled import FixMatch

LEARNERS: tuple[type[Learner], ...] = (
    NetLearner,
    EstimatorLearner,
    EnsembleLearner,
    UniformLearner,
    FrequencyLearner,
)

__all__ = [
    "LEARNERS",
    "AdamW",
    "Affine",
    "Crop",
    "EnsembleLearner",
    "EstimatorLearner",
    "FixMatch",
    "FrequencyLearner",
    "Learner",
    "NetLearner",
    "NetPredictor",
    "NoAugment",
    "Predictor",
    "Sgd",
    "UniformLearner",
    "parse_learner",
]
