"""The error of a Gibbs classifier with Gaussian logits: an integral over one number in place of random draws."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

_HEIGHTS = np.linspace(0.05, 3, 60)  # of the strip in which the integrand is looked at
_MOST_VALUES = 2**21  # held at once


@dataclass(frozen=True, eq=False)
class Quadrature:
    """A rule for integrals over a standard normal z: nodes and weights (Q,), and a limit on its `error`."""

    nodes: Tensor
    weights: Tensor
    error: float

    def to(self, like: Tensor) -> "Quadrature":
        """The same on another tensor's device, in its type."""
        return Quadrature(self.nodes.to(like), self.weights.to(like), self.error)


def trapezoidal(num_classes: int, tolerance: float) -> Quadrature:
    """The trapezoidal rule that makes an error of `tolerance` at most in `accuracy`, too high or too low.

    With f(z) = phi(z) prod_{c != y} Phi(d_c + z) and the step h it is off by 2 M / (e^(2 pi a / h) - 1) at most, for
    each a > 0, where M bounds the integral of |f| along z + i b for all |b| <= a (Trefethen and Weideman 2014,
    Theorem 5.1). Here |phi(z + i b)| <= phi(z) e^(a^2 / 2) and |Phi(z + i b)| <= 1 + a e^(a^2 / 2) / sqrt(2 pi), so
    M = e^(a^2 / 2) (1 + a e^(a^2 / 2) / sqrt(2 pi))^(K - 1) will do. What lies beyond the outermost nodes
    is left out, which makes the accuracy lower, by less than half of the tolerance.

    >>> rule = trapezoidal(num_classes=10, tolerance=1e-8)
    >>> len(rule.nodes), rule.error <= 1e-8, abs(float(rule.weights.sum()) - 1) < 1e-8
    (51, True, True)
    """
    rest = tolerance / 2
    step = 1.0
    while _off_by(step, num_classes) > rest:
        step /= 2
    reach = math.ceil(-float(ndtri(rest / 2)) / step) + 1
    nodes = torch.arange(-reach, reach + 1, dtype=torch.float64) * step
    weights = step * torch.exp(-nodes.square() / 2) / math.sqrt(2 * math.pi)
    return Quadrature(nodes, weights, _off_by(step, num_classes) + rest)


def _off_by(step: float, num_classes: int) -> float:
    swell = np.exp(_HEIGHTS**2 / 2)
    log_size = _HEIGHTS**2 / 2 + (num_classes - 1) * np.log1p(_HEIGHTS * swell / math.sqrt(2 * math.pi))
    exponent = 2 * np.pi * _HEIGHTS / step
    return float(np.exp(np.min(math.log(2) + log_size - exponent - np.log(-np.expm1(-exponent)))))


def accuracy(mean: Tensor, sd: Tensor, labels: Tensor, rule: Quadrature) -> Tensor:
    """The probability (m,) that each label has the largest logit, for independent logits N(mean, sd^2).

    Means (m, K), deviations (m,) above 0, labels (m,). Logits with a common Gaussian added have the same one. It is
    int phi(z) prod_{c != y} Phi((mean_y - mean_c) / sd + z) dz by the rule, and can be differentiated.

    >>> mean, sd = torch.tensor([[1.0, 0.0]]).double(), torch.ones(1).double()
    >>> accuracy(mean, sd, torch.tensor([0]), trapezoidal(2, 1e-8))  # Phi(1 / sqrt(2))
    tensor([0.7602], dtype=torch.float64)
    """
    rule = rule.to(mean)
    others = torch.ones_like(mean, dtype=torch.bool).scatter_(1, labels[:, None], False)
    gaps = (mean.gather(1, labels[:, None]) - mean)[others].view(len(mean), -1) / sd[:, None]  # (m, K - 1)
    rows = max(1, _MOST_VALUES // (gaps.shape[1] * len(rule.nodes)))
    parts = [torch.special.ndtr(each[:, :, None] + rule.nodes).prod(1) @ rule.weights for each in gaps.split(rows)]
    return torch.cat(parts)
