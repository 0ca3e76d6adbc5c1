"""Distributions over the weights of a net: inference by Pyro, and posteriors that codes and bounds can use.

Nothing here imports Pyro before a training begins.
"""

from mdlcode.bayes.densities import Normals, TwoNormals, kl_bits
from mdlcode.bayes.expected import ExpectedLength
from mdlcode.bayes.fresh import FreshNet
from mdlcode.bayes.learner import BayesLearner, BayesPredictor, KlWeight, with_weights
from mdlcode.bayes.posterior import Layout, MeanField
from mdlcode.bayes.priors import CodedPrior, Gaussian, Prior, ScaleMixture, SparsePrior
from mdlcode.bayes.refinement import Rates, Refinement

__all__ = [
    "BayesLearner",
    "BayesPredictor",
    "CodedPrior",
    "ExpectedLength",
    "FreshNet",
    "Gaussian",
    "KlWeight",
    "Layout",
    "MeanField",
    "Normals",
    "Prior",
    "Rates",
    "Refinement",
    "ScaleMixture",
    "SparsePrior",
    "TwoNormals",
    "kl_bits",
    "with_weights",
]
