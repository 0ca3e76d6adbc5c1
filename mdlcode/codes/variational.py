"""The variational code: weights at the cost of a KL divergence, then the labels under them."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode import progress
from mdlcode.bayes import BayesLearner, CodedPrior, ExpectedLength, Gaussian, Layout, SparsePrior, with_weights
from mdlcode.bayes.bits_back import BitsBack
from mdlcode.bayes.densities import Density
from mdlcode.bayes.inference import Inference
from mdlcode.bayes.learner import BayesPredictor
from mdlcode.bayes.masks import send_masks
from mdlcode.bayes.posterior import NO_OTHERS, SCALE_LEVELS
from mdlcode.bayes.relative_entropy import RelativeEntropy
from mdlcode.codes.base import PreparedCode, Received, Transmission
from mdlcode.codes.choice import hold_shortest
from mdlcode.coding.channel import Channel, Ledger, Sender
from mdlcode.config import STRICT, kind_of
from mdlcode.data.base import Data, Shared
from mdlcode.errors import MdlError
from mdlcode.learn.turns import say_all
from mdlcode.nets.held import others
from mdlcode.typing import BoolArray, FloatArray, IntArray
from mdlcode.weights.others import send_others

Coding = Annotated[BitsBack | RelativeEntropy, Field(discriminator="kind")]


@dataclass(frozen=True, config=STRICT)
class Variational(PreparedCode):
    """KL(posterior, prior) + E_posterior[sum_i -log2 p_w(y_i | x_i)] (Blier & Ollivier 2018, definition 2).

    What is reported and sent is one draw w: its log2 q(w) / p(w), by `coding` bits-back, or the numbers of
    blocks, by relative entropy coding, and the labels' bits under w. What was learned of the prior is sent
    first, 8 bits a number, and after w what else a training changes, such as statistics of batch norms. `extra_draws`
    more draws, two or more, tell the expected length: `measure` alone makes them, and each takes as long as the first.
    """

    kind: Literal["variational"] = Field(default="variational", kw_only=True)
    learner: BayesLearner = BayesLearner()
    coding: Coding = BitsBack()
    extra_draws: int = Field(default=0, ge=0, le=10_000)

    def __post_init__(self) -> None:
        if self.extra_draws == 1:
            raise MdlError("one more draw tells no error of a mean: set `extra_draws` to 0, or to 2 and more")
        if not (self.learner.guide.independent and isinstance(self.learner.prior, CodedPrior)):
            guide, prior = self.learner.guide.kind, kind_of(self.learner.prior)
            raise MdlError(
                f"guide '{guide}' with prior '{prior}' has a bound (ExpectedLength) but no message:"
                " a code needs 'mean-field' and 'gaussian', 'sparse', 'scale-mixture' or another CodedPrior"
            )
        if isinstance(self.coding, RelativeEntropy) and type(self.learner.prior) is not Gaussian:
            raise MdlError("relative entropy coding draws from a Gaussian: take prior 'gaussian', or bits-back")

    @property
    def refines(self) -> bool:
        """Whether the posterior is fitted anew as weights are drawn, so that its KL is known draw by draw."""
        return isinstance(self.coding, BitsBack) and self.coding.refinement is not None

    def prepare(self, shared: Shared, labels: IntArray) -> BayesPredictor:
        """The posterior, inferred from all labels."""
        progress.start("variational", self.learner.steps(shared.num_labels))
        return self.learner.fit(shared, labels)

    def speak(
        self, channel: Channel, prepared: BayesPredictor | None, shared: Shared, labels: IntArray | None
    ) -> Received:
        """The shortest of `tries` draws, its number paid."""
        inference = None
        if prepared is not None and labels is not None:
            inference = self.learner.continued(prepared.posterior, shared, labels)
        draw = partial(self.draw, inference=inference, shared=shared, labels=labels)
        return hold_shortest(channel, [partial(draw, number=number) for number in range(self.coding.tries)])[0]

    def draw(
        self, channel: Channel, inference: Inference | None, shared: Shared, labels: IntArray | None, number: int = 0
    ) -> Received:
        """One draw: the prior, the weights, the labels; at the end Bob gives back what Alice borrowed.

        Bob passes neither inference nor labels. `number` is that of the pad through which spare bits are read.
        The predictor is the net that was drawn.
        """
        if number:
            channel.scramble(number)
        layout = self.learner.layout(shared)
        prior = self._send_prior(channel, layout, None if inference is None else inference.posterior.levels)
        said = self.coding.transmit(channel, inference, prior, layout, self._send_kept(channel, layout, inference))
        net = self.learner.initial(shared)
        start = others(net.net)
        net = with_weights(net, said.weights, NO_OTHERS if inference is None else inference.posterior.others)
        send_others(channel, net.net, start)
        known = say_all(channel, shared, labels, net)
        said.settle(partial(self._infer_again, shared, known))
        return Received(known, net)

    def measure(self, data: Data) -> Transmission:
        """As of `Code`; `extra_draws` more draws tell the expected length, as traces and notes."""
        if not self.extra_draws:
            return super().measure(data)
        shared, labels, ledger = data.shared, data.labels.copy(), Ledger()
        inferred = self.prepare(shared, labels)
        received = self.speak(ledger, inferred, shared, labels)
        received = self._with_extra_draws(received, inferred, shared, labels)
        return Transmission(ledger.codelength(shared.num_classes), received, ledger.spare)

    def _with_extra_draws(
        self, received: Received, inferred: BayesPredictor, shared: Shared, labels: IntArray
    ) -> Received:
        if not self.coding.repeats_inference:
            expected = ExpectedLength.of(inferred, shared, labels, self.extra_draws)
            return replace(received, traces=expected.traces(), notes=(str(expected),))
        inference = self.learner.continued(inferred.posterior, shared, labels)
        messages = [Sender(seed=number) for number in range(1, self.extra_draws + 1)]  # from other spare bits
        for each in messages:
            self.draw(each, inference, shared, labels)
        lines = tuple(map(_line, messages))
        lengths = [each.codelength(shared.num_classes) for each in messages]
        if self.refines:
            totals = np.array([each.total_bits for each in lengths])
            return replace(received, traces={"total_bits_by_draw": totals}, notes=(_mean(totals), *lines))
        expected = ExpectedLength.of_posterior(inference.posterior, np.array([each.label_bits for each in lengths]))
        return Received(labels, inferred, expected.traces(), (str(expected), *lines))

    def _infer_again(self, shared: Shared, labels: IntArray) -> Inference:
        """Bob's inference, once he has all labels."""
        return self.learner.continued(self.prepare(shared, labels).posterior, shared, labels)

    def _send_prior(self, channel: Channel, layout: Layout, levels: IntArray | None) -> Density:
        """What was learned of the prior, level by level; then both sides have it."""
        prior = self.learner.prior
        if not isinstance(prior, CodedPrior):
            raise MdlError(f"prior '{kind_of(prior)}' has no code")
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
