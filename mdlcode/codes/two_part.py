"""The two-part code: first a net, then the labels under its predictions."""

from abc import abstractmethod
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from mdlcode import progress
from mdlcode.codes.base import Code, Received
from mdlcode.coding.channel import Channel
from mdlcode.config import STRICT, parsed
from mdlcode.data.base import Shared
from mdlcode.learn import NetLearner, NetPredictor, NetTrainer, parse_learner
from mdlcode.typing import IntArray
from mdlcode.weights import WEIGHT_CODES, Float32, WeightCode


def parse_weights(value: Any) -> Any:
    """A weight code from its config; an instance of `WeightCode` as it is."""
    return parsed(value, WEIGHT_CODES, "weight code")


@dataclass(frozen=True, config=STRICT)
class NetCode(Code):
    """A code that sends a net by a weight code, and then the labels under its predictions."""

    learner: Annotated[NetTrainer, BeforeValidator(parse_learner)] = NetLearner()
    weights: Annotated[WeightCode, BeforeValidator(parse_weights)] = Float32()

    @property
    def sends_net(self) -> bool:
        """True: the net is decoded before any label."""
        return True

    @abstractmethod
    def best_net(self, shared: Shared, labels: IntArray) -> NetPredictor:
        """The net that Alice would send, before the weight code rounds it."""

    def speak(self, channel: Channel, learned: NetPredictor, shared: Shared, labels: IntArray | None) -> Received:
        """The weights of the net, which ends with decoded ones on both sides, and then all labels."""
        self.weights.transmit(channel, learned.net)
        return Received(channel.send(labels, learned.predict(shared.inputs)), learned)


@dataclass(frozen=True, config=STRICT)
class TwoPart(NetCode):
    """L(theta) + sum_i -log2 p_theta(y_i | x_i) (Blier & Ollivier 2018, section 3.2).

    theta is what Bob decodes from the weight code, and both sides predict with it.
    """

    kind: Literal["two-part"] = Field(default="two-part", kw_only=True)

    def best_net(self, shared: Shared, labels: IntArray) -> NetPredictor:
        """What the learner makes of all labels."""
        progress.start("two-part", self.learner.steps(len(shared)))
        return self.learner.fit(shared, labels)

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """The net's weights and buffers, then all labels."""
        learned = self.learner.initial(shared) if labels is None else self.best_net(shared, labels)
        return self.speak(channel, learned, shared, labels)
