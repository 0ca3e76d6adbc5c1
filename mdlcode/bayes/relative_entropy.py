"""Relative entropy coding: a draw near the posterior, named by its number in a shared list of prior draws."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode.bayes.bits_back import Said
from mdlcode.bayes.densities import Density
from mdlcode.bayes.inference import Inference
from mdlcode.bayes.posterior import Layout, MeanField
from mdlcode.coding.channel import Channel
from mdlcode.config import STRICT, Seed, Settings
from mdlcode.typing import BoolArray, FloatArray, IntArray

_KEY = 6
_MOST_BLOCKS = 1 << 16
_CHUNK = 1 << 12  # candidates compared at once: small beside the weights' own memory


@dataclass(frozen=True, config=STRICT)
class RelativeEntropy(Settings):
    """Blocks of weights, each as the best of 2^`bits` draws from the prior (Havasi et al. 2019, MIRACLE).

    The weights are shuffled and cut into equal blocks whose mean KL is `bits` less `slack`. Both sides
    draw the same list of candidates z, one for all blocks; a block is sent as the number of the one with
    the largest q(w) / p(w), w = z times the prior deviation: which is the most likely one for the labels, as
    far as the posterior tells. `bits` a block, and 16 for their number, are paid. Bob repeats no inference.
    """

    kind: Literal["relative-entropy"] = Field(default="relative-entropy", kw_only=True)
    bits: int = Field(default=16, ge=1, le=16)
    slack: float = Field(default=2.0, ge=0)
    seed: Seed = 0

    repeats_inference: ClassVar[bool] = False
    tries: ClassVar[int] = 1

    def transmit(
        self, channel: Channel, inference: Inference | None, prior: Density, layout: Layout, kept: BoolArray
    ) -> Said:
        """The number of each block's candidate, all weights being kept.

        Bob passes no inference, and has no spare bits to return at the end.
        """
        posterior = None if inference is None else inference.posterior
        count = None if posterior is None else np.array([self._num_blocks(posterior.kl_bits) - 1])
        [blocks] = channel.send_uniform(count, 1, _MOST_BLOCKS, "blocks") + 1
        chosen = None if posterior is None else self._chosen(posterior, int(blocks))
        numbers = channel.send_uniform(chosen, int(blocks), 2**self.bits, "weights")
        return Said(self._weights(numbers, prior), lambda infer: None)

    def _weights(self, numbers: IntArray, prior: Density) -> FloatArray:
        """The weights (P,) that the numbers (B,) of candidates stand for."""
        size = -(-len(prior) // len(numbers))
        weights = np.empty(len(prior))
        weights[self._order(len(prior))] = self._candidates(size)[numbers].reshape(-1)[: len(prior)]
        return weights * prior.scale

    def _num_blocks(self, kl_bits: FloatArray) -> int:
        blocks = np.ceil(kl_bits.sum() / max(self.bits - self.slack, 1.0))
        return int(np.clip(blocks, 1, min(_MOST_BLOCKS, len(kl_bits))))

    def _chosen(self, posterior: MeanField, blocks: int) -> IntArray:
        """argmax over candidates z of log q(w) / p(w) = sum_i -a_i z_i^2 + b_i z_i, up to a constant."""
        count = len(posterior.layout)
        size, order = -(-count // blocks), self._order(count)
        ratio, shift = posterior.prior.scale / posterior.sd, posterior.mean / posterior.sd
        curve, slope = np.zeros(blocks * size), np.zeros(blocks * size)
        curve[:count], slope[:count] = 0.5 * (1 - ratio**2)[order], (ratio * shift)[order]
        best, chosen = np.full(blocks, -np.inf), np.zeros(blocks, dtype=np.int64)
        candidates = self._candidates(size)
        for start in range(0, len(candidates), _CHUNK):
            z = candidates[start : start + _CHUNK]
            scores = z**2 @ curve.reshape(blocks, size).T + z @ slope.reshape(blocks, size).T  # (chunk, B)
            first = scores.argmax(axis=0)
            top = scores[first, np.arange(blocks)]
            chosen = np.where(top > best, start + first, chosen)
            best = np.maximum(best, top)
        return chosen

    def _candidates(self, size: int) -> FloatArray:
        return self._random(0).standard_normal((2**self.bits, size))

    def _order(self, count: int) -> IntArray:
        return self._random(1).permutation(count)

    def _random(self, stream: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(key=[_KEY + 2 * self.seed, stream]))
