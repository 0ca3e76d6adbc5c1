"""The subspace code: a few coordinates of the net's weights, then the labels under its predictions."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from mdlcode.codes.two_part import NetCode
from mdlcode.config import STRICT
from mdlcode.errors import MdlError
from mdlcode.learn import Real, SubspaceLearner, parse_learner
from mdlcode.weights import Coordinates, parse_weights


@dataclass(frozen=True, config=STRICT)
class Subspace(NetCode):
    """L(v) + sum_i -log2 p_theta(y_i | x_i) with theta = theta0(seed) + P(seed) v, v in whole steps (Li et al. 2018).

    A two-part code whose learner moves in a random subspace and whose weight code sends the coordinates v there.
    """

    kind: Literal["subspace"] = Field(default="subspace", kw_only=True)
    learner: Annotated[SubspaceLearner, BeforeValidator(parse_learner)] = SubspaceLearner()
    weights: Annotated[Coordinates, BeforeValidator(parse_weights)] = Coordinates()

    def __post_init__(self) -> None:
        if isinstance(self.learner.coordinates, Real):
            raise MdlError("real coordinates take no finite number of bits: use `coordinates: {kind: stepped}`")
