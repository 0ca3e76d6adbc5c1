"""From experts' predictions to one: calibrate each on the labels sent so far, then mix them."""

import warnings

import numpy as np
from numpy.typing import NDArray

from mdlcode.codelength import LABELS
from mdlcode.codes.calibration import Calibration
from mdlcode.codes.mixture import Mixture, Weights
from mdlcode.codes.opinions import BinnedVariants, Opinions, RowsHeard, Variants, heard
from mdlcode.coding.binned import Binned
from mdlcode.coding.channel import Channel
from mdlcode.errors import TrainingError
from mdlcode.typing import FloatArray, IntArray

_HELD = 1 << 22  # probabilities of calibrated variants that are held at once


class Forecaster:
    """Two layers of running mixtures: each expert's calibrated variants, then the experts.

    >>> from mdlcode.coding.channel import Ledger
    >>> from mdlcode.codes import Bayes, Identity
    >>> forecaster, ledger = Forecaster(2, Identity(), Bayes()), Ledger()
    >>> experts = np.array([[[0.9, 0.1]], [[0.5, 0.5]]])  # two experts, one label, two classes
    >>> _ = forecaster.transmit(ledger, experts, np.array([0]))
    >>> round(2 ** -ledger.codelength(2).total_bits, 3), forecaster.expert_weights.round(3)
    (0.7, array([0.643, 0.357]))
    """

    def __init__(self, num_experts: int, calibration: Calibration, mixture: Mixture) -> None:
        self._calibration = calibration
        prior = np.tile(calibration.prior, (num_experts, 1))
        self._variants = Weights(calibration.rule, prior)  # (E, G)
        self._experts = Weights(mixture, np.full((1, num_experts), 1.0 / num_experts))  # (1, E)
        self._dead = np.zeros(num_experts, dtype=bool)
        self.trace: list[FloatArray] = []  # expert_weights at each label sent

    @property
    def expert_weights(self) -> FloatArray:
        """The experts' weights (E,) for the next label."""
        weights: FloatArray = self._experts.now[0]
        return weights

    def transmit(self, channel: Channel, experts: Opinions, labels: IntArray | None) -> IntArray:
        """The labels (m,) of a block, sent under the experts' predictions for it: (E, m, K), or E models of bins.

        An expert whose row is not finite is left out from that label on, on both sides, with a warning.
        """
        said = heard(experts)
        bad, count = said.broken(), len(said)
        if not (self._variants.now.size > 1 or bad.any()):  # nothing to adapt: the block goes at once
            self.trace += [self.expert_weights] * count
            return channel.send_under(labels, said.first(), LABELS)
        step = self._step(said.width)
        sent = []
        for part in (slice(start, min(start + step, count)) for start in range(0, count, step)):
            variants = said.variants(self._calibration, part)
            known = None if labels is None else labels[part]
            sent.append(self._adapting(channel, variants, bad[:, part], known))
        return np.concatenate(sent)

    def predict(self, experts: FloatArray) -> FloatArray:
        """Probabilities (m, K) with the weights as they stand, from the experts' (E, m, K)."""
        said = RowsHeard(experts)
        count, step = len(said), self._step(said.width)
        parts = (said.variants(self._calibration, slice(i, min(i + step, count))) for i in range(0, count, step))
        return np.concatenate([each.mixed(self._standing(len(each))) for each in parts])

    def model(self, experts: tuple[Binned, ...]) -> Binned:
        """The distributions over bins with the weights as they stand, from the experts' models of m rows."""
        variants = BinnedVariants.of(experts, self._calibration)
        return variants.model(self._standing(len(variants)))

    def _adapting(
        self, channel: Channel, variants: Variants, bad: NDArray[np.bool_], labels: IntArray | None
    ) -> IntArray:
        """The labels (m,), each under the weights that those before it left. Alice, who knows them, mixes at once."""
        if labels is None:
            return np.array([self._receive(channel, variants.at(i), each) for i, each in enumerate(bad.T)])
        likelihoods = variants.likelihoods(labels)
        weights = np.stack([self._weigh(*each) for each in zip(likelihoods, bad.T, strict=True)])
        return channel.send_under(labels, variants.model(weights), LABELS)

    def _weigh(self, likelihood: FloatArray, bad: NDArray[np.bool_]) -> FloatArray:
        """The weights (E, G) for a label, which the experts' variants then give this likelihood (E, G)."""
        weights = self._ready(bad)
        self._learn(likelihood)
        return weights

    def _receive(self, channel: Channel, variants: Variants, bad: NDArray[np.bool_]) -> int:
        """The next label, from its variants alone."""
        label = channel.send_under(None, variants.model(self._ready(bad)[None]), LABELS)
        self._learn(variants.likelihoods(label)[0])
        return int(label[0])

    def _ready(self, bad: NDArray[np.bool_]) -> FloatArray:
        """The weights (E, G) for the next label, without the experts that are bad at it."""
        self._bury(bad)
        self.trace.append(self.expert_weights)
        return self._weights()

    def _learn(self, likelihood: FloatArray) -> None:
        self._experts.learn(self._variants.learn(likelihood)[None])

    def _weights(self) -> FloatArray:
        weights: FloatArray = self.expert_weights[:, None] * self._variants.now  # (E, G)
        return weights

    def _standing(self, count: int) -> FloatArray:
        return np.broadcast_to(self._weights(), (count, *self._variants.now.shape))

    def _step(self, width: int) -> int:
        return max(1, _HELD // (self._variants.now.size * width))

    def _bury(self, bad: NDArray[np.bool_]) -> None:
        if bad.any() and (newly := bad & ~self._dead).any():
            self._dead |= newly
            if self._dead.all():
                raise TrainingError("every expert gave NaN: lower the learning rate, or name another learner")
            warnings.warn(f"expert {int(np.argmax(newly))} gave NaN and is dropped from here on", stacklevel=4)
            self._experts.drop(self._dead[None])
