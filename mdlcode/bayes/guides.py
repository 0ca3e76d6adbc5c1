"""Families of posteriors, as configs that make Pyro guides."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from mdlcode.config import STRICT, Settings
from mdlcode.errors import MdlError

if TYPE_CHECKING:
    from mdlcode.bayes.models import PriorModel

_MOST_FULL = 3000  # weights: their covariance has as many entries squared


@dataclass(frozen=True, config=STRICT)
class MeanFieldGuide(Settings):
    """Independent Gaussians, and log-normals for positive scales."""

    kind: Literal["mean-field"] = Field(default="mean-field", kw_only=True)
    # Whether the posterior is a `MeanField`, which codes and bounds can take.
    independent: ClassVar[bool] = True

    def guide(self, model: Callable[..., Any], prior: "PriorModel", start: Tensor, sd: Tensor) -> nn.Module:
        """A guide of the model whose weights start at `start` (P,) with deviations `sd` (P,), or their mean."""
        from mdlcode.bayes.svi import Independents

        return Independents(prior, start, sd)


@dataclass(frozen=True, config=STRICT)
class LowRankGuide(Settings):
    """A Gaussian of covariance diagonal + W W^T with `rank` columns W."""

    kind: Literal["low-rank"] = Field(default="low-rank", kw_only=True)
    rank: int = Field(default=8, ge=1, le=1000)
    independent: ClassVar[bool] = False

    def guide(self, model: Callable[..., Any], prior: "PriorModel", start: Tensor, sd: Tensor) -> nn.Module:
        """As of `MeanFieldGuide`."""
        from pyro.infer.autoguide import AutoLowRankMultivariateNormal

        return AutoLowRankMultivariateNormal(model, _at(start), init_scale=float(sd.mean()), rank=self.rank)


@dataclass(frozen=True, config=STRICT)
class FullGuide(Settings):
    """A Gaussian of any covariance, for nets of a few thousand weights."""

    kind: Literal["full"] = Field(default="full", kw_only=True)
    independent: ClassVar[bool] = False

    def guide(self, model: Callable[..., Any], prior: "PriorModel", start: Tensor, sd: Tensor) -> nn.Module:
        """As of `MeanFieldGuide`. Raises MdlError for more than 3,000 weights."""
        from pyro.infer.autoguide import AutoMultivariateNormal

        _refuse_large(start)
        return AutoMultivariateNormal(model, _at(start), init_scale=float(sd.mean()))


@dataclass(frozen=True, config=STRICT)
class FlowGuide(Settings):
    """One inverse autoregressive flow (Kingma et al. 2016), for nets of a few thousand weights."""

    kind: Literal["flow"] = Field(default="flow", kw_only=True)
    independent: ClassVar[bool] = False

    def guide(self, model: Callable[..., Any], prior: "PriorModel", start: Tensor, sd: Tensor) -> nn.Module:
        """As of `MeanFieldGuide`; the flow starts near the identity on such a Gaussian."""
        from mdlcode.bayes.svi import Flow

        _refuse_large(start)
        return Flow(model, start, float(sd.mean()))


Guide = Annotated[MeanFieldGuide | LowRankGuide | FullGuide | FlowGuide, Field(discriminator="kind")]


def _refuse_large(start: Tensor) -> None:
    if len(start) > _MOST_FULL:
        raise MdlError(f"{len(start):,} weights are too many for this guide (at most {_MOST_FULL:,}): take 'low-rank'")


def _at(start: Tensor) -> Callable[..., Any]:
    from pyro.infer.autoguide import init_to_feasible, init_to_value

    from mdlcode.bayes.models import SITE

    start_there: Callable[..., Any] = init_to_value(values={SITE: start}, fallback=init_to_feasible)
    return start_there
