"""From experts' predictions to one: calibrate each on the labels sent so far, then mix them."""

import warnings

import numpy as np
from numpy.typing import NDArray

from mdlcode.codes.calibration import Calibration
from mdlcode.codes.mixture import Mixture, Weights
from mdlcode.coding.channel import Channel, smooth
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

    def transmit(self, channel: Channel, experts: FloatArray, labels: IntArray | None) -> IntArray:
        """The labels (m,) of a block, sent under the experts' predictions (E, m, K) for it.

        An expert whose row is not finite is left out from that label on, on both sides, with a warning.
        """
        count = experts.shape[1]
        bad = _broken(experts)
        if not (self._variants.now.size > 1 or bad.any()):  # nothing to adapt: the block goes at once
            self.trace += [self.expert_weights] * count
            return channel.send(labels, experts[0])
        step = self._step(experts.shape[2])
        sent = []
        for part in (slice(start, start + step) for start in range(0, count, step)):
            variants = self._calibration.variants(_usable(experts[:, part], bad[:, part]))  # (E, G, m, K)
            known = None if labels is None else labels[part]
            sent.append(self._adapting(channel, variants, bad[:, part], known))
        return np.concatenate(sent)

    def predict(self, experts: FloatArray) -> FloatArray:
        """Probabilities (m, K) with the weights as they stand, from the experts' (E, m, K)."""
        usable, step = _usable(experts, _broken(experts)), self._step(experts.shape[2])
        starts = range(0, usable.shape[1], step)
        return np.concatenate([self._fixed(self._calibration.variants(usable[:, i : i + step])) for i in starts])

    def _adapting(
        self, channel: Channel, variants: FloatArray, bad: NDArray[np.bool_], labels: IntArray | None
    ) -> IntArray:
        """The labels (m,), each under the weights that those before it left. Alice, who knows them, mixes at once."""
        if labels is None:
            return np.array([self._receive(channel, variants[:, :, i : i + 1], each) for i, each in enumerate(bad.T)])
        likelihoods = np.moveaxis(variants[:, :, np.arange(len(labels)), labels], 2, 0)  # (m, E, G)
        weights = np.stack([self._weigh(*each) for each in zip(np.ascontiguousarray(likelihoods), bad.T, strict=True)])
        return channel.send(labels, _mixed(weights, variants))

    def _weigh(self, likelihood: FloatArray, bad: NDArray[np.bool_]) -> FloatArray:
        """The weights (E, G) for a label, which the experts' variants then give this likelihood (E, G)."""
        weights = self._ready(bad)
        self._learn(likelihood)
        return weights

    def _receive(self, channel: Channel, variants: FloatArray, bad: NDArray[np.bool_]) -> int:
        """The next label, from its variants (E, G, 1, K)."""
        label = int(channel.send(None, _mixed(self._ready(bad)[None], variants))[0])
        self._learn(variants[:, :, 0, label])
        return label

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

    def _fixed(self, variants: FloatArray) -> FloatArray:
        return _mixed(np.broadcast_to(self._weights(), (variants.shape[2], *variants.shape[:2])), variants)

    def _step(self, num_classes: int) -> int:
        return max(1, _HELD // (self._variants.now.size * num_classes))

    def _bury(self, bad: NDArray[np.bool_]) -> None:
        if bad.any() and (newly := bad & ~self._dead).any():
            self._dead |= newly
            if self._dead.all():
                raise TrainingError("every expert gave NaN: lower the learning rate, or name another learner")
            warnings.warn(f"expert {int(np.argmax(newly))} gave NaN and is dropped from here on", stacklevel=4)
            self._experts.drop(self._dead[None])


def _mixed(weights: FloatArray, variants: FloatArray) -> FloatArray:
    """The rows (m, K) that weights (m, E, G) make of variants (E, G, m, K).

    A row's bits do not depend on how many rows there are: Bob mixes one by one what Alice mixes at once.
    """
    shares = weights.reshape(len(weights), -1).T[:, :, None] * variants.reshape(-1, *variants.shape[2:])
    mixed: FloatArray = shares.sum(axis=0)  # one variant after another, since the first axis is the outermost
    return mixed


def _broken(experts: FloatArray) -> NDArray[np.bool_]:
    """Which rows (E, m) of the predictions (E, m, K) are not finite."""
    return np.logical_not(np.isfinite(experts).all(axis=2))


def _usable(experts: FloatArray, bad: NDArray[np.bool_]) -> FloatArray:
    """Smoothed rows; those that are no probabilities become uniform (their expert has no weight)."""
    num_experts, count, num_classes = experts.shape
    rows = np.where(bad[:, :, None], 1.0 / num_classes, experts)
    return smooth(rows.reshape(-1, num_classes)).reshape(num_experts, count, num_classes)
