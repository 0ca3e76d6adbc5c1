"""Bits-back: weights drawn from the posterior with spare bits, and sent under the prior."""

from collections.abc import Callable, Iterator
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode.bayes.posterior import Layout, MeanField
from mdlcode.cells import Cells, cells
from mdlcode.channel import Channel
from mdlcode.config import STRICT
from mdlcode.typing import FloatArray, IntArray


@dataclass(frozen=True, config=STRICT)
class BitsBack:
    """log2 q(w) / p(w) bits for weights w on a grid (Hinton & van Camp 1993; Honkela & Valpola 2004).

    Alice pops w from spare bits under the posterior q and sends it under the prior p. Bob, once he has the
    labels too, repeats her inference and puts w back under q: the spare bits are his. The grid's step
    is the prior deviation / 2^`step_bits`, its reach 2^`range_bits` prior deviations; beyond 2^13 cells the
    coder's 24 bits begin to cost: every cell has at least 2^-24. Of `tries` draws, from the spare bits under
    as many pads, the one with the shortest message is sent, and its number paid.
    """

    kind: Literal["bits-back"] = Field(default="bits-back", kw_only=True)
    step_bits: int = Field(default=7, ge=1, le=12)
    range_bits: int = Field(default=4, ge=1, le=8)
    tries: int = Field(default=1, ge=1, le=2**16)

    # Whether Bob can, and must, repeat the inference: then he has the posterior too.
    repeats_inference: ClassVar[bool] = True

    def transmit(self, channel: Channel, posterior: MeanField | None, prior_sd: FloatArray, layout: Layout) -> IntArray:
        """The weights' cells (P,), the bits of each tensor as a part of its name; Bob passes no posterior."""
        pieces = []
        for name, which in _tensors(layout):
            loan = None if posterior is None else self._posterior(posterior, which)
            drawn = None if loan is None else channel.borrow(loan, name)
            pieces.append(channel.send_cells(drawn, self._prior(prior_sd[which]), name))
        return np.concatenate(pieces)

    def weights(self, symbols: IntArray, prior_sd: FloatArray) -> FloatArray:
        """The weights (P,) in the middle of their cells."""
        weights: FloatArray = symbols * self._step(prior_sd)
        return weights

    def settle(self, channel: Channel, symbols: IntArray, layout: Layout, infer: Callable[[], MeanField]) -> None:
        """Bob, who has the labels now, infers the posterior and gives the spare bits back."""
        if channel.sending:
            return
        posterior = infer()
        for _, which in reversed(list(_tensors(layout))):
            channel.give_back(symbols[which], self._posterior(posterior, which))

    def _step(self, prior_sd: FloatArray) -> FloatArray:
        step: FloatArray = prior_sd * 2.0**-self.step_bits
        return step

    def _prior(self, prior_sd: FloatArray) -> Cells:
        zero, half = np.zeros(len(prior_sd)), 2 ** (self.step_bits + self.range_bits)
        return Cells(zero, zero + 2.0**self.step_bits, zero.astype(np.int64), np.full(len(zero), half))

    def _posterior(self, posterior: MeanField, which: slice) -> Cells:
        step = self._step(posterior.prior_sd[which])
        return cells(posterior.mean[which] / step, posterior.sd[which] / step)


def _tensors(layout: Layout) -> Iterator[tuple[str, slice]]:
    end = 0
    for name, size in zip(layout.names, layout.sizes, strict=True):
        start, end = end, end + size
        yield name, slice(start, end)
