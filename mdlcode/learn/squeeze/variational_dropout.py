"""Sparse variational dropout: noise that grows on weights which do not matter, until they are cut."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor, nn, optim

from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn.nets.predictor import NetPredictor
from mdlcode.learn.nets.steps import descend
from mdlcode.learn.squeeze.flat import flattened, trained
from mdlcode.learn.squeeze.retrainer import Squeezer
from mdlcode.typing import IntArray

_K1, _K2, _K3 = 0.63576, 1.87320, 1.48695  # of the approximated divergence
_START = -10.0  # log of the noise's variance
_RISE = 0.3  # of the steps: then the price has risen to its value
_LARGEST = 4.0  # log alpha: above it the gradient would vanish


def divergence_nats(log_alpha: Tensor) -> Tensor:
    """KL in nats of N(m, alpha m^2) from the log-uniform prior, up to a constant, for each weight.

    k1 (1 - sigmoid(k2 + k3 log alpha)) + log(1 + 1 / alpha) / 2, which falls to 0 as alpha grows (Molchanov,
    Ashukha & Vetrov 2017, equation 14).

    >>> [round(x, 3) for x in divergence_nats(torch.tensor([-4.0, 0.0, 8.0])).tolist()]
    [2.634, 0.431, 0.0]
    """
    return _K1 * torch.sigmoid(-_K2 - _K3 * log_alpha) + 0.5 * F.softplus(-log_alpha)


@dataclass(frozen=True, config=STRICT)
class VariationalDropout(Squeezer):
    """Trains weights with noise of their own; those whose noise outgrows them are cut (Molchanov et al. 2017).

    Loss: label bits under noisy weights + price x KL from a log-uniform prior, which is what a weight's precision
    is worth; one draw of the noise for each batch. The means of the weights with log alpha below `cut` stay,
    real numbers still: a weight code quantises them, such as `Quantised(KMeans(...))`. Vectors get no noise.
    """

    kind: Literal["variational-dropout"] = Field(default="variational-dropout", kw_only=True)
    lr: float = Field(default=1e-3, gt=0)
    noise_lr: float = Field(default=0.02, gt=0)
    cut: float = 3.0

    def squeeze(self, learned: NetPredictor, shared: Shared, labels: IntArray) -> None:
        """Leaves the means of the weights that matter, and zeros."""
        parameters = trained(learned.net.train())
        weights, gradients = flattened(learned.net)
        means, log_variances = nn.Parameter(weights.clone()), nn.Parameter(torch.full_like(weights, _START))
        noisy = torch.cat([torch.full((each.numel(),), each.ndim > 1) for each in parameters]).to(weights.device)
        steps, draws = self.training.count(len(labels)), Generator().manual_seed(self.start.seed + 2)
        groups = [{"params": [means], "lr": self.lr}, {"params": [log_variances], "lr": self.noise_lr}]
        optimizer = optim.Adam(groups, fused=True)
        checkpoint = self.checkpoint(learned, optimizer, [means, log_variances], shared, labels, [draws])
        for raw, targets in self.minibatches(self.training, checkpoint, shared, labels):
            noise = torch.randn(len(means), generator=draws).to(weights.device) * noisy
            drawn = means + noise * (log_variances / 2).exp()
            weights.copy_(drawn.detach())
            gradients.zero_()
            learned.loss(raw, targets).backward()
            price = self.bit_price * min(1.0, checkpoint.step / (_RISE * steps)) / len(labels)
            divergence = (divergence_nats(_log_alpha(means, log_variances)) * noisy).sum()
            descend(optimizer, drawn @ gradients + price * divergence)
        checkpoint.drop()
        kept = ~noisy | (_log_alpha(means, log_variances) < self.cut)
        weights.copy_((means * kept).detach())


def _log_alpha(means: Tensor, log_variances: Tensor) -> Tensor:
    return (log_variances - 2 * means.abs().clamp(min=math.exp(-20)).log()).clamp(max=_LARGEST)
