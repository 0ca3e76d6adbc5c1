"""A learner that infers a distribution over a net's weights, and the predictor that averages over it."""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor, nn

from mdlcode.bayes.guides import Guide, MeanFieldGuide
from mdlcode.bayes.posterior import Layout, MeanField, Sampled, prior_bits
from mdlcode.bayes.priors import Gaussian, Prior, scales
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn.base import Learner, Predictor
from mdlcode.learn.determinism import reproducible
from mdlcode.learn.net import NetPredictor, Precision, new_net
from mdlcode.learn.network import batches
from mdlcode.learn.optimizer import rate
from mdlcode.typing import FloatArray, IntArray

if TYPE_CHECKING:
    from mdlcode.bayes.models import PriorModel

_AT_ONCE = 1000
Estimator = Literal["local", "flipout", "mixed", "one-draw"]
Watch = Callable[[int, "BayesPredictor"], None]


@dataclass(frozen=True, config=STRICT)
class BayesLearner(Learner):
    """Variational inference by Pyro: minimises KL(posterior, prior) + E[-log p(labels | inputs, weights)].

    Blundell et al. 2015; Blier & Ollivier 2018, section 3.3. The KL is in closed form for the mean-field
    guide and a Gaussian prior, and such a posterior has a code; others are drawn from. The expectation is
    estimated by one batch of `batch_size` and one draw, with little variance: `estimator` "local" draws
    layers' outputs (Kingma et al. 2015), "flipout" gives each example its own signs (Wen et al. 2018),
    "mixed" is flipout for convolutions and local for dense layers, "one-draw" is for any module.
    The KL's weight grows from `kl_start` to `kl_weight` over the share `annealing` of the steps; 1 is the
    codelength. Posterior deviations start at `initial_sd`, learned prior ones at twice that; both have the
    learning rate `sd_lr`. Adam's rates warm up and fall linearly to zero.
    """

    kind: Literal["bayes"] = Field(default="bayes", kw_only=True)
    arch: str = "auto"
    prior: Prior = Gaussian()
    guide: Guide = MeanFieldGuide()
    estimator: Estimator = "mixed"
    epochs: float = Field(default=10.0, gt=0)
    min_steps: int = Field(default=1000, ge=1)
    max_steps: int = Field(default=1_000_000, ge=1)
    batch_size: int = Field(default=128, ge=1)
    lr: float = Field(default=1e-2, gt=0)
    sd_lr: float = Field(default=2e-2, gt=0)
    initial_sd: float = Field(default=0.05, gt=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    kl_weight: float = Field(default=1.0, gt=0)
    kl_start: float = Field(default=0.1, ge=0)
    annealing: float = Field(default=0.3, ge=0, le=1)
    draws: int = Field(default=16, ge=1)
    precision: Precision = "fp32"
    seed: int = Field(default=0, ge=0)

    def steps(self, num_labels: int) -> int:
        """How many steps a training on so many labels takes."""
        wanted = round(self.epochs * num_labels / min(self.batch_size, num_labels))
        return min(max(wanted, self.min_steps), self.max_steps)

    def initial(self, shared: Shared) -> NetPredictor:
        """The net before training, the same for everybody: what takes a draw of the weights."""
        arch = self.arch if self.arch != "auto" else "lenet-patches" if shared.inputs.ndim == 4 else "mlp-small"
        net, bf16 = new_net(arch, shared, self.seed, self.precision)
        return NetPredictor(net, shared, bf16)

    def layout(self, shared: Shared) -> Layout:
        """Names and shapes of the random weights."""
        return Layout.of(self.initial(shared).net)

    def fit(self, shared: Shared, labels: IntArray) -> "BayesPredictor":
        """The predictive average under the posterior.

        Raises MdlError for a net with buffers, TrainingError where the ELBO was never finite; where it
        ran to NaN later, the last good state is kept with a warning.
        """
        return self.watched(shared, labels, lambda step, state: None, every=0)

    def watched(self, shared: Shared, labels: IntArray, watch: Watch, every: int) -> "BayesPredictor":
        """As `fit`; after each `every` steps `watch` is told the step and the posterior so far."""
        from mdlcode.bayes import svi  # Pyro takes a second to start, and only training needs it

        learned, device = self.initial(shared), shared.inputs.device
        layout, steps = Layout.of(learned.net), self.steps(len(labels))
        targets, generator = torch.from_numpy(labels).to(device), Generator().manual_seed(self.seed)
        order = batches(len(labels), min(self.batch_size, len(labels)), steps, generator).to(device)
        with reproducible(self.seed, device), svi.isolated():
            prior = self.prior.model(layout, device, 2 * self.initial_sd)
            tail, inputs = _behind_fixed_layers(learned, shared)
            estimator = svi.ESTIMATORS[self.estimator](tail, layout, learned.bf16, self.seed)
            model = svi.Model(prior, estimator.logits, len(labels))

            def batch(indices: Tensor) -> tuple[Tensor, Tensor]:
                return inputs(indices), targets[indices]

            start = torch.cat([each.detach().reshape(-1) for each in _random(learned.net, layout)])
            guide = self.guide.guide(model, prior, start, self.initial_sd)
            guide(*batch(order[0]), 1.0)  # Pyro's own guides get their parameters at the first call

            def now() -> BayesPredictor:
                return BayesPredictor(self, shared, self._posterior(layout, guide, prior))

            svi.train(
                svi.Elbo(model, guide, estimator, len(labels)),
                nn.ModuleList([guide, prior]),
                self._optimizer(guide, prior),
                order,
                batch,
                lambda step: (rate(step, steps, self.warmup), self._kl_weight(step / steps)),
                lambda step: watch(step, now()) if every and step % every == 0 else None,
            )
            return now()

    def _optimizer(self, guide: nn.Module, prior: nn.Module) -> torch.optim.Optimizer:
        named = [*guide.named_parameters(), *prior.named_parameters()]  # both have a log_scale
        trained = [(name, value) for name, value in named if value.requires_grad]
        scales = [value for name, value in trained if "scale" in name]
        others = [value for name, value in trained if "scale" not in name]
        return torch.optim.Adam([{"params": others, "lr": self.lr}, {"params": scales, "lr": self.sd_lr}], fused=True)

    def _posterior(self, layout: Layout, guide: nn.Module, prior: "PriorModel") -> MeanField | Sampled:
        from mdlcode.bayes import svi

        prior = copy.deepcopy(prior)  # training may go on with the scales unrounded
        levels = prior.round_scales()
        if isinstance(guide, svi.Independents) and isinstance(self.prior, Gaussian):
            groups, given = self.prior.groups(layout), self.prior.scale
            prior_sd = np.full(len(groups), given) if levels is None else scales(levels)[groups]
            return MeanField(layout, _array(guide.loc), np.exp(_array(guide.log_scale)), prior_sd, levels)
        drawn = [svi.draw(prior, guide) for _ in range(self.draws)]
        weights = np.stack([_array(each) for each, _ in drawn])
        return Sampled(layout, weights, np.array([bits for _, bits in drawn]), prior_bits(levels))

    def _kl_weight(self, done: float) -> float:
        share = 1.0 if done >= self.annealing else done / self.annealing
        return self.kl_weight * (self.kl_start + (1 - self.kl_start) * share)


class BayesPredictor(Predictor):
    """Predicts with the mean over draws from the posterior, the same ones at every call."""

    def __init__(self, learner: BayesLearner, shared: Shared, posterior: MeanField | Sampled) -> None:
        self.posterior = posterior
        self._learner, self._shared = learner, shared

    def predict(self, inputs: Tensor) -> FloatArray:
        """Probabilities (m, K) in float64: the mean over the learner's number of draws."""
        total = sum(self.one(each).predict(inputs) for each in self.weights(self._learner.draws))
        return np.asarray(total / self._learner.draws, dtype=np.float64)

    def weights(self, draws: int) -> list[FloatArray]:
        """That many draws (P,) of the weights."""
        return self.posterior.draws(draws, self._learner.seed)

    def one(self, weights: FloatArray) -> NetPredictor:
        """The net with these weights (P,)."""
        return with_weights(self._learner.initial(self._shared), weights)


def with_weights(learned: NetPredictor, weights: FloatArray) -> NetPredictor:
    """The net, its learned tensors set from one flat array (P,)."""
    layout = Layout.of(learned.net)
    values = layout.split(torch.from_numpy(weights).float())
    with torch.no_grad():
        for name, parameter in zip(layout.names, _random(learned.net, layout), strict=True):
            parameter.copy_(values[name])
    return learned


def _behind_fixed_layers(learned: NetPredictor, shared: Shared) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    """The part of a sequential net from its first random weight on, and what a batch of inputs is for it.

    The layers before give every draw the same, so they run once, for all inputs.
    """
    net = learned.net

    def standardised(indices: Tensor | slice) -> Tensor:
        return learned.standardised(shared.inputs[indices].float())

    if not isinstance(net, nn.Sequential):
        return net, standardised
    fixed = [not any(each.requires_grad for each in layer.parameters()) for layer in net].index(False)
    if not any(True for _ in net[:fixed].parameters()):
        return net, standardised  # nothing that takes time
    starts = range(0, len(shared), _AT_ONCE)
    with torch.no_grad(), torch.autocast(shared.inputs.device.type, torch.bfloat16, enabled=learned.bf16):
        chunks = [net[:fixed](standardised(slice(start, start + _AT_ONCE))) for start in starts]
    seen = torch.cat([chunk.bfloat16() if learned.bf16 else chunk for chunk in chunks])
    return net[fixed:], lambda indices: seen[indices]


def _random(net: nn.Module, layout: Layout) -> list[Tensor]:
    named = dict(net.named_parameters())
    return [named[name] for name in layout.names]


def _array(values: Tensor) -> FloatArray:
    return values.detach().double().cpu().numpy()
