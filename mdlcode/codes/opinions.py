"""What experts say of labels: rows of classes, or densities over bins, each in calibrated variants."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from torch import Tensor

from mdlcode.codes.calibration import Calibration
from mdlcode.codes.mixture import sums_of
from mdlcode.coding.binned import Binned, LocationScale, Mixed, Pieces
from mdlcode.coding.entropy_models import Categories, EntropyModel
from mdlcode.coding.smoothing import Smoothed, smooth, smoothing
from mdlcode.errors import MdlError
from mdlcode.learn.base import Predictor
from mdlcode.typing import BoolArray, FloatArray, IntArray

Opinions: TypeAlias = FloatArray | tuple[Binned, ...]  # (E, m, K), or E models of m rows
MODELS = (LocationScale, Pieces, Mixed)  # that experts of the library give, and finished work is kept with


class Variants(ABC):
    """The G calibrated variants of what E experts say of m labels."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def likelihoods(self, labels: IntArray) -> FloatArray:
        """The probability (E, G, m) of a label for each of the m."""

    @abstractmethod
    def model(self, weights: FloatArray) -> EntropyModel:
        """What labels are coded under: the mixtures by weights (E, G, m).

        A row's bits do not depend on how many rows there are: Bob mixes one by one what Alice mixes at once.
        """

    @abstractmethod
    def at(self, row: int) -> "Variants":
        """Those of one label."""


class Heard(ABC):
    """What E experts say of m labels."""

    width: int  # how many numbers are held for a label and a variant

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def broken(self) -> BoolArray:
        """Which predictions (E, m) are not finite."""

    @abstractmethod
    def first(self, part: slice) -> EntropyModel:
        """The first expert's of some labels, as they are."""

    @abstractmethod
    def variants(self, calibration: Calibration, part: slice) -> Variants:
        """Those of some labels."""


def heard(experts: Opinions) -> "RowsHeard | BinnedHeard":
    """The opinions behind one interface."""
    return BinnedHeard(experts) if isinstance(experts, tuple) else RowsHeard(experts)


class RowsHeard(Heard):
    """Rows of classes (E, m, K)."""

    def __init__(self, probs: FloatArray) -> None:
        self._probs: FloatArray = probs
        self._bad = np.logical_not(np.isfinite(probs).all(axis=2))
        self.width = probs.shape[2]

    def __len__(self) -> int:
        return int(self._probs.shape[1])

    def broken(self) -> BoolArray:
        """As of `Heard`."""
        return self._bad

    def first(self, part: slice) -> Smoothed:
        """As of `Heard`."""
        return Smoothed(self._probs[0, part])

    def variants(self, calibration: Calibration, part: slice) -> "RowVariants":
        """As of `Heard`, of smoothed rows; one that is broken becomes uniform (its expert has no weight)."""
        rows, bad = self._probs[:, part], self._bad[:, part]
        if bad.any():
            rows = np.where(bad[..., None], 1.0 / self.width, rows)
        return RowVariants.of(smooth(rows.transpose(0, 2, 1), axis=1), calibration)


