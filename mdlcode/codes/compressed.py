"""The two-part code whose net is squeezed, at several trade-offs, so that weights and labels together are short."""

from copy import deepcopy
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from mdlcode import progress
from mdlcode.codelength import CHOICE, uniform_bits
from mdlcode.codes.base import Received
from mdlcode.codes.two_part import NetCode, parse_weights
from mdlcode.codes.uniform import Uniform
from mdlcode.coding.channel import Channel, Ledger
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.errors import PrunedError
from mdlcode.learn import NetPredictor, RateAware, Squeezer, parse_learner
from mdlcode.typing import FloatArray, IntArray
from mdlcode.weights import AsTrained, Quantised, WeightCode

_NO_NET = 0


@dataclass(frozen=True, config=STRICT)
class Compressed(NetCode):
    """min over prices of L(theta) + sum_i -log2 p_theta(y_i | x_i), and log2(m + 1) bits that say which price.

    The learner squeezes one trained net at each of the m `bit_prices`. The shortest of these two-part codes is
    spoken, or the uniform code where no net pays. Traces for a plot of the sweep, each (m,): `bit_prices`,
    `weights_bits` and `total_bits`, which are infinite for a net that was squeezed to nothing.
    """

    kind: Literal["compressed"] = Field(default="compressed", kw_only=True)
    learner: Annotated[Squeezer, BeforeValidator(parse_learner)] = RateAware()
    weights: Annotated[WeightCode, BeforeValidator(parse_weights)] = Quantised(AsTrained(), units="sorted")
    bit_prices: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=(0.5, 1.0), min_length=1)

    def best_net(self, shared: Shared, labels: IntArray) -> NetPredictor:
        """The net of the price whose total is least. Raises PrunedError where all were squeezed to nothing."""
        nets, sweep = self._sweep(shared, labels)
        if np.isinf(sweep).all():
            raise PrunedError("at each price the net was squeezed to nothing: lower the prices, or train longer")
        return nets[int(sweep.sum(axis=1).argmin())]

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """Which net, if any; its weights; all labels."""
        if labels is None:
            return self._choose(channel, None, self.learner.initial(shared), shared, None)
        nets, sweep = self._sweep(shared, labels)
        totals = sweep.sum(axis=1)
        best = int(totals.argmin())
        pays = totals[best] < uniform_bits(len(shared), shared.num_classes)
        said = self._choose(channel, 1 + best if pays else _NO_NET, nets[best], shared, labels)
        traces = {"bit_prices": np.array(self.bit_prices), "weights_bits": sweep[:, 0], "total_bits": totals}
        return replace(said, traces=traces)

    def _choose(
        self, channel: Channel, choice: int | None, learned: NetPredictor, shared: Shared, labels: IntArray | None
    ) -> Received:
        known = None if choice is None else np.array([choice])
        if channel.send_uniform(known, 1, 1 + len(self.bit_prices), CHOICE)[0] == _NO_NET:
            return Uniform().transmit(channel, shared, labels)
        return self.speak(channel, learned, shared, labels)

    def _sweep(self, shared: Shared, labels: IntArray) -> tuple[list[NetPredictor], FloatArray]:
        """The net of each price; bits of its weights and of the labels under it, (m, 2)."""
        progress.start("compressed", self.learner.sweep_steps(len(shared), len(self.bit_prices)))
        nets = self.learner.fit_each(shared, labels, self.bit_prices)
        return nets, np.array([self._bits(net, shared, labels) for net in nets])

    def _bits(self, learned: NetPredictor, shared: Shared, labels: IntArray) -> tuple[float, float]:
        ledger = Ledger()
        try:
            self.speak(ledger, deepcopy(learned), shared, labels)  # the copy alone gets decoded weights
        except PrunedError:
            return np.inf, np.inf
        length = ledger.codelength(shared.num_classes)
        return length.model_bits, length.label_bits
