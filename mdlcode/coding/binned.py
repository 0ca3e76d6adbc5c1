"""Distributions over many ordered bins, as real numbers at a precision have: given by what lies below an edge.

No row of all K masses is made. A label is sent in two symbols, the cell of about sqrt(K) bins that it lies in and its
bin within the cell, each under differences of the cumulative function. So 2^22 bins take little time, and the coder's
2^24 parts are shared out twice among few symbols instead of once among many.
"""

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from scipy.special import expm1, ndtr, stdtr

from mdlcode.coding.entropy_models import Categories, Coder, EntropyModel, Told
from mdlcode.typing import BoolArray, FloatArray, IntArray

FamilyName = Literal["gaussian", "laplace", "student-t"]
UNIFORM_SHARE = 2.0**-16
MOST_BINS = 2**22
_MASSES_AT_ONCE = 2**20


class Binned(EntropyModel):
    """n distributions over bins 0 .. K-1 by their cumulative functions, bin k being the interval from k to k + 1.

    Each is mixed with the share 2^-16 of the uniform distribution, as `smooth` does for rows of classes. So a label
    costs at most 16 + log2 K bits (and what the coder rounds), however far it lies from where it was expected, and
    others cost 2^-15.5 bits more.
    """

    num_bins: int

    @abstractmethod
    def below(self, edges: IntArray) -> FloatArray:
        """Probability (n, J) below edges of 0 .. K, (J,) or (n, J), before mixing: 0 below 0, and 1 below K."""

    @abstractmethod
    def tempered(self, rows: IntArray, temperatures: FloatArray) -> "Binned":
        """The distributions of these rows (m,), each made wider or narrower by a temperature (m,); 1 leaves it."""

    @abstractmethod
    def broken(self) -> BoolArray:
        """Which of them (n,) are no distributions, since a number is NaN or infinite."""

    def take(self, rows: IntArray) -> "Binned":
        """The distributions of these rows."""
        return self.tempered(rows, np.ones(len(rows)))

    def masses(self, symbols: IntArray) -> FloatArray:
        """The probability (n,) of a bin of each, mixed with the uniform distribution."""
        edges = self.below(np.stack([symbols, symbols + 1], axis=-1))
        return _mixed(edges[..., 1] - edges[..., 0], 1 / self.num_bins)

    def rows(self) -> FloatArray:
        """The probabilities (n, K) of all bins: for few bins."""
        return _mixed(np.diff(self.below(np.arange(self.num_bins + 1)), axis=1), 1 / self.num_bins)

    def medians(self) -> IntArray:
        """The bin (n,) in which the probability passes one half."""
        low, high = np.zeros(len(self), dtype=np.int64), np.full(len(self), self.num_bins)
        while (open_ := high - low > 1).any():
            middle = (low + high) // 2
            lower = self.below(middle[:, None])[:, 0] <= 0.5
            low, high = np.where(open_ & lower, middle, low), np.where(open_ & ~lower, middle, high)
        return low

    def bits(self, symbols: IntArray) -> FloatArray:
        """As of `EntropyModel`."""
        return self.told(symbols).bits(symbols)

    def entropy_bits(self) -> float:
        """As of `EntropyModel`, of the cells, and at most log2 of their size for the bin within."""
        cells = [self.take(rows)._cells().entropy_bits() for rows in self._chunks()]
        return math.fsum(cells) + len(self) * math.log2(self._cell_size)

    def told(self, symbols: IntArray) -> "ToldBins":
        """As of `EntropyModel`: 18 bytes a label."""
        pairs = [self.take(rows)._pairs(symbols[rows]) for rows in self._chunks()]
        return ToldBins(Told.joined([model.told(each) for each, model in pairs]))

    def push(self, coder: Coder, symbols: IntArray) -> None:
        """As of `EntropyModel`."""
        self.told(symbols).push(coder, symbols)

    def pop(self, coder: Coder) -> IntArray:
        """As of `EntropyModel`; label by label, since the bins within a cell are known only with the cell."""
        popped = []
        for rows in self._chunks():
            part, cells = self.take(rows), self.take(rows)._cells()
            for i in range(len(rows)):
                cell = Categories(cells.probs[i : i + 1]).pop(coder)
                within = part.take(np.array([i]))._within(cell).pop(coder)
                popped.append(cell * self._cell_size + within)
        return np.concatenate([np.zeros(0, dtype=np.int64), *popped])

    @property
    def _cell_size(self) -> int:
        """Bins of a cell: the least power of two, at least 2, whose square is K or more."""
        return 1 << max(1, math.ceil(math.log2(self.num_bins) / 2))

    def _chunks(self) -> Iterator[IntArray]:
        """So few rows at once that their masses fit into memory."""
        step = max(1, _MASSES_AT_ONCE // self._cell_size)
        for start in range(0, max(1, len(self)), step):
            yield np.arange(start, min(start + step, len(self)))

    def _pairs(self, symbols: IntArray) -> tuple[IntArray, Categories]:
        """Cell and bin within it, one after the other, of each label (2n,), and what they are coded under.

        In that order a label's part of a message does not depend on how many labels are sent at once.
        """
        cells, bins = np.divmod(symbols, self._cell_size)
        rows = np.stack([self._cells().probs, self._within(cells).probs], axis=1)
        return np.stack([cells, bins], axis=1).reshape(-1), Categories(rows.reshape(-1, self._cell_size))

    def _cells(self) -> Categories:
        return self._between(np.arange(self._cell_size + 1) * self._cell_size)

    def _within(self, cells: IntArray) -> Categories:
        return self._between(cells[:, None] * self._cell_size + np.arange(self._cell_size + 1))

    def _between(self, edges: IntArray) -> Categories:
        """Masses between edges, which end at the last bin; the coder brings them to sum 1."""
        inside = np.minimum(edges, self.num_bins)
        return Categories(_mixed(np.diff(self.below(inside), axis=1), np.diff(inside) / self.num_bins))


def _mixed(masses: FloatArray, uniform: FloatArray | float) -> FloatArray:
    both: FloatArray = (1 - UNIFORM_SHARE) * np.maximum(masses, 0.0) + UNIFORM_SHARE * uniform
    return both


@dataclass(frozen=True, eq=False)
class ToldBins(EntropyModel):
    """Labels (n,) that were told under `Binned`: of each the cell, and the bin within it, as `pairs` (2n,).

    >>> told = even_bins(3, 1000).told(np.array([7, 8, 999]))
    >>> len(told), bool((told.bits(np.array([7, 8, 999])) == even_bins(3, 1000).bits(np.array([7, 8, 999]))).all())
    (3, True)
    """

    pairs: Told

    def __len__(self) -> int:
        return len(self.pairs) // 2

    def bits(self, symbols: IntArray) -> FloatArray:
        """As of `EntropyModel`, of the labels that were told."""
        bits: FloatArray = self.pairs.bits(symbols).reshape(-1, 2).sum(axis=1)
        return bits

    def entropy_bits(self) -> float:
        """As of `EntropyModel`: their bits, of what is known here."""
        return self.pairs.entropy_bits()

    def push(self, coder: Coder, symbols: IntArray) -> None:
        """As of `EntropyModel`, of the labels that were told."""
        self.pairs.push(coder, symbols)

    def pop(self, coder: Coder) -> IntArray:
        """Raises MdlError, as of `Told`."""
        return self.pairs.pop(coder)


@dataclass(frozen=True, eq=False)
class LocationScale(Binned):
    """Densities of a family by location and scale (n,), in bins; what lies past the range belongs to its end bins.

    `df` (n,) are the degrees of freedom of Student's t. A temperature T multiplies the scale by sqrt(T), which is the
    power 1/T of a Gaussian.

    >>> model = LocationScale("gaussian", np.array([50.5]), np.array([10.0]), 100)
    >>> model.masses(np.array([50])).round(4), model.medians(), round(float(model.rows().sum()), 12)
    (array([0.0399]), array([50]), 1.0)
    """

    family: FamilyName
    location: FloatArray
    scale: FloatArray
    num_bins: int
    df: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.location)

    def below(self, edges: IntArray) -> FloatArray:
        """As of `Binned`, by scipy's functions, which give the same for one row and for many."""
        with np.errstate(invalid="ignore"):  # of one that is broken
            z = (edges - self.location[:, None]) / self.scale[:, None]
        if self.family == "gaussian":
            inside = ndtr(z)
        elif self.family == "laplace":
            tail = 0.5 + 0.5 * expm1(-np.abs(z))
            inside = np.where(z < 0, tail, 1 - tail)
        else:
            inside = stdtr(cast(FloatArray, self.df)[:, None], z)
        return np.where(edges <= 0, 0.0, np.where(edges >= self.num_bins, 1.0, inside))

    def tempered(self, rows: IntArray, temperatures: FloatArray) -> "LocationScale":
        """As of `Binned`."""
        df = None if self.df is None else self.df[rows]
        wider = self.scale[rows] * np.sqrt(temperatures)
        return LocationScale(self.family, self.location[rows], wider, self.num_bins, df)

    def broken(self) -> BoolArray:
        """As of `Binned`."""
        numbers = self.location + self.scale + (0.0 if self.df is None else self.df)
        return np.logical_not(np.isfinite(numbers))


