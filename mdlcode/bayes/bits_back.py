"""Bits-back: weights drawn from the posterior with spare bits, and sent under the prior."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass as plain_dataclass
from functools import partial
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode.bayes.densities import Density
from mdlcode.bayes.inference import Inference
from mdlcode.bayes.posterior import Layout, MeanField
from mdlcode.bayes.refinement import Refinement
from mdlcode.coding.channel import Channel
from mdlcode.coding.entropy_models import Categories
from mdlcode.coding.gaussian_cells import GaussianCells, gaussian_cells
from mdlcode.config import STRICT, Settings
from mdlcode.typing import BoolArray, FloatArray, IntArray

_LEAST_SHARE = 2.0**-20  # of a component, so that the coder has it


Stage = list[tuple[str, IntArray]]


@plain_dataclass(frozen=True, eq=False)
class Said:
    """The weights (P,) that both sides hold after they were sent.

    Bob calls `settle` at the end: then he has the labels, infers the posterior too, and returns the spare bits.
    """

    weights: FloatArray
    settle: Callable[[Callable[[], Inference]], None]


@plain_dataclass(frozen=True, eq=False)
class _Drawn:
    """Some weights as they were drawn: their cells, and which Gaussian of the prior each was sent under."""

    which: IntArray  # (m,) of the P weights
    symbols: IntArray  # (m,)
    components: IntArray | None  # (m,), none where the prior has one Gaussian


@dataclass(frozen=True, config=STRICT)
class BitsBack(Settings):
    """log2 q(w) / p(w) bits for weights w on a grid (Hinton & van Camp 1993; Honkela & Valpola 2004).

    Alice decodes w from spare bits under the posterior q, which draws w from q, and sends it under the prior p.
    When Bob has the labels too, he repeats her inference and encodes w under q, which returns the spare bits.
    If the prior is a mixture, Alice also draws the number z of one of its Gaussians from p(z | w) in this way and
    sends z first; then w costs what its density under the mixture says.

    With a `refinement` the weights are drawn and sent part by part, and q is fitted again to the parts drawn
    before, so that q(w) is a product of conditional densities. The grid has the step scale / 2^`step_bits` and
    reaches 2^`range_bits` scales to each side, where scale is the prior's. More than 2^13 cells make messages
    longer, because the coder gives every cell a probability of at least 2^-24. With several `tries`, that many
    draws are made, the one with the shortest message is sent, and log2(tries) bits are paid for its number.
    """

    kind: Literal["bits-back"] = Field(default="bits-back", kw_only=True)
    step_bits: int = Field(default=7, ge=1, le=12)
    range_bits: int = Field(default=4, ge=1, le=8)
    tries: int = Field(default=1, ge=1, le=2**16)
    refinement: Refinement | None = None

    # Whether Bob can, and must, repeat the inference: then he has the posterior too.
    repeats_inference: ClassVar[bool] = True

    def transmit(
        self, channel: Channel, inference: Inference | None, prior: Density, layout: Layout, kept: BoolArray
    ) -> Said:
        """The weights that are `kept` (P,), others being 0, the bits of each tensor as a part of its name.

        Bob passes no inference.
        """
        drawn: list[_Drawn] = []
        stages = self._stages(layout, kept)
        for stage in stages:
            if inference is not None and drawn:
                inference = self._refined(inference, drawn, prior, kept)
            for name, which in stage:
                loan = None if inference is None else self._posterior(inference.posterior, which)
                symbols = None if loan is None else channel.borrow(loan, name)
                drawn.append(self._send(channel, symbols, which, prior.take(which), name))
        return Said(self._weights(drawn, prior, kept), partial(self._settle, channel, drawn, prior, stages, kept))

    def _settle(
        self,
        channel: Channel,
        drawn: list[_Drawn],
        prior: Density,
        stages: list[Stage],
        kept: BoolArray,
        infer: Callable[[], Inference],
    ) -> None:
        """Bob, who has the labels now, infers the posteriors and gives the spare bits back."""
        if channel.sending:
            return
        inference, loans = infer(), list[GaussianCells]()
        for stage in stages:
            if loans:
                inference = self._refined(inference, drawn[: len(loans)], prior, kept)
            loans += [self._posterior(inference.posterior, which) for _, which in stage]
        for each, loan in reversed(list(zip(drawn, loans, strict=True))):
            if each.components is not None:
                channel.give_back(each.components, self._which_component(each.symbols, prior.take(each.which)))
            channel.give_back(each.symbols, loan)

    def _weights(self, drawn: Sequence[_Drawn], prior: Density, kept: BoolArray) -> FloatArray:
        """The weights (P,) in the middle of their cells; NaN where none was drawn yet."""
        weights, steps = np.where(kept, np.nan, 0.0), self._step(prior)
        for each in drawn:
            weights[each.which] = each.symbols * steps[each.which]
        return weights

    def _stages(self, layout: Layout, kept: BoolArray) -> list[Stage]:
        """Which weights of each tensor are drawn in each stage."""
        stages = [list(_tensors(layout))] if self.refinement is None else self.refinement.stages(layout)
        cut = [[(name, which[kept[which]]) for name, which in stage] for stage in stages]
        full = [[(name, which) for name, which in stage if len(which)] for stage in cut]
        return [stage for stage in full if stage]

    def _refined(self, inference: Inference, drawn: Sequence[_Drawn], prior: Density, kept: BoolArray) -> Inference:
        assert self.refinement is not None
        return inference.refined(self.refinement, self._weights(drawn, prior, kept))

    def _send(self, channel: Channel, symbols: IntArray | None, which: IntArray, prior: Density, part: str) -> _Drawn:
        if len(prior.components) == 1:
            return _Drawn(which, channel.send_under(symbols, self._grid(prior, prior.scale), part), None)
        numbers = None
        if symbols is not None:
            numbers = channel.borrow(self._which_component(symbols, prior), part)
        shares = np.stack([share for share, _ in prior.components], axis=1)  # (m, 2)
        known = channel.send(numbers, shares, part)
        scales = np.stack([sd for _, sd in prior.components], axis=1)[np.arange(len(known)), known]
        return _Drawn(which, channel.send_under(symbols, self._grid(prior, scales), part), known)

    def _which_component(self, symbols: IntArray, prior: Density) -> Categories:
        """p(z | w): which Gaussian of the prior a weight may have come from."""
        logs = [np.log2(share) - self._grid(prior, sd).bits(symbols) for share, sd in prior.components]
        first = 1 / (1 + np.exp2(np.clip(logs[1] - logs[0], -100, 100)))
        first = np.clip(first, _LEAST_SHARE, 1 - _LEAST_SHARE)
        return Categories(np.stack([first, 1 - first], axis=1))

    def _step(self, prior: Density) -> FloatArray:
        step: FloatArray = prior.scale * 2.0**-self.step_bits
        return step

    def _grid(self, prior: Density, sd: FloatArray) -> GaussianCells:
        """The cells of N(0, sd^2) on the grid of the prior, in the prior's reach."""
        zero, half = np.zeros(len(prior)), 2 ** (self.step_bits + self.range_bits)
        return GaussianCells(zero, sd / self._step(prior), zero.astype(np.int64), np.full(len(zero), half))

    def _posterior(self, posterior: MeanField, which: IntArray) -> GaussianCells:
        step = self._step(posterior.prior.take(which))
        return gaussian_cells(posterior.mean[which] / step, posterior.sd[which] / step)


def _tensors(layout: Layout) -> Iterator[tuple[str, IntArray]]:
    end = 0
    for name, size in zip(layout.names, layout.sizes, strict=True):
        start, end = end, end + size
        yield name, np.arange(start, end)