@dataclass(frozen=True, eq=False)
class RowVariants(Variants):
    """Each expert's rows at T temperatures, (E, T, K, m), up to their sums (E, T, m), and the uniform's shares (S,).

    A variant is one of G = T x S. Labels stand last, so that work on many labels runs along them.
    """

    rows: FloatArray
    sums: FloatArray
    shares: FloatArray

    @classmethod
    def of(cls, probs: FloatArray, calibration: Calibration) -> "RowVariants":
        """Those of a calibration's grid: softmax(log p / T) of rows (E, K, m), which must be positive."""
        rows, temperatures = probs[:, None], np.array(calibration.temperatures)
        if calibration.temperatures != (1.0,):
            logs = np.log(rows)
            logs -= logs.max(axis=2, keepdims=True)
            rows = logs * (1.0 / temperatures)[:, None, None]
            np.exp(rows, out=rows)
        return cls(rows, rows.sum(axis=2), np.array(calibration.uniform_shares))

    def __len__(self) -> int:
        return int(self.rows.shape[3])

    def likelihoods(self, labels: IntArray) -> FloatArray:
        """As of `Variants`."""
        count, num_classes = len(self), self.rows.shape[2]
        rows = self.rows.reshape(*self.sums.shape[:2], num_classes * count)
        masses = rows.take(labels * count + np.arange(count), axis=2) / self.sums
        return _with_uniform(masses, self.shares, 1 / num_classes)

    def mixed(self, weights: FloatArray, share: float = 0.0) -> FloatArray:
        """The rows (m, K) of the mixtures, in which the uniform distribution has so large a share more."""
        count, num_classes = len(self), self.rows.shape[2]
        own, uniform = _apart(weights, self.shares)
        each = ((1 - share) * own / self.sums)[:, :, None] * self.rows
        mixed = each.reshape(-1, num_classes, count).sum(axis=0)  # in order: the first axis is outermost
        mixed += ((1 - share) * uniform + share) / num_classes
        return np.ascontiguousarray(mixed.T)

    def model(self, weights: FloatArray) -> Categories:
        """As of `Variants`."""
        return Categories(self.mixed(weights, smoothing(self.rows.shape[2])))

    def at(self, row: int) -> "RowVariants":
        """As of `Variants`."""
        one = slice(row, row + 1)
        return RowVariants(self.rows[..., one], self.sums[..., one], self.shares)


class BinnedHeard(Heard):
    """E models of m rows."""

    width = 1

    def __init__(self, experts: tuple[Binned, ...]) -> None:
        self._experts = experts

    def __len__(self) -> int:
        return len(self._experts[0])

    def broken(self) -> BoolArray:
        """As of `Heard`."""
        return np.stack([expert.broken() for expert in self._experts])

    def first(self, part: slice) -> Binned:
        """As of `Heard`."""
        return self._experts[0].take(np.arange(part.start, part.stop))

    def variants(self, calibration: Calibration, part: slice) -> "BinnedVariants":
        """As of `Heard`."""
        rows = np.arange(part.start, part.stop)
        return BinnedVariants.of(tuple(expert.take(rows) for expert in self._experts), calibration)


@dataclass(frozen=True, eq=False)
class BinnedVariants(Variants):
    """Each expert's model of m x T rows, each label's at T temperatures, and the uniform distribution's shares (S,).

    A variant is one of G = T x S. An expert that is broken at a label says the uniform distribution of it.
    """

    experts: tuple[Binned, ...]
    num_temperatures: int
    shares: FloatArray

    @classmethod
    def of(cls, experts: tuple[Binned, ...], calibration: Calibration) -> "BinnedVariants":
        """Those of a calibration's grid."""
        count, grid = len(experts[0]), np.array(calibration.temperatures)
        rows, temperatures = np.repeat(np.arange(count), len(grid)), np.tile(grid, count)
        tempered = tuple(expert.tempered(rows, temperatures) for expert in experts)
        return cls(tempered, len(grid), np.array(calibration.uniform_shares))

    def __len__(self) -> int:
        return len(self.experts[0]) // self.num_temperatures

    def likelihoods(self, labels: IntArray) -> FloatArray:
        """As of `Variants`."""
        symbols = np.repeat(labels, self.num_temperatures)
        uniform = 1 / self.experts[0].num_bins
        each = [np.where(model.broken(), uniform, model.masses(symbols)) for model in self.experts]
        masses = np.stack([one.reshape(len(labels), -1).T for one in each])  # (E, T, m)
        return _with_uniform(masses, self.shares, uniform)

    def model(self, weights: FloatArray) -> "Pooled":
        """As of `Variants`."""
        own, uniform = _apart(weights, self.shares)
        return Pooled(self.experts, own.transpose(2, 0, 1), uniform)

    def at(self, row: int) -> "BinnedVariants":
        """As of `Variants`."""
        rows = np.arange(row * self.num_temperatures, (row + 1) * self.num_temperatures)
        return replace(self, experts=tuple(model.take(rows) for model in self.experts))


