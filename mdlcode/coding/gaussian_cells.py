"""Gaussians cut into the cells of an integer grid: what real-valued weights are sent and borrowed under."""

from collections.abc import Iterator
from dataclasses import dataclass

import constriction
import numpy as np
from scipy.special import erf

from mdlcode.coding.entropy_models import PARTS, Coder, EntropyModel, bits_of_parts
from mdlcode.errors import MdlError
from mdlcode.typing import FloatArray, IntArray

LARGEST_HALF = 2**15
_ENTROPY = 0.5 * np.log2(2 * np.pi * np.e)


@dataclass(frozen=True, eq=False)
class GaussianCells(EntropyModel):
    """Independent Gaussians; symbol k stands for the cell [k - 1/2, k + 1/2], the end cells for the tails.

    `mean` and `sd` (n,) are in steps of the grid. Symbol i lies within `half[i]` of `center[i]`. Every cell
    has at least 2^-24, as the coder gives it: 2^12 cells leak a share of 2^-12, evenly over the window. So
    a window is to be no wider than the Gaussian, where a draw that leaks still is a likely one.

    >>> cells = GaussianCells(np.zeros(1), np.ones(1), np.zeros(1, dtype=np.int64), np.array([8]))
    >>> cells.bits(np.array([0])).round(3)  # -log2 (Phi(1/2) - Phi(-1/2))
    array([1.385])
    """

    mean: FloatArray
    sd: FloatArray
    center: IntArray
    half: IntArray

    def __post_init__(self) -> None:
        if not (np.isfinite(self.mean).all() and np.isfinite(self.sd).all() and (self.sd > 0).all()):
            raise MdlError(
                "a weight's distribution has no density: its mean is not finite or its deviation not positive"
            )
        if self.half.size and self.half.max() > LARGEST_HALF:
            raise MdlError(f"a weight's grid has more than {2 * LARGEST_HALF} cells: take a coarser grid")

    def __len__(self) -> int:
        return len(self.mean)

    def bits(self, symbols: IntArray) -> FloatArray:
        """-log2 of the coder's probability of each symbol (n,).

        Raises MdlError for a symbol outside its window.
        """
        offset = (symbols - self.center).astype(np.float64)
        if (np.abs(offset) > self.half).any():
            raise MdlError("a weight lies outside its grid: give the grid more range")
        lower = np.where(offset == -self.half, 0, self._parts_below(offset - 0.5) + offset + self.half)
        upper = np.where(offset == self.half, PARTS, self._parts_below(offset + 0.5) + offset + self.half + 1)
        return bits_of_parts(upper - lower)

    def _parts_below(self, edge: FloatArray) -> FloatArray:
        """What lies below an edge (n,) between cells of the parts that are left when every cell has one."""
        scaled = (edge - (self.mean - self.center)) / (self.sd * np.sqrt(2))
        parts: FloatArray = np.floor((PARTS - 2 * self.half - 1) * ((1 + erf(scaled)) / 2))
        return parts

    def entropy_bits(self) -> float:
        """About how many bits one draw of all takes: sum of log2(sd sqrt(2 pi e)), at least 0 each."""
        return float(np.maximum(_ENTROPY + np.log2(self.sd), 0.0).sum())

    def push(self, coder: Coder, symbols: IntArray) -> None:
        """Puts the symbols on an ANS stack, so that `pop` gives them back."""
        for half, which in reversed(list(self._groups())):
            offset = (symbols - self.center)[which].astype(np.int32)
            coder.encode_reverse(offset, _model(half), *self._parameters(which))

    def pop(self, coder: Coder) -> IntArray:
        """Takes the symbols (n,) from an ANS stack; from random words it is a draw of them."""
        symbols = self.center.copy()
        for half, which in self._groups():
            symbols[which] += np.asarray(coder.decode(_model(half), *self._parameters(which)), dtype=np.int64)
        return symbols

    def _groups(self) -> Iterator[tuple[int, IntArray]]:
        # The coder takes one window a call.
        for half in np.unique(self.half):
            yield int(half), np.flatnonzero(self.half == half)

    def _parameters(self, which: IntArray) -> tuple[FloatArray, FloatArray]:
        return (self.mean - self.center)[which], self.sd[which]


def gaussian_cells(mean: FloatArray, sd: FloatArray, deviations: float = 5.0) -> GaussianCells:
    """The cells of Gaussians with windows that reach at least so many deviations and 4 steps to each side.

    Windows come in four sizes an octave, since the coder takes those of one size in one call.

    >>> gaussian_cells(np.array([100.2]), np.array([2.0])).half
    array([12])
    """
    reach = np.maximum(deviations * sd + 0.5, 4.0)
    octave = 2.0 ** np.floor(np.log2(reach))
    half = np.ceil(np.ceil(4 * reach / octave) * octave / 4).astype(np.int64)
    return GaussianCells(mean, sd, np.rint(mean).astype(np.int64), np.minimum(half, LARGEST_HALF))


def _model(half: int) -> "constriction.stream.model.QuantizedGaussian":
    return constriction.stream.model.QuantizedGaussian(-half, half)
