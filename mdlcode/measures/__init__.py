"""Measures read off the curve of a prequential code."""

from mdlcode.measures.learning_curve import LearningCurve

__all__ = ["LearningCurve"]
