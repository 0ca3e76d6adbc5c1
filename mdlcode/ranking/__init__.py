"""How well generalization measures rank models: tau, granulated tau, mutual information, R2, sign error, controls."""

from mdlcode.ranking.cmi import conditional_information, information_null
from mdlcode.ranking.granulated import Granulated, granulated
from mdlcode.ranking.kendall import Correlation, kendall, partial_tau, tau_a, tau_b
from mdlcode.ranking.models import Models, read_models
from mdlcode.ranking.rank import Row, rank
from mdlcode.ranking.regression import Regression, regression
from mdlcode.ranking.sign_error import SignError, sign_error

__all__ = [
    "Correlation",
    "Granulated",
    "Models",
    "Regression",
    "Row",
    "SignError",
    "conditional_information",
    "granulated",
    "information_null",
    "kendall",
    "partial_tau",
    "rank",
    "read_models",
    "regression",
    "sign_error",
    "tau_a",
    "tau_b",
]
