"""The variational code: weights at the cost of a KL divergence, then the labels under them."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode import progress
from mdlcode.bayes import BayesLearner, BayesPredictor, ExpectedLength, Gaussian, MeanField, with_weights
from mdlcode.bayes.posterior import SCALE_LEVELS
from mdlcode.bayes.priors import scales
from mdlcode.channel import Channel, Sender
from mdlcode.codelength import CHOICE
from mdlcode.codes.base import Code, Received
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError
from mdlcode.typing import FloatArray, IntArray
from mdlcode.weights.bits_back import BitsBack
from mdlcode.weights.relative_entropy import RelativeEntropy

Coding = Annotated[BitsBack | RelativeEntropy, Field(discriminator="kind")]


@dataclass(frozen=True, config=STRICT)
class Variational(Code):
    """KL(posterior, prior) + E_posterior[sum_i -log2 p_w(y_i | x_i)] (Blier & Ollivier 2018, definition 2).

    What is reported and sent is one draw w: its log2 q(w) / p(w), by `coding` bits-back, or the numbers of
    blocks, by relative entropy coding, and the labels' bits under w. Learned prior scales are sent first, at
    8 bits each. The closed KL and the labels' bits under `draws` more draws are traces and notes.
    """

    kind: Literal["variational"] = Field(default="variational", kw_only=True)
    learner: BayesLearner = BayesLearner()
    coding: Coding = BitsBack()
    draws: int = Field(default=4, ge=2)

    def __post_init__(self) -> None:
        if not (self.learner.guide.independent and self.learner.prior.closed):
            guide, prior = self.learner.guide.kind, self.learner.prior.kind
            raise MdlError(
                f"guide '{guide}' with prior '{prior}' has a bound (ExpectedLength) but no message:"
                " a code needs 'mean-field' and 'gaussian'"
            )

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """The prior's scales, the weights, the labels; at the end Bob gives back what Alice borrowed."""
        progress.start("variational", self.learner.steps(len(shared)))
        if labels is None:
            return self.converse(channel, shared, None, None)
        inferred = self.learner.fit(shared, labels)
        posterior = _independent(inferred)
        received = self.converse(channel, shared, labels, posterior, self._best(channel, shared, labels, posterior))
        if not self.coding.repeats_inference:
            expected = ExpectedLength.of(inferred, shared, labels, self.draws)
            return Received(labels, received.predictor, expected.traces(), (str(expected),))
        messages = [self._message(shared, labels, posterior, draw) for draw in range(1, self.draws + 1)]
        bits = np.array([each.codelength(shared.num_classes).data_bits for each in messages])
        expected = ExpectedLength.of_posterior(posterior, bits)
        return Received(labels, inferred, expected.traces(), (str(expected), *map(_line, messages)))

    def _message(self, shared: Shared, labels: IntArray, posterior: MeanField, draw: int) -> Sender:
        """Another message with the same posterior, its draw from other spare bits."""
        sender = Sender(seed=draw)
        self.converse(sender, shared, labels, posterior)
        return sender

    def _best(self, channel: Channel, shared: Shared, labels: IntArray, posterior: MeanField) -> int:
        """The number of the draw with the fewest bits."""

        def bits(attempt: int) -> float:
            ledger = channel.rehearsal()
            self.converse(ledger, shared, labels, posterior, attempt)
            return ledger.codelength(shared.num_classes).total_bits

        return min(range(self.coding.tries), key=bits) if self.coding.tries > 1 else 0

    def converse(
        self,
        channel: Channel,
        shared: Shared,
        labels: IntArray | None,
        posterior: MeanField | None,
        attempt: int | None = None,
    ) -> Received:
        """What is said once Alice has her posterior; Bob passes neither labels, posterior nor the draw's number."""
        if self.coding.tries > 1:
            number = None if labels is None else np.array([attempt or 0])
            [attempt] = channel.send_uniform(number, 1, self.coding.tries, CHOICE)
            channel.scramble(int(attempt))
        layout = self.learner.layout(shared)
        prior_sd = self._send_prior(channel, shared, posterior)
        symbols = self.coding.transmit(channel, posterior, prior_sd, layout)
        net = with_weights(self.learner.initial(shared), self.coding.weights(symbols, prior_sd))
        known = channel.send(labels, net.predict(shared.inputs))
        self.coding.settle(channel, symbols, layout, lambda: _independent(self.learner.fit(shared, known)))
        return Received(known, net)

    def _send_prior(self, channel: Channel, shared: Shared, posterior: MeanField | None) -> FloatArray:
        """The prior deviation of each weight (P,)."""
        prior = self.learner.prior
        if not isinstance(prior, Gaussian):
            raise MdlError(f"prior '{prior.kind}' has no code")
        groups = prior.groups(self.learner.layout(shared))
        if prior.scale is not None:
            return np.full(len(groups), prior.scale)
        levels = None if posterior is None else posterior.scale_levels
        return scales(channel.send_uniform(levels, int(groups[-1]) + 1, SCALE_LEVELS, "prior"))[groups]


def _independent(inferred: BayesPredictor) -> MeanField:
    if not isinstance(inferred.posterior, MeanField):
        raise MdlError("only independent Gaussians have a message")
    return inferred.posterior


def _line(message: Sender) -> str:
    length, net = message.codelength(2), 32 * (len(message.words()) - len(message.spare))
    return (
        f"a draw: prior and log2 q/p {length.model_bits:,.1f} + labels {length.data_bits:,.1f}"
        f" = {length.total_bits:,.1f} bits; message less spare bits {net:,}"
    )
