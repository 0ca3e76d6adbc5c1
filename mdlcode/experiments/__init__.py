"""Experiments: several codes on one data set, results on disk."""

from mdlcode.experiments.compare import compare
from mdlcode.experiments.results import Result
from mdlcode.experiments.tasks import Experiment

__all__ = ["Experiment", "Result", "compare"]
