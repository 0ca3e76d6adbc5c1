"""The two-part code: first a net, then the labels under its predictions."""

from copy import deepcopy
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from mdlcode import progress
from mdlcode.codes.base import PreparedCode, Received
from mdlcode.coding.channel import Channel
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn import NetLearner, NetPredictor, NetTrainer, parse_learner
from mdlcode.learn.subspace.net import SubspaceNet
from mdlcode.learn.turns import say_all
from mdlcode.nets.composed import baked
from mdlcode.typing import IntArray
from mdlcode.weights import AnyWeightCode, Float32


@dataclass(frozen=True, config=STRICT)
class NetCode(PreparedCode):
    """A code that sends a net by a weight code, and then the labels under its predictions."""

    learner: Annotated[NetTrainer, BeforeValidator(parse_learner)] = NetLearner()
    weights: AnyWeightCode = Float32()

    @property
    def sends_net(self) -> bool:
        """True: the net is decoded before any label."""
        return True

    def prepare(self, shared: Shared, labels: IntArray) -> list[NetPredictor]:
        """The nets that Alice may send, here the one that is learned from all labels."""
        progress.start("two-part", self.learner.steps(shared.num_labels))
        return [self.learner.fit(shared, labels)]

    def speak(
        self, channel: Channel, prepared: list[NetPredictor] | None, shared: Shared, labels: IntArray | None
    ) -> Received:
        """The one net, then all labels."""
        return self.send(channel, None if prepared is None else prepared[0], shared, labels)

    def send(self, channel: Channel, learned: NetPredictor | None, shared: Shared, labels: IntArray | None) -> Received:
        """The net's weights, then all labels: both sides predict with the net that Bob decodes."""
        decoded = self.learner.initial(shared) if learned is None else deepcopy(learned)
        if not isinstance(decoded.net, SubspaceNet):  # its weights move with what they are made of
            decoded.net = baked(decoded.net)
        self.weights.transmit(channel, decoded.net)
        return Received(say_all(channel, shared, labels, decoded), decoded)


@dataclass(frozen=True, config=STRICT)
class TwoPart(NetCode):
    """L(theta) + sum_i -log2 p_theta(y_i | x_i) (Blier & Ollivier 2018, section 3.2).

    theta is what Bob decodes from the weight code, and both sides predict with it.
    """

    kind: Literal["two-part"] = Field(default="two-part", kw_only=True)
