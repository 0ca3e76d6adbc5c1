"""A Gaussian over the weights of a linear readout, what it costs, and how often it errs."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from mdlcode.certify.gibbs import accuracy, trapezoidal

ROWS = 5000  # examples whose logits are held at once
_TOLERANCE = 1e-8  # of the integral


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Features of inputs in an orthonormal basis: `within` (n, R), and the squared length `beyond` (n,) of the rest."""

    within: Tensor
    beyond: Tensor

    def __len__(self) -> int:
        return len(self.within)

    def split(self, rows: int) -> "list[Coordinates]":
        """The same in pieces."""
        pairs = zip(self.within.split(rows), self.beyond.split(rows), strict=True)
        return [Coordinates(within, beyond) for within, beyond in pairs]


@dataclass(frozen=True, eq=False)
class ReadoutPosterior:
    """Weights of a linear readout of D features for K classes: N(mean, variance) along R directions, else the prior.

    The prior is standard normal for each feature and each of K - 1 orthonormal contrasts of classes (vectors over the
    classes of sum 0), which say all that matters to the largest logit. The posterior has its `mean` (R, K), rows of
    sum 0, and one `variance` (R,) for all contrasts along the orthonormal columns of `basis` (D, R), and is the prior
    in all directions that are orthogonal to these.
    """

    basis: Tensor
    mean: Tensor
    variance: Tensor

    def kl_nats(self) -> Mapping[str, float]:
        """KL(posterior, prior) in nats by part: |mean|^2 / 2, and (K - 1) / 2 sum_r (v_r - 1 - ln v_r)."""
        mean, variance = self.mean.double(), self.variance.double()
        spread = (variance - 1 - variance.log()).sum() * (mean.shape[1] - 1) / 2
        return {"mean": float(mean.square().sum() / 2), "covariance": float(spread)}

    def logits(self, at: Coordinates) -> tuple[Tensor, Tensor]:
        """Means (n, K) and deviations (n,) of the logits, but for a Gaussian that all classes have in common."""
        return logits_at(self.mean, self.variance, at)


def logits_at(mean: Tensor, variance: Tensor, at: Coordinates) -> tuple[Tensor, Tensor]:
    """As `ReadoutPosterior.logits`, of tensors that may take a gradient."""
    return at.within @ mean, (at.within.square() @ variance + at.beyond).clamp_min(1e-12).sqrt()


def gibbs_error(posterior: ReadoutPosterior, at: Coordinates, labels: Tensor) -> float:
    """The mean error of the Gibbs classifier at these inputs, from above by 1e-8 at most."""
    rule = trapezoidal(posterior.mean.shape[1], _TOLERANCE)
    right = 0.0
    for part, targets in zip(at.split(ROWS), labels.split(ROWS), strict=True):
        mean, sd = posterior.logits(part)
        right += float(accuracy(mean.double(), sd.double(), targets, rule).sum())
    return min(1.0, max(0.0, 1 - right / len(at) + rule.error))