@dataclass(frozen=True, eq=False)
class Pooled(Binned):
    """Mixtures for m labels of models of m x T rows, by weights (m, E, T), and of the uniform distribution, (m,)."""

    models: tuple[Binned, ...]
    weights: FloatArray
    uniform: FloatArray

    @property
    def num_bins(self) -> int:  # type: ignore[override]
        """That of the models."""
        return self.models[0].num_bins

    def __len__(self) -> int:
        return len(self.weights)

    def below(self, edges: IntArray) -> FloatArray:
        """As of `Binned`; a model that is broken says the uniform distribution."""
        each_row = edges if edges.ndim == 1 else np.repeat(edges, self.weights.shape[2], axis=0)
        total = self.uniform[:, None] * (edges / self.num_bins)
        for i, model in enumerate(self.models):
            said = np.where(model.broken()[:, None], each_row / self.num_bins, model.below(each_row))
            below = said.reshape(*self.weights[:, i].shape, -1)  # (m, T, J)
            for j in range(below.shape[1]):
                total = total + self.weights[:, i, j, None] * below[:, j]
        return np.where(edges >= self.num_bins, 1.0, total)

    def tempered(self, rows: IntArray, temperatures: FloatArray) -> "Pooled":
        """As of `Binned`: each model is tempered."""
        width = self.weights.shape[2]
        inner = (rows[:, None] * width + np.arange(width)).reshape(-1)
        models = tuple(model.tempered(inner, np.repeat(temperatures, width)) for model in self.models)
        return Pooled(models, self.weights[rows], self.uniform[rows])

    def broken(self) -> BoolArray:
        """As of `Binned`: none, since weights are no numbers only where all models are broken."""
        return np.logical_not(np.isfinite(self.uniform))


def _with_uniform(masses: FloatArray, shares: FloatArray, uniform: float) -> FloatArray:
    """Likelihoods (E, G, m) of variants, from the temperatures' (E, T, m) and the uniform distribution's."""
    likely = (1 - shares)[:, None] * masses[:, :, None]  # (E, T, S, m)
    likely += shares[:, None] * uniform
    return likely.reshape(len(masses), -1, masses.shape[2])


def _apart(weights: FloatArray, shares: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The weights (E, T, m) of the temperatures and (m,) of the uniform distribution, from variants' (E, G, m)."""
    apart = weights.reshape(len(weights), -1, len(shares), weights.shape[2])  # (E, T, S, m)
    part = apart * shares[:, None]
    uniform = sums_of(part.reshape(-1, weights.shape[2]))
    return sums_of(np.multiply(apart, (1 - shares)[:, None], out=part)), uniform


def opinions(predictors: Sequence[Predictor], inputs: Tensor, real: bool) -> Opinions:
    """What predictors say of inputs (m, ...): their rows of classes, or models of bins where targets are real."""
    if not real:
        return np.stack([predictor.predict(inputs) for predictor in predictors])
    return tuple(_require_binned(predictor.model(inputs)) for predictor in predictors)


def joined(opinions: Sequence[Opinions]) -> Opinions:
    """The opinions of several groups of experts as those of one."""
    binned = tuple(model for each in opinions if isinstance(each, tuple) for model in each)
    return binned or np.concatenate([each for each in opinions if not isinstance(each, tuple)])


def _require_binned(model: EntropyModel) -> Binned:
    """The model, where it is one of bins. Raises MdlError for a learner of classes."""
    if not isinstance(model, Binned):
        raise MdlError(
            "this learner predicts classes, and these targets are real numbers: put it into a QuantileLearner, or take"
            " a RegressorLearner"
        )
    return model
