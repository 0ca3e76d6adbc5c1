"""From inputs and labels to a predictor."""

from mdlcode.learn.augment import Affine, Crop, NoAugment
from mdlcode.learn.base import Learner, Predictor, parse_learner
from mdlcode.learn.constant import FrequencyLearner, UniformLearner
from mdlcode.learn.deep_compression import DeepCompression
from mdlcode.learn.ensemble import EnsembleLearner
from mdlcode.learn.estimator import EstimatorLearner
from mdlcode.learn.folding import fold_batch_norm
from mdlcode.learn.muon import Muon
from mdlcode.learn.net import NetPredictor, NetTrainer
from mdlcode.learn.network import NetLearner
from mdlcode.learn.optimizer import AdamW, Sgd
from mdlcode.learn.rate_aware import RateAware
from mdlcode.learn.squeeze import Retrainer, Squeezer
from mdlcode.learn.stacked import StackedLearner
from mdlcode.learn.staged import StagedLearner
from mdlcode.learn.subspace import SubspaceLearner
from mdlcode.learn.subspace_net import Real, Stepped
from mdlcode.learn.unlabelled import FixMatch
from mdlcode.learn.variational_dropout import VariationalDropout

LEARNERS: tuple[type[Learner], ...] = (
    NetLearner,
    SubspaceLearner,
    EstimatorLearner,
    EnsembleLearner,
    StackedLearner,
    StagedLearner,
    UniformLearner,
    FrequencyLearner,
    RateAware,
    DeepCompression,
    VariationalDropout,
)

__all__ = [
    "LEARNERS",
    "AdamW",
    "Affine",
    "Crop",
    "DeepCompression",
    "EnsembleLearner",
    "EstimatorLearner",
    "FixMatch",
    "FrequencyLearner",
    "Learner",
    "Muon",
    "NetLearner",
    "NetPredictor",
    "NetTrainer",
    "NoAugment",
    "Predictor",
    "RateAware",
    "Real",
    "Retrainer",
    "Sgd",
    "Squeezer",
    "StackedLearner",
    "StagedLearner",
    "Stepped",
    "SubspaceLearner",
    "UniformLearner",
    "VariationalDropout",
    "fold_batch_norm",
    "parse_learner",
]
