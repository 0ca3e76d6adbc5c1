"""The variational code: weights at the cost of a KL divergence, then the labels under them."""

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode import progress
from mdlcode.bayes import BayesLearner, ExpectedLength, MeanField, with_weights
from mdlcode.bayes.priors import SCALE_LEVELS, scales
from mdlcode.channel import Channel
from mdlcode.codes.base import Code, Received
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn.base import Predictor
from mdlcode.typing import FloatArray, IntArray
from mdlcode.weights.bits_back import BitsBack
from mdlcode.weights.relative_entropy import RelativeEntropy

Coding = Annotated[BitsBack | RelativeEntropy, Field(discriminator="kind")]


@dataclass(frozen=True, config=STRICT)
class Variational(Code):
    """KL(posterior, prior) + E_posterior[sum_i -log2 p_w(y_i | x_i)] (Blier & Ollivier 2018, definition 2).

    What is reported and sent is one draw w: its log2 q(w) / p(w), by `coding` bits-back, or the numbers of
    blocks, by relative entropy coding, and the labels' bits under w. Learned prior scales are sent first, at
    8 bits each. The closed KL and the labels' bits under `draws` more draws are traces and a note.
    """

    kind: Literal["variational"] = Field(default="variational", kw_only=True)
    learner: BayesLearner = BayesLearner()
    coding: Coding = BitsBack()
    draws: int = Field(default=4, ge=2)

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """The prior's scales, the weights, the labels; at the end Bob gives back what Alice borrowed."""
        progress.start("variational", self.learner.steps(len(shared)))
        inferred = None if labels is None else self.learner.fit(shared, labels)
        posterior = None if inferred is None else inferred.posterior
        layout = self.learner.layout(shared)
        prior_sd = self._send_prior(channel, shared, posterior)
        symbols = self.coding.transmit(channel, posterior, prior_sd, layout)
        net = with_weights(self.learner.initial(shared), self.coding.weights(symbols, prior_sd))
        known = channel.send(labels, net.predict(shared.inputs))
        self.coding.settle(channel, symbols, layout, lambda: self.learner.fit(shared, known).posterior)
        if inferred is None:
            return Received(known, net)
        levels = inferred.posterior.scale_levels
        prior_bits = 0.0 if levels is None else len(levels) * math.log2(SCALE_LEVELS)
        expected = ExpectedLength.of(inferred, shared, known, self.draws, prior_bits)
        predictor: Predictor = inferred if self.coding.repeats_inference else net
        return Received(known, predictor, expected.traces(), (str(expected),))

    def _send_prior(self, channel: Channel, shared: Shared, posterior: MeanField | None) -> FloatArray:
        """The prior deviation of each weight (P,)."""
        prior, groups = self.learner.prior, self.learner.prior.groups(self.learner.layout(shared))
        if prior.scale is not None:
            return np.full(len(groups), prior.scale)
        levels = None if posterior is None else posterior.scale_levels
        return scales(channel.send_uniform(levels, int(groups[-1]) + 1, SCALE_LEVELS, "prior"))[groups]
