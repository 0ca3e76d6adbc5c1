"""The two-part code whose net is squeezed, at several trade-offs, so that weights and labels together are short."""

from copy import deepcopy
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from mdlcode import progress
from mdlcode.channel import Channel, Ledger
from mdlcode.codelength import CHOICE, uniform_bits
from mdlcode.codes.base import Code, Received
from mdlcode.codes.two_part import parse_weights, send_net_and_labels
from mdlcode.codes.uniform import Uniform
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.errors import PrunedError
from mdlcode.learn import NetPredictor, RateAware, Squeezer, parse_learner
from mdlcode.typing import IntArray
from mdlcode.weights import AsTrained, Quantised, WeightCode

_NO_NET = 0


@dataclass(frozen=True, config=STRICT)
class Compressed(Code):
    """min over rates of L(theta) + sum_i -log2 p_theta(y_i | x_i), and log2(m + 1) bits that say which rate.

    The learner squeezes one trained net at each of the m `rates`. The shortest of these two-part codes is
    spoken, or the uniform code where no net pays. Traces for a plot of the sweep, each (m,): `rates`,
    `weights_bits` and `total_bits`, which are infinite for a net that was squeezed to nothing.
    """

    kind: Literal["compressed"] = Field(default="compressed", kw_only=True)
    learner: Annotated[Squeezer, BeforeValidator(parse_learner)] = RateAware()
    rates: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=(0.5, 1.0), min_length=1)
    weights: Annotated[WeightCode, BeforeValidator(parse_weights)] = Quantised(AsTrained(), units="sorted")

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """Which net, if any; its weights; all labels."""
        progress.start("compressed", self.learner.sweep_steps(len(shared), len(self.rates)))
        if labels is None:
            return self._speak(channel, shared, None, None, self.learner.initial(shared))
        nets = self.learner.fit_each(shared, labels, self.rates)
        sweep = np.array([self._bits(net, shared, labels) for net in nets])  # (m, 2)
        totals = sweep.sum(axis=1)
        best = int(totals.argmin())
        nothing = totals[best] >= uniform_bits(len(shared), shared.num_classes)
        said = self._speak(channel, shared, labels, _NO_NET if nothing else 1 + best, nets[best])
        traces = {"rates": np.array(self.rates), "weights_bits": sweep[:, 0], "total_bits": totals}
        return Received(said.labels, said.predictor, traces)

    def _speak(
        self, channel: Channel, shared: Shared, labels: IntArray | None, choice: int | None, learned: NetPredictor
    ) -> Received:
        known = None if choice is None else np.array([choice])
        if channel.send_uniform(known, 1, 1 + len(self.rates), CHOICE)[0] == _NO_NET:
            return Uniform().transmit(channel, shared, labels)
        return send_net_and_labels(channel, self.weights, learned, shared, labels)

    def _bits(self, learned: NetPredictor, shared: Shared, labels: IntArray) -> tuple[float, float]:
        """Bits of a net's weights and of the labels under it; the net stays as it is."""
        ledger = Ledger()
        try:
            send_net_and_labels(ledger, self.weights, deepcopy(learned), shared, labels)
        except PrunedError:
            return np.inf, np.inf
        length = ledger.codelength(shared.num_classes)
        return length.model_bits, length.data_bits