@dataclass(frozen=True, eq=False)
class Pieces(Binned):
    """Densities that are constant between knots (J,), which rise from 0 to K, by the mass of each piece (n, J-1).

    A temperature T takes the density to the power 1/T.

    >>> Pieces(np.array([0, 2, 6]), np.array([[0.5, 0.5]])).below(np.array([1, 4])).tolist()
    [[0.25, 0.75]]
    """

    knots: IntArray
    shares: FloatArray

    @property
    def num_bins(self) -> int:  # type: ignore[override]
        """The last knot."""
        return int(self.knots[-1])

    def __len__(self) -> int:
        return len(self.shares)

    def below(self, edges: IntArray) -> FloatArray:
        """As of `Binned`: linear between knots."""
        sums = np.concatenate([np.zeros((len(self), 1)), np.cumsum(self.shares, axis=1)], axis=1)
        piece = np.clip(np.searchsorted(self.knots, edges, side="right") - 1, 0, len(self.knots) - 2)
        into = (edges - self.knots[piece]) / np.diff(self.knots)[piece]
        row = np.arange(len(self))[:, None]
        inside = sums[row, piece] + into * self.shares[row, piece]
        return np.where(edges >= self.num_bins, 1.0, np.minimum(inside, 1.0))

    def tempered(self, rows: IntArray, temperatures: FloatArray) -> "Pieces":
        """As of `Binned`."""
        shares = self.shares[rows]
        if (temperatures == 1).all():
            return Pieces(self.knots, shares)
        sizes = np.diff(self.knots)
        powers = (shares / sizes) ** (1 / temperatures[:, None]) * sizes
        return Pieces(self.knots, powers / powers.sum(axis=1, keepdims=True))

    def broken(self) -> BoolArray:
        """As of `Binned`."""
        return np.asarray(np.logical_not(np.isfinite(self.shares)).any(axis=1))


