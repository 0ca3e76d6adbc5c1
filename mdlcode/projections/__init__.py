"""Projections from few coordinates to many parameters, drawn from a seed alone."""

from mdlcode.projections.base import AnyProjection, Projection, Projector
from mdlcode.projections.count_sketch import CountSketch
from mdlcode.projections.dense import Dense
from mdlcode.projections.draws import Draws
from mdlcode.projections.hadamard import Fastfood, Srht
from mdlcode.projections.kronecker import Kronecker
from mdlcode.projections.sparse import Sparse

__all__ = [
    "AnyProjection",
    "CountSketch",
    "Dense",
    "Draws",
    "Fastfood",
    "Kronecker",
    "Projection",
    "Projector",
    "Sparse",
    "Srht",
]
