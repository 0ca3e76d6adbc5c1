"""The variational code: weights at the cost of a KL divergence, then the labels under them."""

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode import progress
from mdlcode.bayes import BayesLearner, ExpectedLength, Gaussian, Layout, ScaleMixture, SparsePrior, with_weights
from mdlcode.bayes.bits_back import BitsBack
from mdlcode.bayes.densities import Density
from mdlcode.bayes.inference import Inference
from mdlcode.bayes.masks import send_masks
from mdlcode.bayes.posterior import SCALE_LEVELS
from mdlcode.bayes.relative_entropy import RelativeEntropy
from mdlcode.codelength import CHOICE
from mdlcode.codes.base import Code, Received
from mdlcode.coding.channel import Channel, Sender
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError
from mdlcode.typing import BoolArray, FloatArray, IntArray

Coding = Annotated[BitsBack | RelativeEntropy, Field(discriminator="kind")]


@dataclass(frozen=True, config=STRICT)
class Variational(Code):
    """KL(posterior, prior) + E_posterior[sum_i -log2 p_w(y_i | x_i)] (Blier & Ollivier 2018, definition 2).

    What is reported and sent is one draw w: its log2 q(w) / p(w), by `coding` bits-back, or the numbers of
    blocks, by relative entropy coding, and the labels' bits under w. What was learned of the prior is sent
    first, 8 bits a number. `extra_draws` more draws tell the expected length, as traces and notes.
    """

    kind: Literal["variational"] = Field(default="variational", kw_only=True)
    learner: BayesLearner = BayesLearner()
    coding: Coding = BitsBack()
    extra_draws: int = Field(default=4, ge=2)

    def __post_init__(self) -> None:
        if not (self.learner.guide.independent and isinstance(self.learner.prior, Gaussian | ScaleMixture)):
            guide, prior = self.learner.guide.kind, self.learner.prior.kind
            raise MdlError(
                f"guide '{guide}' with prior '{prior}' has a bound (ExpectedLength) but no message:"
                " a code needs 'mean-field' and 'gaussian', 'sparse' or 'scale-mixture'"
            )
        if isinstance(self.coding, RelativeEntropy) and self.learner.prior.kind != "gaussian":
            raise MdlError("relative entropy coding draws from a Gaussian: take prior 'gaussian', or bits-back")

    @property
    def refines(self) -> bool:
        """Whether the posterior is fitted anew as weights are drawn, so that its KL is known draw by draw."""
        return isinstance(self.coding, BitsBack) and self.coding.refinement is not None

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """The prior, the weights, the labels; at the end Bob gives back what Alice borrowed."""
        progress.start("variational", self.learner.steps(len(shared)))
        if labels is None:
            return self.converse(channel, shared, None, None)
        inferred = self.learner.fit(shared, labels)
        inference = self.learner.continued(inferred.posterior, shared, labels)
        received = self.speak(channel, shared, labels, inference)
        if not self.coding.repeats_inference:
            expected = ExpectedLength.of(inferred, shared, labels, self.extra_draws)
            return replace(received, traces=expected.traces(), notes=(str(expected),))
        messages = [self._message(shared, labels, inference, draw) for draw in range(1, self.extra_draws + 1)]
        lines = tuple(map(_line, messages))
        lengths = [each.codelength(shared.num_classes) for each in messages]
        if self.refines:
            totals = np.array([each.total_bits for each in lengths])
            return replace(received, traces={"total_bits_by_draw": totals}, notes=(_mean(totals), *lines))
        expected = ExpectedLength.of_posterior(inference.posterior, np.array([each.label_bits for each in lengths]))
        return Received(labels, inferred, expected.traces(), (str(expected), *lines))

    def speak(self, channel: Channel, shared: Shared, labels: IntArray, inference: Inference) -> Received:
        """Alice's side, the best of her draws; the predictor is the net that she drew."""
        return self.converse(channel, shared, labels, inference, self._best(channel, shared, labels, inference))

    def _message(self, shared: Shared, labels: IntArray, inference: Inference, draw: int) -> Sender:
        """Another message with the same posterior, its draw from other spare bits."""
        sender = Sender(seed=draw)
        self.converse(sender, shared, labels, inference)
        return sender

    def _best(self, channel: Channel, shared: Shared, labels: IntArray, inference: Inference) -> int:
        """The number of the draw with the fewest bits."""

        def bits(attempt: int) -> float:
            ledger = channel.rehearsal()
            self.converse(ledger, shared, labels, inference, attempt)
            return ledger.codelength(shared.num_classes).total_bits

        return min(range(self.coding.tries), key=bits) if self.coding.tries > 1 else 0

    def converse(
        self,
        channel: Channel,
        shared: Shared,
        labels: IntArray | None,
        inference: Inference | None,
        attempt: int | None = None,
    ) -> Received:
        """What is said once Alice has her posterior; Bob passes neither labels, inference nor the draw's number."""
        if self.coding.tries > 1:
            number = None if labels is None else np.array([attempt or 0])
            [attempt] = channel.send_uniform(number, 1, self.coding.tries, CHOICE)
            channel.scramble(int(attempt))
        layout = self.learner.layout(shared)
        prior = self._send_prior(channel, layout, None if inference is None else inference.posterior.levels)
        said = self.coding.transmit(channel, inference, prior, layout, self._send_kept(channel, layout, inference))
        net = with_weights(self.learner.initial(shared), said.weights)
        known = channel.send(labels, net.predict(shared.inputs))
        said.settle(lambda: self.learner.inference(shared, known))
        return Received(known, net)

    def _send_prior(self, channel: Channel, layout: Layout, levels: IntArray | None) -> Density:
        """What was learned of the prior, level by level; then both sides have it."""
        prior = self.learner.prior
        if not isinstance(prior, Gaussian | ScaleMixture):
            raise MdlError(f"prior '{prior.kind}' has no code")
        count = prior.num_levels(layout)
        return prior.density(layout, channel.send_uniform(levels, count, SCALE_LEVELS, "prior") if count else None)

    def _send_kept(self, channel: Channel, layout: Layout, inference: Inference | None) -> BoolArray:
        """Which weights (P,) are not 0: all of them but under a sparse prior."""
        if not isinstance(self.learner.prior, SparsePrior):
            return np.ones(len(layout), dtype=np.bool_)
        return send_masks(channel, layout, None if inference is None else inference.posterior.kept)


def _mean(totals: FloatArray) -> str:
    error = totals.std(ddof=1) / np.sqrt(len(totals))
    return f"mean of {len(totals)} other draws: {totals.mean():,.1f} bits (standard error {error:,.1f})"


def _line(message: Sender) -> str:
    length, net = message.codelength(2), 32 * (len(message.words()) - len(message.spare))
    return (
        f"a draw: prior and log2 q/p {length.model_bits:,.1f} + labels {length.label_bits:,.1f}"
        f" = {length.total_bits:,.1f} bits; message less spare bits {net:,}"
    )
