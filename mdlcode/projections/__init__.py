"""Projections from few coordinates to many parameters, drawn from a seed alone."""

from typing import Annotated

from pydantic import Field

from mdlcode.projections.base import Projection, Projector
from mdlcode.projections.count_sketch import CountSketch
from mdlcode.projections.dense import Dense
from mdlcode.projections.draws import Draws
from mdlcode.projections.hadamard import Fastfood, Srht
from mdlcode.projections.kronecker import Kronecker
from mdlcode.projections.sparse import Sparse

PROJECTIONS: tuple[type[Projection], ...] = (CountSketch, Kronecker, Srht, Fastfood, Sparse, Dense)
AnyProjection = Annotated[CountSketch | Kronecker | Srht | Fastfood | Sparse | Dense, Field(discriminator="kind")]

__all__ = [
    "PROJECTIONS",
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
