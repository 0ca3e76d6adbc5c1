"""The priors as Pyro models: `sample` draws the flat weights (P,) and whatever they depend on."""

import math

import numpy as np
import pyro
import torch
import torch.nn.functional as F
from pyro.distributions import Categorical, Gamma, HalfCauchy, MixtureSameFamily, Normal
from torch import Tensor, nn
from torch.distributions import register_kl

from mdlcode.bayes.densities import Density, Normals, TwoNormals
from mdlcode.bayes.levels import scale_levels, scales
from mdlcode.typing import IntArray

SITE = "weights"
HARDLY = 1e-8  # the deviation of what is known
_FIRST_ODDS, _FIRST_NARROW = 0.1, 0.05  # of a mixture's wide Gaussian, and the narrow one's share of its scale
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
_QUADRATURE = _NODES, _WEIGHTS / _WEIGHTS.sum()


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
    """Positive numbers learned as `log_*` parameters, one for each group, rounded to levels in that order."""

    def __init__(self, groups: Tensor, **start: Tensor) -> None:
        super().__init__(groups)
        self._names = tuple(start)
        for name, values in start.items():
            self.register_parameter(name, nn.Parameter(values.log()))

    def round_scales(self) -> IntArray | None:
        """As of `PriorModel`."""
        each: list[Tensor] = [self.get_parameter(name) for name in self._names]
        if not each[0].requires_grad:
            return None
        levels = scale_levels(np.exp(torch.cat(each).detach().double().cpu().numpy()))
        for parameter, rounded in zip(each, np.split(np.log(scales(levels)), len(each)), strict=True):
            parameter.data.copy_(torch.from_numpy(rounded))
        return levels


class LearnedGaussian(_Learned):
    """N(0, exp(log_scale)^2)."""

    log_scale: Tensor

    def __init__(self, groups: Tensor, start: Tensor, learned: bool = True) -> None:
        """With scales that are near `start` (P,) at first, or stay so."""
        super().__init__(groups, log_scale=_of_groups(groups, start))
        self.log_scale.requires_grad_(learned)

    def sample(self) -> Tensor:
        """As of `PriorModel`."""
        deviations = self.deviations()
        return _weights(Normal(torch.zeros_like(deviations), deviations))

    def deviations(self) -> Tensor:
        """The scale of each weight (P,)."""
        return self.log_scale.exp()[self.groups]


class LearnedSparse(LearnedGaussian):
    """As `LearnedGaussian` for the weights that are kept; the others are 0."""

    def __init__(self, groups: Tensor, start: Tensor, kept: Tensor) -> None:
        """`kept` (P,) says which weights are not 0."""
        super().__init__(groups, start)
        self._kept = kept

    def deviations(self) -> Tensor:
        """As of `LearnedGaussian`, or next to nothing."""
        return torch.where(self._kept, super().deviations(), HARDLY)


class LearnedMixture(_Learned):
    """A wide and a narrow Gaussian; learned are both scales and the odds of the wide one."""

    log_wide_scale: Tensor
    log_narrow_scale: Tensor
    log_odds_scale: Tensor  # "scale", as it learns at the scales' rate

    def __init__(self, groups: Tensor, start: Tensor) -> None:
        """With wide scales that are near `start` (P,) at first."""
        wide = _of_groups(groups, start)
        odds = torch.full_like(wide, _FIRST_ODDS)
        super().__init__(groups, log_wide_scale=wide, log_narrow_scale=_FIRST_NARROW * wide, log_odds_scale=odds)

    def sample(self) -> Tensor:
        """As of `PriorModel`."""
        wide, narrow = (each.exp()[self.groups] for each in (self.log_wide_scale, self.log_narrow_scale))
        return _weights(WideAndNarrow(wide, narrow, self.log_odds_scale[self.groups]))


class Given(PriorModel):
    """A prior that is known: densities from the levels that were sent."""

    def __init__(self, density: Density, device: torch.device) -> None:
        super().__init__(torch.arange(len(density), device=device))
        if isinstance(density, Normals):
            values = [density.sd]
        elif isinstance(density, TwoNormals):
            values = [density.wide, density.narrow, np.log(density.share / (1 - density.share))]
        else:
            raise NotImplementedError(type(density).__name__)
        self._values = [torch.from_numpy(each).float().to(device) for each in values]

    def sample(self) -> Tensor:
        """As of `PriorModel`."""
        first, *others = self._values
        return _weights(WideAndNarrow(first, *others) if others else Normal(torch.zeros_like(first), first))


class WideAndNarrow(MixtureSameFamily):  # type: ignore[misc]  # Pyro has no types
    """A wide and a narrow Gaussian round zero, by their scales (P,) and the log odds (P,) of the wide one."""

    def __init__(self, wide: Tensor, narrow: Tensor, log_odds: Tensor) -> None:
        scales = torch.stack([wide, narrow], dim=-1)  # (P, 2)
        logits = torch.stack([log_odds, torch.zeros_like(log_odds)], dim=-1)
        super().__init__(Categorical(logits=logits), Normal(torch.zeros_like(scales), scales))
        self._parts = wide, narrow, log_odds

    def log_density(self, values: Tensor) -> Tensor:
        """Log density of values (..., P), without the general mixture's detours."""
        wide, narrow, log_odds = self._parts
        heavy = F.logsigmoid(log_odds) - wide.log() - 0.5 * (values / wide).square()
        light = F.logsigmoid(-log_odds) - narrow.log() - 0.5 * (values / narrow).square()
        return torch.logaddexp(heavy, light) - _HALF_LOG_2PI


@register_kl(Normal, WideAndNarrow)  # type: ignore[untyped-decorator]
def _kl_to_mixture(posterior: Normal, prior: WideAndNarrow) -> Tensor:
    """By Gauss-Hermite quadrature of few nodes: good enough to learn with."""
    nodes, shares = (torch.from_numpy(each).to(posterior.loc)[:, None] for each in _QUADRATURE)
    inner = prior.log_density(posterior.loc + posterior.scale * nodes)  # (nodes, P)
    return -_HALF_LOG_2PI - 0.5 - posterior.scale.log() - (shares * inner).sum(0)


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


def _of_groups(groups: Tensor, values: Tensor) -> Tensor:
    """The mean (G,) over each group of values (P,)."""
    zeros = torch.zeros(int(groups[-1]) + 1, device=values.device)
    return zeros.index_add(0, groups, values) / zeros.index_add(0, groups, torch.ones_like(values))


def _weights(prior: "pyro.distributions.TorchDistribution") -> Tensor:
    drawn: Tensor = pyro.sample(SITE, prior.to_event(1))
    return drawn
