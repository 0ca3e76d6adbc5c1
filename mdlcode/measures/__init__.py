"""Measures of a task, a net, or both: learning curves and the intrinsic dimension."""

from mdlcode.measures.dimension import IntrinsicDimension, Trial
from mdlcode.measures.dimension_search import DimensionSearch
from mdlcode.measures.learning_curve import LearningCurve

__all__ = ["DimensionSearch", "IntrinsicDimension", "LearningCurve", "Trial"]
