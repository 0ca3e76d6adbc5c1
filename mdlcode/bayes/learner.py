"""A learner that infers a distribution over a net's weights, and the predictor that averages over it."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor, nn

from mdlcode.bayes.posterior import Layout, MeanField
from mdlcode.bayes.priors import Gaussian, LearnedGaussian, scale_levels, scales
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.learn.base import Learner, Predictor
from mdlcode.learn.determinism import reproducible
from mdlcode.learn.net import NetPredictor, Precision, new_net
from mdlcode.learn.network import batches
from mdlcode.learn.optimizer import rate
from mdlcode.typing import FloatArray, IntArray

Estimator = Literal["local", "flipout", "mixed", "one-draw"]
Watch = Callable[[int, "BayesPredictor"], None]


@dataclass(frozen=True, config=STRICT)
class BayesLearner(Learner):
    """Mean-field Gaussian inference by Pyro: minimises KL(posterior, prior) + E[-log p(labels | inputs, weights)].

    Blundell et al. 2015; Blier & Ollivier 2018, section 3.3. The KL is in closed form, the expectation is
    estimated by one batch of `batch_size` and one draw, with little variance: `estimator` "local" draws
    layers' outputs (Kingma et al. 2015), "flipout" gives each example its own signs (Wen et al. 2018),
    "mixed" is flipout for convolutions and local for dense layers, "one-draw" is for any module.
    The KL's weight grows from `kl_start` to `kl_weight` over the share `annealing` of the steps; 1 is the
    codelength. Posterior deviations start at `initial_sd`, have a learning rate `sd_lr` of their own, as
    learned prior scales have. Adam's rate warms up and falls linearly to zero.
    """

    kind: Literal["bayes"] = Field(default="bayes", kw_only=True)
    arch: str = "auto"
    prior: Gaussian = Gaussian()
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
        arch = self.arch if self.arch != "auto" else "lenet-small" if shared.inputs.ndim == 4 else "mlp-small"
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
            start = torch.cat([each.detach().reshape(-1) for each in _random(learned.net, layout)])
            guide, prior = svi.MeanFieldGuide(start, self.initial_sd), self.prior.learned(layout, device)
            estimator = svi.ESTIMATORS[self.estimator](learned.net, layout, learned.bf16, self.seed)
            elbo = svi.Elbo(svi.Model(prior, estimator.logits, len(labels)), guide, estimator, len(labels))
            optimizer = torch.optim.Adam(
                [
                    {"params": [guide.loc], "lr": self.lr},
                    {"params": [guide.log_scale], "lr": self.sd_lr},
                    {"params": [each for each in prior.parameters() if each.requires_grad], "lr": self.sd_lr},
                ],
                fused=True,
            )

            def now() -> BayesPredictor:
                posterior = _posterior(layout, guide.loc, guide.log_scale, prior, self.prior.scale)
                return BayesPredictor(self, shared, posterior)

            svi.train(
                elbo,
                nn.ModuleList([guide, prior]),
                optimizer,
                order,
                lambda batch: (learned.standardised(shared.inputs[batch].float()), targets[batch]),
                lambda step: (rate(step, steps, self.warmup), self._kl_weight(step / steps)),
                lambda step: watch(step, now()) if every and step % every == 0 else None,
            )
            return now()

    def _kl_weight(self, done: float) -> float:
        share = 1.0 if done >= self.annealing else done / self.annealing
        return self.kl_weight * (self.kl_start + (1 - self.kl_start) * share)


class BayesPredictor(Predictor):
    """Predicts with the mean over draws from the posterior, the same ones at every call."""

    def __init__(self, learner: BayesLearner, shared: Shared, posterior: MeanField) -> None:
        self.posterior = posterior
        self._learner, self._shared = learner, shared

    def predict(self, inputs: Tensor) -> FloatArray:
        """Probabilities (m, K) in float64: the mean over the learner's number of draws."""
        total = sum(self.one(each).predict(inputs) for each in self.weights(self._learner.draws))
        return np.asarray(total / self._learner.draws, dtype=np.float64)

    def weights(self, draws: int) -> list[FloatArray]:
        """That many draws (P,) of the weights."""
        random = np.random.Generator(np.random.Philox(key=[5, self._learner.seed]))
        return [self.posterior.draw(random.standard_normal(len(self.posterior.layout))) for _ in range(draws)]

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


def _random(net: nn.Module, layout: Layout) -> list[Tensor]:
    named = dict(net.named_parameters())
    return [named[name] for name in layout.names]


def _posterior(
    layout: Layout, loc: Tensor, log_scale: Tensor, prior: LearnedGaussian, given: float | None
) -> MeanField:
    groups = prior.groups.cpu().numpy()
    mean, sd = _array(loc), np.exp(_array(log_scale))
    if given is not None:
        return MeanField(layout, mean, sd, np.full(len(groups), given))
    levels = scale_levels(np.exp(_array(prior.log_scale)))
    return MeanField(layout, mean, sd, scales(levels)[groups], levels)


def _array(values: Tensor) -> FloatArray:
    return values.detach().double().cpu().numpy()
