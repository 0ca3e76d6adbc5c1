"""From experts' predictions to one: calibrate each on the labels sent so far, then mix them."""

import warnings

import numpy as np
from numpy.typing import NDArray

from mdlcode.codes.calibration import Calibration
from mdlcode.codes.mixture import Mixture, Weights
from mdlcode.coding.channel import Channel, smooth
from mdlcode.errors import TrainingError
from mdlcode.typing import FloatArray, IntArray

_CHUNK = 1024  # labels whose calibrated variants are held at once


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
        sent = []
        for start in range(0, count, _CHUNK):
            part = slice(start, start + _CHUNK)
            variants = self._calibration.variants(_usable(experts[:, part], bad[:, part]))
            for i, each in enumerate(np.ascontiguousarray(np.moveaxis(variants, 2, 0)), start):  # (E, G, K)
                self._bury(bad[:, i])
                sent.append(self._transmit_one(channel, each, None if labels is None else labels[i : i + 1]))
        return np.concatenate(sent)

    def predict(self, experts: FloatArray) -> FloatArray:
        """Probabilities (m, K) with the weights as they stand, from the experts' (E, m, K)."""
        usable = _usable(experts, _broken(experts))
        starts = range(0, usable.shape[1], _CHUNK)
        return np.concatenate([self._mix(self._calibration.variants(usable[:, i : i + _CHUNK])) for i in starts])

    def _transmit_one(self, channel: Channel, variants: FloatArray, label: IntArray | None) -> IntArray:
        self.trace.append(self.expert_weights)
        sent = channel.send(label, self._mix(variants)[None])
        likelihood = variants[:, :, sent[0]]  # (E, G)
        self._experts.learn(self._variants.learn(likelihood)[None])
        return sent

    def _mix(self, variants: FloatArray) -> FloatArray:  # (E, G, ..., K) -> (..., K)
        weights = self.expert_weights[:, None] * self._variants.now
        mixed: FloatArray = weights.reshape(-1) @ variants.reshape(weights.size, -1)
        return mixed.reshape(variants.shape[2:])

    def _bury(self, bad: NDArray[np.bool_]) -> None:
        if bad.any() and (newly := bad & ~self._dead).any():
            self._dead |= newly
            if self._dead.all():
                raise TrainingError("the training ran to NaN in every expert: lower the learning rate")
            warnings.warn(f"expert {int(np.argmax(newly))} gave NaN and is dropped from here on", stacklevel=4)
            self._experts.drop(self._dead[None])


def _broken(experts: FloatArray) -> NDArray[np.bool_]:
    """Which rows (E, m) of the predictions (E, m, K) are not finite."""
    return np.logical_not(np.isfinite(experts).all(axis=2))


def _usable(experts: FloatArray, bad: NDArray[np.bool_]) -> FloatArray:
    """Smoothed rows; those that are no probabilities become uniform (their expert has no weight)."""
    num_experts, count, num_classes = experts.shape
    rows = np.where(bad[:, :, None], 1.0 / num_classes, experts)
    return smooth(rows.reshape(-1, num_classes)).reshape(num_experts, count, num_classes)
