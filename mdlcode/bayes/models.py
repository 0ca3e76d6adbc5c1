"""The priors as Pyro models: `sample` draws the flat weights (P,) and whatever they depend on."""

import math

import numpy as np
import pyro
import torch
from pyro.distributions import Categorical, Gamma, HalfCauchy, MixtureSameFamily, Normal
from torch import Tensor, nn

from mdlcode.bayes.priors import scale_levels, scales
from mdlcode.typing import IntArray

SITE = "weights"


class PriorModel(nn.Module):
    """Weights whose scales are shared in groups."""

    def __init__(self, groups: Tensor) -> None:
        super().__init__()
        self.groups: Tensor
        self.register_buffer("groups", groups)

    @property
    def num_groups(self) -> int:
        """How many scales there are."""
        return int(self.groups[-1]) + 1

    @property
    def positive(self) -> dict[str, int]:
        """Names and sizes of latent sites besides the weights."""
        return {}

    def round_scales(self) -> IntArray | None:
        """The levels (G,) of learned scales, which become what the levels stand for; None without such."""
        return None

    def sample(self) -> Tensor:
        """The weights (P,), one Pyro site."""
        raise NotImplementedError


class _Learned(PriorModel):
    def __init__(self, groups: Tensor, scale: float, learned: bool = True) -> None:
        super().__init__(groups)
        start = torch.full((self.num_groups,), math.log(scale), device=groups.device)
        self.log_scale = nn.Parameter(start, requires_grad=learned)

    def round_scales(self) -> IntArray | None:
        """As of `PriorModel`."""
        if not self.log_scale.requires_grad:
            return None
        levels = scale_levels(np.exp(self.log_scale.detach().double().cpu().numpy()))
        with torch.no_grad():
            self.log_scale.copy_(torch.from_numpy(np.log(scales(levels))))
        return levels

    def deviations(self) -> Tensor:
        """The scale of each weight (P,)."""
        return self.log_scale.exp()[self.groups]


class LearnedGaussian(_Learned):
    """N(0, exp(log_scale)^2)."""

    def sample(self) -> Tensor:
        """As of `PriorModel`."""
        return _weights(Normal(torch.zeros_like(self.deviations()), self.deviations()))


class LearnedMixture(_Learned):
    """A narrow and a wide Gaussian."""

    def __init__(self, groups: Tensor, scale: float, share: float, narrow: float) -> None:
        super().__init__(groups, scale)
        self._share, self._narrow = share, narrow

    def sample(self) -> Tensor:
        """As of `PriorModel`."""
        wide = self.deviations()
        scales = torch.stack([self._narrow * wide, wide], dim=-1)  # (P, 2)
        shares = wide.new_tensor([self._share, 1 - self._share]).expand_as(scales)
        return _weights(MixtureSameFamily(Categorical(shares), Normal(torch.zeros_like(scales), scales)))


class Conjugate(PriorModel):
    """N(0, 1 / precision), precision ~ Gamma(shape, rate)."""

    def __init__(self, groups: Tensor, shape: float, rate: float) -> None:
        super().__init__(groups)
        self._shape, self._rate = shape, rate

    @property
    def positive(self) -> dict[str, int]:
        """The precisions."""
        return {"precision": self.num_groups}

    def sample(self) -> Tensor:
        """As of `PriorModel`."""
        ones = torch.ones(self.num_groups, device=self.groups.device)
        precision = pyro.sample("precision", Gamma(self._shape * ones, self._rate * ones).to_event(1))
        deviations = precision.rsqrt()[self.groups]
        return _weights(Normal(torch.zeros_like(deviations), deviations))


class GroupHorseshoe(PriorModel):
    """N(0, (scale a b)^2), a and b half-Cauchy, a for each tensor and b for each unit."""

    def __init__(self, tensors: Tensor, units: Tensor, scale: float) -> None:
        super().__init__(tensors)
        self.units: Tensor
        self.register_buffer("units", units)
        self._scale = scale

    @property
    def positive(self) -> dict[str, int]:
        """The scales of tensors and of units."""
        return {"tensor_scale": self.num_groups, "unit_scale": int(self.units[-1]) + 1}

    def sample(self) -> Tensor:
        """As of `PriorModel`."""
        drawn = {}
        for name, count in self.positive.items():
            drawn[name] = pyro.sample(name, HalfCauchy(torch.ones(count, device=self.groups.device)).to_event(1))
        deviations = self._scale * drawn["tensor_scale"][self.groups] * drawn["unit_scale"][self.units]
        return _weights(Normal(torch.zeros_like(deviations), deviations))


def _weights(prior: "pyro.distributions.TorchDistribution") -> Tensor:
    drawn: Tensor = pyro.sample(SITE, prior.to_event(1))
    return drawn
