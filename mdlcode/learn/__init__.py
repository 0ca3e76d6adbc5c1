"""From inputs and labels to a predictor."""

from mdlcode.learn.base import AnyLearner, Learner, Predictor, parse_learner
from mdlcode.learn.constant import FrequencyLearner, UniformLearner
from mdlcode.learn.ensemble import EnsembleLearner
from mdlcode.learn.estimator import EstimatorLearner
from mdlcode.learn.families import Family, Laplace, Normal, StudentT
from mdlcode.learn.linear import LinearLearner
from mdlcode.learn.nets.augment import Affine, Crop, Mirror, NoAugment
from mdlcode.learn.nets.muon import Muon
from mdlcode.learn.nets.optimizer import AdamW, Sgd
from mdlcode.learn.nets.predictor import NetPredictor, NetTrainer, Prediction, Views
from mdlcode.learn.nets.regularisation import Regularisation
from mdlcode.learn.nets.steps import Steps
from mdlcode.learn.nets.training import CheckpointedLearner, NetLearner
from mdlcode.learn.nets.unlabelled import FixMatch
from mdlcode.learn.quantiles import QuantileLearner
from mdlcode.learn.regressor import RegressorLearner
from mdlcode.learn.squeeze.deep_compression import DeepCompression, Pruning
from mdlcode.learn.squeeze.folding import fold_batch_norm
from mdlcode.learn.squeeze.rate_aware import RateAware
from mdlcode.learn.squeeze.retrainer import Retrainer, Squeezer
from mdlcode.learn.squeeze.variational_dropout import VariationalDropout
from mdlcode.learn.staged import StagedLearner
from mdlcode.learn.subspace.learner import SubspaceLearner
from mdlcode.learn.subspace.net import Real, Stepped

__all__ = [
    "AdamW",
    "Affine",
    "AnyLearner",
    "CheckpointedLearner",
    "Crop",
    "DeepCompression",
    "EnsembleLearner",
    "EstimatorLearner",
    "Family",
    "FixMatch",
    "FrequencyLearner",
    "Laplace",
    "Learner",
    "LinearLearner",
    "Mirror",
    "Muon",
    "NetLearner",
    "NetPredictor",
    "NetTrainer",
    "NoAugment",
    "Normal",
    "Prediction",
    "Predictor",
    "Pruning",
    "QuantileLearner",
    "RateAware",
    "Real",
    "RegressorLearner",
    "Regularisation",
    "Retrainer",
    "Sgd",
    "Squeezer",
    "StagedLearner",
    "Stepped",
    "Steps",
    "StudentT",
    "SubspaceLearner",
    "UniformLearner",
    "VariationalDropout",
    "Views",
    "fold_batch_norm",
    "parse_learner",
]
