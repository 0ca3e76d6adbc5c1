"""Experiments: several codes on one data set, results on disk."""

from mdlcode.experiments.compare import compare
from mdlcode.experiments.experiment import Experiment, read_experiment
from mdlcode.experiments.results import Result

__all__ = ["Experiment", "Result", "compare", "read_experiment"]
