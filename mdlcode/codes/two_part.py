"""The two-part code: first a net, then the labels under its predictions."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from mdlcode import progress
from mdlcode.channel import Channel
from mdlcode.codes.base import Code, Received
from mdlcode.config import STRICT, parsed
from mdlcode.data.base import Shared
from mdlcode.learn import NetLearner
from mdlcode.typing import IntArray
from mdlcode.weights import WEIGHT_CODES, Float32, WeightCode


def _parse_weights(value: Any) -> Any:
    return parsed(value, WEIGHT_CODES, "weight code")


@dataclass(frozen=True, config=STRICT)
class TwoPart(Code):
    """L(theta) + sum_i -log2 p_theta(y_i | x_i) (Blier & Ollivier 2018, section 3.2).

    theta is what Bob decodes from the weight code, and both sides predict with it.
    """

    kind: Literal["two-part"] = Field(default="two-part", kw_only=True)
    learner: NetLearner = NetLearner()
    weights: Annotated[WeightCode, BeforeValidator(_parse_weights)] = Float32()

    @property
    def sends_net(self) -> bool:
        """True: the net is decoded before any label."""
        return True

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """The net's weights and buffers, then all labels."""
        progress.start("two-part", self.learner.steps(len(shared)))
        learned = self.learner.initial(shared) if labels is None else self.learner.fit(shared, labels)
        self.weights.transmit(channel, learned.net)  # Bob's net, new until here, gets Alice's weights
        return Received(channel.send(labels, learned.predict(shared.inputs)), learned)