@dataclass(frozen=True, eq=False)
class Mixed(Binned):
    """Mixtures of several models of the same n rows, under weights (P,) or (n, P) of sum 1."""

    parts: tuple[Binned, ...]
    weights: FloatArray

    @classmethod
    def evenly(cls, parts: list[Binned]) -> "Mixed":
        """Their mean."""
        return cls(tuple(parts), np.full(len(parts), 1 / len(parts)))

    @property
    def num_bins(self) -> int:  # type: ignore[override]
        """That of the parts."""
        return self.parts[0].num_bins

    def __len__(self) -> int:
        return len(self.parts[0])

    def below(self, edges: IntArray) -> FloatArray:
        """As of `Binned`."""
        total = np.zeros(())
        for weight, part in zip(self.weights.T, self.parts, strict=True):
            total = total + weight[..., None] * part.below(edges)
        return np.where(edges >= self.num_bins, 1.0, total)

    def tempered(self, rows: IntArray, temperatures: FloatArray) -> "Mixed":
        """As of `Binned`: each part is tempered."""
        weights = self.weights if self.weights.ndim == 1 else self.weights[rows]
        return Mixed(tuple(part.tempered(rows, temperatures) for part in self.parts), weights)

    def broken(self) -> BoolArray:
        """As of `Binned`."""
        return np.asarray(np.any([part.broken() for part in self.parts], axis=0))


def even_bins(count: int, num_bins: int) -> Pieces:
    """The uniform distribution over the bins, `count` times.

    >>> even_bins(1, 1000).bits(np.array([7])).round(3)
    array([9.966])
    """
    return Pieces(np.array([0, num_bins]), np.ones((count, 1)))
