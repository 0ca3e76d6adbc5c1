"""The two-part code whose net is squeezed, at several trade-offs, so that weights and labels together are short."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from mdlcode import progress
from mdlcode.codes.base import Received
from mdlcode.codes.choice import hold_shortest
from mdlcode.codes.two_part import NetCode
from mdlcode.codes.uniform import Uniform
from mdlcode.coding.channel import Channel
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn import NetPredictor, RateAware, Squeezer, parse_learner
from mdlcode.typing import IntArray
from mdlcode.weights import AnyWeightCode, AsTrained, Quantised


@dataclass(frozen=True, config=STRICT)
class Compressed(NetCode):
    """min over prices of L(theta) + sum_i -log2 p_theta(y_i | x_i), and log2(m + 1) bits that say which price.

    The learner squeezes one trained net at each of the m `bit_prices`. The shortest of these two-part codes is
    spoken, or the uniform code where no net pays. Traces for a plot of the sweep, each (m,): `bit_prices`,
    `weights_bits` and `total_bits`, which are infinite for a net that was squeezed to nothing.
    """

    kind: Literal["compressed"] = Field(default="compressed", kw_only=True)
    learner: Annotated[Squeezer, BeforeValidator(parse_learner)] = RateAware()
    weights: AnyWeightCode = Quantised(AsTrained(), units="sorted")
    bit_prices: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=(0.5, 1.0), min_length=1)

    @property
    def has_parts(self) -> bool:
        """True: the prices."""
        return True

    def prepare(self, shared: Shared, labels: IntArray) -> list[NetPredictor]:
        """The net of each price, all from one first training."""
        progress.start("compressed", self.learner.sweep_steps(shared.num_labels, len(self.bit_prices)))
        return self.learner.fit_each(shared, labels, self.bit_prices)

    def speak(
        self, channel: Channel, prepared: list[NetPredictor] | None, shared: Shared, labels: IntArray | None
    ) -> Received:
        """Which net, if any; its weights; all labels."""
        nets = [None] * len(self.bit_prices) if prepared is None else prepared
        no_net = partial(Uniform().transmit, shared=shared, labels=labels)
        each_net = [partial(self.send, learned=net, shared=shared, labels=labels) for net in nets]
        received, bits = hold_shortest(channel, [no_net, *each_net])
        if bits is None:
            return received
        prices = {"bit_prices": np.array(self.bit_prices), "weights_bits": bits[1:, 0]}
        return replace(received, traces={**prices, "total_bits": bits[1:].sum(axis=1)})
