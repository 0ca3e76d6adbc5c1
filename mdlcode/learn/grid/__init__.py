"""Many nets that differ in their hyperparameters, trained at once."""

from mdlcode.learn.grid.learner import SettingLearner
from mdlcode.learn.grid.setting import Setting, Training
from mdlcode.learn.grid.train import Outcome, Run, stacks, train

__all__ = ["Outcome", "Run", "Setting", "SettingLearner", "Training", "stacks", "train"]
