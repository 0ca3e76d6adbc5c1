"""A Gaussian over the weights of a linear readout of fixed features, fitted by minimising its own bound."""

import math
from typing import Annotated, Any, Literal

import torch
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mdlcode import bounds, progress
from mdlcode.certify.gibbs import Quadrature, accuracy, trapezoidal
from mdlcode.certify.linear_gibbs import ROWS, Coordinates, ReadoutPosterior, logits_at
from mdlcode.config import STRICT, Configurable, parsed
from mdlcode.errors import MdlError
from mdlcode.learn.feature_maps import AnyFeatureMap, FeatureMap, RandomFilters
from mdlcode.learn.principal import leading_directions
from mdlcode.limits import require_memory
from mdlcode.typing import IntArray

_CHUNK = 1000  # inputs whose features are held at once
_DELTA = 0.05  # it hardly matters where the bound is least
_ALONE, _BATCH, _ROUNDING = 4, 64, 1e-3
_TOLERANCE = 1e-2  # of the integral, while the bound falls


@dataclass(frozen=True, config=STRICT)
class GaussianReadout(Configurable):
    """A Gibbs classifier: a linear readout of fixed features, its weights drawn anew for each input.

    Features are fixed before the data, and so is the prior, a standard normal. The posterior may depend on everything:
    its directions are the `directions` leading ones of the features, its start is a ridge regression of the classes,
    and `steps` of Adam at the rate `lr` minimise the bound, kl^-1(Gibbs error, (KL + ln(2 sqrt(n) / delta)) / n).
    The scale of the features and of the prior is no setting: it changes no error and no KL.
    """

    kind: Literal["gaussian-readout"] = Field(default="gaussian-readout", kw_only=True)
    features: AnyFeatureMap = RandomFilters()
    directions: int = Field(default=1000, ge=1)
    steps: int = Field(default=60, ge=1)
    lr: float = Field(default=0.05, gt=0)

    def fit(self, inputs: Tensor, labels: IntArray, num_classes: int) -> tuple[ReadoutPosterior, Coordinates]:
        """The posterior given inputs (n, ...) and labels (n,), and the inputs' features in its basis.

        Raises MdlError for features that are not a function of one input, or not finite.
        """
        check_features(self.features, inputs)
        basis = leading_directions(self.features, inputs, self.directions)
        at = self.coordinates(inputs, basis)
        squares, turn = torch.linalg.eigh((at.within.T @ at.within).double())
        turned = Coordinates(at.within @ turn.to(basis), at.beyond)
        targets = torch.from_numpy(labels).to(inputs.device)
        mean, variance = self._minimised(turned, squares.clamp_min(0).to(basis), targets, num_classes)
        return ReadoutPosterior(basis @ turn.to(basis), mean, variance), turned

    def coordinates(self, inputs: Tensor, basis: Tensor) -> Coordinates:
        """The features of inputs (n, ...) in an orthonormal basis (D, R)."""
        require_memory(8 * len(inputs) * basis.shape[1], f"a readout along {basis.shape[1]:,} directions")
        progress.start("features", len(inputs))
        parts = []
        for chunk in inputs.split(_CHUNK):
            features = self.features.features(chunk)
            within = features @ basis
            beyond = features.double().square().sum(1) - within.double().square().sum(1)
            parts.append((within, beyond.clamp_min(0).float()))
            progress.advance(len(chunk))
        within, beyond = (torch.cat(each) for each in zip(*parts, strict=True))
        return Coordinates(within, beyond)

    def _minimised(self, at: Coordinates, squares: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
        """Mean (R, K) and variance (R,) of the least bound, along directions of so long features (R,)."""
        start, variance = _ridge(at, squares, labels, num_classes)
        size = start.abs().mean()
        scaled, log_variance = (start / size).requires_grad_(), variance.log().requires_grad_()
        adam = torch.optim.Adam([scaled, log_variance], lr=self.lr, betas=(0.9, 0.98))
        schedule = torch.optim.lr_scheduler.OneCycleLR(adam, self.lr, total_steps=self.steps, pct_start=0.15)
        rule = trapezoidal(num_classes, _TOLERANCE)
        progress.start("bound", self.steps)
        for _ in range(self.steps):
            adam.zero_grad()
            _descend(scaled, size, log_variance, at, labels, rule)
            adam.step()
            schedule.step()
            progress.advance(1)
        return _centred(scaled.detach() * size), log_variance.detach().exp()


def parse_readout(value: Any) -> Any:
    """A readout from a config of one's own; an instance of `GaussianReadout` as it is. What it names is imported."""
    return parsed(value, GaussianReadout, "readout")


AnyReadout = Annotated[GaussianReadout, BeforeValidator(parse_readout)]


def check_features(feature_map: FeatureMap, inputs: Tensor) -> None:
    """Raises MdlError unless features are finite and those of an input are the same alone as in a batch."""
    together = feature_map.features(inputs[:_BATCH])[:_ALONE]
    alone = torch.cat([feature_map.features(each[None]) for each in inputs[:_ALONE]])
    if together.ndim != 2 or not torch.isfinite(together).all():
        raise MdlError(f"features are {tuple(together.shape)}, or not finite: rows (m, D) of finite numbers are needed")
    if together.shape != alone.shape or not (together - alone).abs().max() <= _ROUNDING * together.abs().max():
        raise MdlError("the features of an input depend on the others in its batch: a bound needs a fixed function")


def _ridge(at: Coordinates, squares: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Where the fit starts: ridge regression on the classes, its mean as dear as its covariance."""
    length = (squares.sum() + at.beyond.sum()) / len(at)  # of the features of one input, squared
    noise = 3 * length
    variance = noise / (noise + squares)
    targets = torch.nn.functional.one_hot(labels, num_classes).to(at.within) - 1 / num_classes
    mean = _centred((at.within.T @ targets) / (noise + squares)[:, None])
    nats = (variance - 1 - variance.log()).sum() * (num_classes - 1) / 2
    return mean * (2 * nats).sqrt() / mean.norm(), variance


def _centred(mean: Tensor) -> Tensor:
    """Rows of sum 0."""
    return mean - mean.mean(1, keepdim=True)


def _descend(
    scaled: Tensor, size: Tensor, log_variance: Tensor, at: Coordinates, labels: Tensor, rule: Quadrature
) -> None:
    """Sets the gradients of the bound, part by part."""
    right, n, num_classes = 0.0, len(at), scaled.shape[1]
    for part, targets in zip(at.split(ROWS), labels.split(ROWS), strict=True):
        logits = logits_at(_centred(scaled) * size, log_variance.exp(), part)
        share = accuracy(*logits, targets, rule).sum() / n
        (-share).backward()
        right += share.item()
    risk = min(1 - 0.5 / n, max(0.5 / n, 1 - right))
    spread = (log_variance.exp() - 1 - log_variance).sum() * (num_classes - 1) / 2
    kl = (_centred(scaled) * size).square().sum() / 2 + spread
    budget = (kl.item() + math.log(2 * math.sqrt(n) / _DELTA)) / n
    # A larger one has a bound of 100 % to the last digit, and no slope.
    by_risk, by_budget = bounds.kl_inverse_slopes(risk, min(budget, 20 * (1 - risk)))
    for each in (scaled, log_variance):
        assert each.grad is not None
        each.grad *= by_risk
    (by_budget / n * kl).backward()
