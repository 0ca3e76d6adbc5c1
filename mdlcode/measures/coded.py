"""Codelengths that train again, from the trained net or from where it began: squeezed, in a subspace, in bits-back.

Unlike the codes of the same names they start from the net that is measured, so that they say something of it. What
they send decodes as theirs does: all weights are sent, or the first ones are a seed's.
"""

import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as config_class
from torch import nn

from mdlcode.bayes import BayesLearner, Gaussian
from mdlcode.codes import Subspace, TwoPart, Variational
from mdlcode.codes.base import Code
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError
from mdlcode.learn import NetLearner, NetPredictor, RateAware, Real, Steps, SubspaceLearner
from mdlcode.learn.squeeze.folding import fold_batch_norm
from mdlcode.learn.subspace.net import Span, SubspaceNet
from mdlcode.measures.base import Measure, Value
from mdlcode.measures.dimension_search import DimensionSearch
from mdlcode.measures.trained import Trained
from mdlcode.typing import IntArray
from mdlcode.weights import AsTrained, Quantised

_COORDINATES = 300
_SHARE = 0.9


@config_class(frozen=True, config=STRICT)
class There(NetLearner):
    """Stands for a training whose net is there."""

    net: nn.Module = Field(default_factory=nn.Identity, kw_only=True)

    def initial(self, shared: Shared) -> NetPredictor:
        """The net, which takes the weights that are decoded."""
        return NetPredictor(deepcopy(self.net), shared, bf16=False)

    def fit(self, shared: Shared, labels: IntArray) -> NetPredictor:
        """The net."""
        return self.initial(shared)

    def steps(self, num_labels: int) -> int:
        """None."""
        return 0


@config_class(frozen=True, config=STRICT)
class Around(SubspaceLearner):
    """Moves in a random subspace around a net that is there, best the one before training, which a seed tells."""

    net: nn.Module = Field(default_factory=nn.Identity, kw_only=True)

    def initial(self, shared: Shared) -> NetPredictor:
        """The net at v = 0."""
        span = Span(projection=self.projection, dimension=self.dimension, layers=self.layers, seed=self.seed)
        moving = SubspaceNet(deepcopy(self.net), span, self.coordinates)
        return NetPredictor(moving.to(shared.inputs.device), shared, bf16=False)

    def dimensions(self, shared: Shared) -> tuple[int, int]:
        """One, and all parameters."""
        return 1, sum(each.numel() for each in self.net.parameters())


@dataclass(frozen=True)
class CompressedLength(Measure):
    """Bits of the net, squeezed by rate-aware training, and of the labels under it: the `compressed` code from here.

    Without the way out of that code, which sends no net where none pays: this would make all such nets alike. A bit of
    weights costs 0.3 of one of labels, since few hundred noisy labels seldom pay for a net at the full price.
    """

    steps: int = 600
    bit_price: float = 0.3
    sign: ClassVar[int] = 1

    def of(self, trained: Trained) -> Value:
        """Total bits."""
        squeezer = RateAware(There(net=_plain(trained.net)), training=_steps(self.steps), bit_price=self.bit_price)
        return _length(TwoPart(squeezer, Quantised(AsTrained(), units="sorted")), trained)


@dataclass(frozen=True)
class VariationalLength(Measure):
    """Bits of a draw from a mean-field posterior around the net, by bits-back, and of the labels under it."""

    steps: int = 600
    sign: ClassVar[int] = 1

    def of(self, trained: Trained) -> Value:
        """Total bits."""
        learner = BayesLearner(There(net=_plain(trained.net)), prior=Gaussian(), training=_steps(self.steps))
        return _length(Variational(learner), trained)


@dataclass(frozen=True)
class SubspaceLength(Measure):
    """Bits of 300 coordinates, or as many as weights, around those before training, and of the labels under the net."""

    steps: int = 600
    sign: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("init",)

    def of(self, trained: Trained) -> Value:
        """Total bits."""
        size = sum(each.numel() for each in trained.weights.values())
        around = Around(net=_first(trained), dimension=min(size, _COORDINATES), training=_steps(self.steps))
        return _length(Subspace(around), trained)


@dataclass(frozen=True)
class Dimension90(Measure):
    """d_int90: in how many random directions from the weights before training 90 % of the training accuracy is there.

    Li et al. 2018, with one subspace at each dimension and the bracket within a factor of 1.3.
    """

    steps: int = 300
    sign: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("init",)

    def of(self, trained: Trained) -> Value:
        """The dimension; none where all directions are not enough, or the net has no better accuracy than 0."""
        learner = Around(net=_first(trained), coordinates=Real(), layers="joint", training=_steps(self.steps))
        if trained.accuracy == 0:
            return Value(math.nan, reason="the net misses every training label")
        settings: Mapping[str, Any] = {"share": _SHARE, "seeds": 1, "start": 64, "precision": 1.3}
        search = DimensionSearch(learner, baseline=trained.accuracy, accuracy_on="train", **settings)
        found = search.run(trained.data).dimension
        return Value(found) if math.isfinite(found) else Value(math.nan, reason="no subspace that was tried is enough")


def _steps(count: int) -> Steps:
    return Steps(min_steps=count, max_steps=count, warmup=0.05)


def _length(code: Code, trained: Trained) -> Value:
    return Value(code.codelength(trained.data).total_bits)


def _plain(net: nn.Module) -> nn.Module:
    """A copy that can be sent: batch norms folded, no dropout, all weights free to move.

    Raises MdlError for a net with other buffers, which no weight code knows.
    """
    plain = fold_batch_norm(deepcopy(net)).requires_grad_(True)
    for parent in list(plain.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Dropout):
                setattr(parent, name, nn.Identity())
    if buffers := [name for name, _ in plain.named_buffers()]:
        raise MdlError(f"the net has buffers that are not folded away: {buffers[0]}")
    return plain


def _first(trained: Trained) -> nn.Module:
    """The net before training. Raises MdlError for one with batch norm, whose statistics the weights do not tell."""
    assert trained.init is not None
    net = deepcopy(trained.net)
    if isinstance(next(iter(net.buffers()), None), torch.Tensor):
        raise MdlError("a net with batch norm has no subspace around its first weights alone")
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(trained.init[name])
    return _plain(net)
