"""How smooth a loss is along its gradient, with batch norm and without (Santurkar et al. 2018, arXiv 1805.11604).

"How Does Batch Normalization Help Optimization?": at steps of a training the loss and its gradient are read off at
several places along the negative gradient. Batch norm makes both change less, even where noise is added to what it
normalises, so that no distribution is steady.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.func import functional_call

from mdlcode.data.base import Data
from mdlcode.errors import MdlError
from mdlcode.learn import NetLearner
from mdlcode.learn.nets.determinism import reproducible, seeded
from mdlcode.learn.nets.steps import descend
from mdlcode.typing import FloatArray

Loss = Callable[[Tensor, Tensor], Tensor]  # of outputs (m, ...) and targets (m, ...), a mean over the batch
# The paper's noise, at each step and unit: a shift within +-0.5 and a scale within 1 .. 1.25, and round these each
# example's own, within +-0.1 and of deviation 0.1.
_SHIFT, _SCALE, _SPREAD = 0.5, 1.25, 0.1


class NoisyBatchNorm2d(nn.BatchNorm2d):
    """Batch norm whose outputs (m, C, H, W) get, while training, noise of another law at every step.

    y <- s y + b at each example and unit, b ~ U(mu - 0.1, mu + 0.1) and s ~ N(sigma, 0.1^2), where each unit's
    mu ~ U(-0.5, 0.5) and sigma ~ U(1, 1.25) are drawn anew at each step (Santurkar et al. 2018, appendix A; the
    numbers are recalled). In evaluation it is plain batch norm.

    >>> layer = NoisyBatchNorm2d(3)
    >>> bool((layer(torch.ones(4, 3, 2, 2)) == 0).any()), bool((layer.eval()(torch.zeros(4, 3, 2, 2)) == 0).any())
    (False, False)
    """

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        normed = super().forward(x)
        if not self.training:
            return normed
        units = torch.empty_like(normed[:1])  # (1, C, H, W)
        shift = torch.empty_like(units).uniform_(-_SHIFT, _SHIFT)
        scale = torch.empty_like(units).uniform_(1.0, _SCALE)
        noise, stretch = torch.empty_like(normed), torch.empty_like(normed)
        return normed * (scale + stretch.normal_(0.0, _SPREAD)) + shift + noise.uniform_(-_SPREAD, _SPREAD)


@dataclass(frozen=True, eq=False)
class Along:
    """A loss w - eta g along its gradient g at w, for rates eta (R,): what it is there, and how its gradient changed.

    `losses` (R,) in nats; `changes` (R,) are ||g(w - eta g) - g(w)||_2; `gradient_norm` is ||g(w)||_2 and `loss` that
    at w.
    """

    rates: FloatArray
    losses: FloatArray
    changes: FloatArray
    gradient_norm: float
    loss: float

    @property
    def loss_range(self) -> float:
        """The largest loss along the way less the smallest, in nats."""
        return float(self.losses.max() - self.losses.min())

    @property
    def gradient_change(self) -> float:
        """The largest change of the gradient."""
        return float(self.changes.max())

    @property
    def beta(self) -> float:
        """Effective smoothness: max over eta of ||g(w - eta g) - g(w)|| / (eta ||g(w)||), the gradient's Lipschitz
        constant along the way.
        """
        return float((self.changes / (self.rates * self.gradient_norm)).max())


def along_gradient(
    net: nn.Module, inputs: Tensor, targets: Tensor, rates: Sequence[float], loss: Loss = F.cross_entropy, seed: int = 0
) -> Along:
    """The loss of one batch along its negative gradient, for any module in the mode that it is in.

    Noise that the module draws is drawn from `seed` at every place, so that it is one function that is looked at.
    Neither weights nor buffers are changed. Raises MdlError for rates that are not above 0, and where the gradient is
    0 or not finite.

    >>> net = nn.Linear(1, 1, bias=False)
    >>> _ = nn.init.constant_(net.weight, 1.0)
    >>> found = along_gradient(net, torch.ones(1, 1), torch.zeros(1, 1), [0.25, 0.5], F.mse_loss)  # of w^2
    >>> found.losses.tolist(), found.changes.tolist(), found.beta, found.loss_range
    ([0.25, 0.0], [1.0, 2.0], 2.0, 0.25)
    """
    etas = np.asarray(rates, dtype=np.float64)
    if etas.size == 0 or not (etas > 0).all():
        raise MdlError("`rates` must be one or more numbers above 0: they are shares of the gradient to move by")
    start = {name: each.detach() for name, each in net.named_parameters()}

    def at(weights: dict[str, Tensor]) -> tuple[float, Tensor]:
        moved = {name: each.requires_grad_() for name, each in weights.items()}
        kept = {name: each.clone() for name, each in net.named_buffers()}  # of batch norm, which writes into them
        with seeded(seed, inputs.device):
            value = loss(functional_call(net, {**moved, **kept}, (inputs,)), targets)
        slopes = torch.autograd.grad(value, list(moved.values()))
        return float(value.detach()), torch.cat([each.flatten().double() for each in slopes])

    here, gradient = at({name: each.clone() for name, each in start.items()})
    norm = float(gradient.norm())
    if not 0 < norm < float("inf"):
        raise MdlError(f"the loss has a gradient of norm {norm:g} here: there is no direction to look along")
    parts = torch.split(gradient, [each.numel() for each in start.values()])
    downhill = {name: part.view_as(each).to(each) for (name, each), part in zip(start.items(), parts, strict=True)}
    there = [at({name: each - eta * downhill[name] for name, each in start.items()}) for eta in etas.tolist()]
    changes = [float((slope - gradient).norm()) for _, slope in there]
    return Along(etas, np.array([value for value, _ in there]), np.array(changes), norm, here)


def watched(learner: NetLearner, data: Data, rates: Sequence[float], every: int = 10) -> list[Along]:
    """`learner`'s training, the loss of each `every`-th step's batch along its gradient before that step is taken.

    The training is that of `learner.fit`, on all labels. Raises MdlError where it runs to NaN.

    >>> from mdlcode.data import View, load
    >>> from mdlcode.learn import Steps
    >>> learner = NetLearner("linear", Steps(min_steps=6, max_steps=6))
    >>> len(watched(learner, load("digits", View(limit=60)), [0.1, 0.4], every=2))
    3
    """
    data.require_one_class_each("a look along the gradient")
    shared, learned = data.shared, learner.initial(data.shared)
    optimizer, generator = learner.optimizer.build(learned.net.train().parameters()), Generator()
    objective = learner.regularisation.objective(learned, shared, generator.manual_seed(learner.seed))
    found = []
    with reproducible(learner.seed, shared.inputs.device):
        batches = learner.training.minibatches(optimizer, shared, data.labels, generator)
        for step, (raw, targets) in enumerate(batches):
            if step % every == 0:
                found.append(along_gradient(learned.net, learned.standardised(raw), targets, rates, seed=step))
            descend(optimizer, objective(raw, targets))
    return found
