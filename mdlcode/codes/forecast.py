"""From experts' predictions to one: calibrate each on the labels sent so far, then mix them."""

import warnings
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from mdlcode.codelength import LABELS
from mdlcode.codes.calibration import Calibration
from mdlcode.codes.mixture import Mixture, Weights, sums_of
from mdlcode.codes.opinions import BinnedVariants, Opinions, RowsHeard, Variants, heard
from mdlcode.coding.binned import Binned
from mdlcode.coding.channel import Channel
from mdlcode.errors import TrainingError
from mdlcode.memory import keep_freed_memory
from mdlcode.typing import BoolArray, FloatArray, IntArray

_HELD = 1 << 17  # probabilities that are held at once: few enough for a processor's cache
_MOST_HELD = 1 << 20  # where these are of less than so many labels:
_FEW = 24


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
        keep_freed_memory()
        self._calibration = calibration
        prior = np.tile(calibration.prior, (num_experts, 1))
        self._variants = Weights(calibration.rule, prior)  # (E, G)
        self._experts = Weights(mixture, np.full((1, num_experts), 1.0 / num_experts))  # (1, E)
        self._dead = np.zeros(num_experts, dtype=bool)
        self._adapts = prior.size > 1
        self._num_rows = num_experts * len(calibration.temperatures)  # a label
        self.trace: list[FloatArray] = []  # expert_weights (m, E) at the labels sent, in pieces

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
        plain = not (self._adapts or bad.any())  # one expert, as it is
        if plain:
            self.trace.append(np.ones((count, 1)))
        sent = [np.zeros(0, dtype=np.int64)]
        for part in self._pieces(bad, self._step(said.width)):
            known = None if labels is None else labels[part]
            if plain:
                sent.append(channel.send_under(known, said.first(part), LABELS))
            else:
                self._bury(bad[:, part.start])
                sent.append(self._adapting(channel, said.variants(self._calibration, part), known))
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

    def _adapting(self, channel: Channel, variants: Variants, labels: IntArray | None) -> IntArray:
        """The labels (m,), each under the weights that those before it left. Alice, who knows them, mixes at once."""
        if labels is None:
            return np.concatenate([self._receive(channel, variants.at(i)) for i in range(len(variants))])
        weights = self._learn(variants.likelihoods(labels))
        return channel.send_under(labels, variants.model(weights), LABELS)

    def _receive(self, channel: Channel, variants: Variants) -> IntArray:
        """The next label (1,), from its variants alone."""
        label = channel.send_under(None, variants.model(self._weights[..., None]), LABELS)
        self._learn(variants.likelihoods(label))
        return label

    def _learn(self, likelihoods: FloatArray) -> FloatArray:
        """The weights (E, G, m) for labels to which the variants give these likelihoods (E, G, m)."""
        variants = self._variants.learn(likelihoods)
        if len(variants) == 1:
            self.trace.append(np.ones((variants.shape[2], 1)))
            return variants
        experts = self._experts.learn(sums_of(variants * likelihoods)[None])[0]  # (E, m)
        self.trace.append(experts.T)
        weights: FloatArray = np.multiply(experts[:, None], variants, out=likelihoods)
        return weights

    @property
    def _weights(self) -> FloatArray:
        """The weights (E, G) as they are."""
        return self.expert_weights[:, None] * self._variants.now

    def _standing(self, count: int) -> FloatArray:
        """The same for so many labels, (E, G, count)."""
        weights = self._weights[..., None]
        return np.broadcast_to(weights, (*weights.shape[:2], count))

    def _step(self, width: int) -> int:
        """How many labels at once."""
        each = self._num_rows * width
        return max(1, _HELD // each, min(_FEW, _MOST_HELD // each))

    def _pieces(self, bad: BoolArray, step: int) -> Iterator[slice]:
        """The labels in pieces. An expert that breaks does so at the start of one."""
        count = bad.shape[1]
        breaks = np.argmax(bad, axis=1)[bad.any(axis=1)]
        cuts = np.unique([*range(0, count, step), *breaks, count]).tolist()
        return (slice(*each) for each in pairwise(cuts))

    def _bury(self, bad: BoolArray) -> None:
        if (newly := bad & ~self._dead).any():
            self._dead |= newly
            if self._dead.all():
                raise TrainingError("every expert gave NaN: lower the learning rate, or name another learner")
            warnings.warn(f"expert {int(np.argmax(newly))} gave NaN and is dropped from here on", stacklevel=4)
            self._experts.drop(self._dead[None])
