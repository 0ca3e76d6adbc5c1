"""A learner that infers a distribution over a net's weights, and the predictor that averages over it."""

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import torch
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from mdlcode import finished
from mdlcode.bayes.densities import Normals, TwoNormals
from mdlcode.bayes.fresh import FreshNet
from mdlcode.bayes.guides import Guide, MeanFieldGuide
from mdlcode.bayes.inference import Inference
from mdlcode.bayes.masks import mask_bits
from mdlcode.bayes.posterior import NO_OTHERS, Layout, MeanField, Others, Sampled, prior_bits
from mdlcode.bayes.priors import AnyPrior, CodedPrior, Gaussian, SparsePrior
from mdlcode.bayes.refinement import Rates, Refinement
from mdlcode.coding.channel import Ledger
from mdlcode.coding.entropy_models import EntropyModel
from mdlcode.config import STRICT, Seed, Settings, to_config
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError
from mdlcode.learn.base import Learner, Predictor, parse_learner
from mdlcode.learn.ensemble import MeanPredictor
from mdlcode.learn.nets.determinism import seeded
from mdlcode.learn.nets.kept import learned_key
from mdlcode.learn.nets.predictor import NetPredictor, NetTrainer
from mdlcode.learn.nets.steps import Steps
from mdlcode.nets.held import fill, others
from mdlcode.packing import Packing
from mdlcode.typing import BoolArray, FloatArray, IntArray
from mdlcode.weights.others import send_others

if TYPE_CHECKING:
    from mdlcode.bayes.models import PriorModel

_STARTING_SDS = 0.05, 0.15  # of the size of a tensor's weights, at a weight that is 0 and at others
_SIZE_OF_NONE = 0.1  # of the weights of a tensor that is all 0
Estimator = Literal["local", "flipout", "mixed", "one-draw"]
Watch = Callable[[int, "BayesPredictor"], None]
_NO_SD = 1e-12  # of a weight that is 0
_POSTERIORS = Packing[MeanField | Sampled](MeanField, Sampled, Layout, Others, Normals, TwoNormals)
_REFITTED = Packing[tuple[FloatArray, FloatArray]]()


@dataclass(frozen=True, config=STRICT)
class KlWeight(Settings):
    """What the Kullback-Leibler part of the loss is multiplied by; 1 is the codelength.

    It grows linearly from `start` x `weight` to `weight` over the share `annealing` of the steps.
    """

    weight: float = Field(default=1.0, gt=0)
    start: float = Field(default=0.1, ge=0)
    annealing: float = Field(default=0.3, ge=0, le=1)

    def at(self, done: float) -> float:
        """The weight where the share `done` of the steps is taken.

        >>> [round(KlWeight(weight=2.0, start=0.5, annealing=0.2).at(done), 2) for done in (0.0, 0.1, 0.2, 1.0)]
        [1.0, 1.5, 2.0, 2.0]
        """
        share = 1.0 if done >= self.annealing else done / self.annealing
        return self.weight * (self.start + (1 - self.start) * share)


@dataclass(frozen=True, config=STRICT)
class BayesLearner(Learner):
    """Variational inference by Pyro: minimises KL(posterior, prior) + E[-log p(labels | inputs, weights)].

    Blundell et al. 2015; Blier & Ollivier 2018, section 3.3. The KL is in closed form for the mean-field
    guide and a Gaussian prior, and such a posterior has a code; others are drawn from. The expectation is
    estimated by one batch of `batch_size` and one draw, with little variance: `estimator` "local" draws
    layers' outputs (Kingma et al. 2015), "flipout" gives each example its own signs (Wen et al. 2018),
    "mixed" is flipout for convolutions and local for dense layers, "one-draw" is for any module.
    Adam's `rates` warm up and fall as `training` says, and the KL counts `kl` times.

    The means start from the net of `start`: a `FreshNet`, or what a learner makes of the labels (best a sparse net:
    `RateAware`). Then prior scales start from the size of its weights, and posterior deviations from 0.15 of that,
    0.05 where a weight is 0.
    """

    kind: Literal["bayes"] = Field(default="bayes", kw_only=True)
    start: Annotated[NetTrainer, BeforeValidator(parse_learner)] = FreshNet()
    prior: AnyPrior = Gaussian()
    guide: Guide = MeanFieldGuide()
    estimator: Estimator = "mixed"
    training: Steps = Steps(min_steps=1000, warmup=0.05)
    rates: Rates = Rates()
    kl: KlWeight = KlWeight()
    predictive_draws: int = Field(default=16, ge=1, le=10_000)
    seed: Seed = 0

    def __post_init__(self) -> None:
        fresh = isinstance(self.start, FreshNet)
        if isinstance(self.prior, SparsePrior) and (fresh or not self.guide.independent):
            raise MdlError("prior 'sparse' needs a `start` whose net has zeros, and guide 'mean-field'")

    def steps(self, num_labels: int) -> int:
        """How many steps a training on so many labels takes, that of `start` included."""
        return self.training.count(num_labels) + self.start.steps(num_labels)

    def initial(self, shared: Shared) -> NetPredictor:
        """The net before training, the same for everybody: what takes a draw of the weights."""
        return self.start.initial(shared)

    def layout(self, shared: Shared) -> Layout:
        """Names and shapes of the random weights."""
        return Layout.of(self.initial(shared).net)

    def fit(self, shared: Shared, labels: IntArray) -> "BayesPredictor":
        """The predictive average under the posterior.

        Raises TrainingError where the ELBO was never finite; where it ran to NaN later, the last good state is kept
        with a warning.
        """
        key = learned_key("posterior", self, shared, labels)
        infer = partial(self._inferred, shared, labels)
        posterior = finished.once(key, infer, _POSTERIORS.pack, _POSTERIORS.unpack, self.steps(len(labels)))
        return BayesPredictor(self, shared, posterior)

    def _inferred(self, shared: Shared, labels: IntArray) -> MeanField | Sampled:
        return self.watched(shared, labels, lambda step, state: None, every=0).posterior

    def watched(self, shared: Shared, labels: IntArray, watch: Watch, every: int) -> "BayesPredictor":
        """As `fit`; after each `every` steps `watch` is told the step and the posterior so far."""
        from mdlcode.bayes import svi  # Pyro takes a second to start, and only training needs it
        from mdlcode.bayes.fitting import Fitting

        layout = self.layout(shared)  # raises before any training
        learned = self.start.fit(shared, labels)
        key = None if every else learned_key("inference", self, shared, labels)  # whoever watches sees all steps
        fitting = Fitting(learned, layout, shared, labels, self.estimator, self.seed, key)
        means, deviations, scales = self._start(learned, layout)
        if isinstance(self.prior, SparsePrior):
            kept = means != 0
            prior: PriorModel = self.prior.sparse_model(layout, scales, kept)
        else:
            kept, prior = None, self.prior.model(layout, scales)

        def now(guide: nn.Module) -> BayesPredictor:
            beside = self._others(learned, shared)
            return BayesPredictor(self, shared, self._posterior(layout, guide, prior, kept, beside))

        def make_guide(model: svi.Model) -> nn.Module:
            if kept is None:
                return self.guide.guide(model, prior, means, deviations)
            return svi.PartlyKnown(prior, means, deviations, means.masked_fill(kept, math.nan))

        guide = fitting.run(
            prior,
            make_guide,
            self.training,
            self.rates,
            self.kl.at,
            lambda step, guide: watch(step, now(guide)) if every and step % every == 0 else None,
        )
        return now(guide)

    def continued(self, posterior: MeanField | Sampled, shared: Shared, labels: IntArray) -> Inference:
        """The posterior that `fit` found, to be refined. Raises MdlError for a guide whose weights depend."""
        if not isinstance(posterior, MeanField):
            raise MdlError("only independent Gaussians have a message")
        return Inference(posterior, partial(self.refitted, shared, labels))

    def refitted(
        self, shared: Shared, labels: IntArray, posterior: MeanField, how: Refinement, known: FloatArray
    ) -> MeanField:
        """The posterior trained on, given the weights `known` (P,), which are NaN where they are not."""
        kept = [] if posterior.kept is None else [posterior.kept]
        prior = [each for pair in posterior.prior.components for each in pair]
        read = finished.digest(posterior.mean, posterior.sd, known, *prior, *kept, *posterior.others.tensors.values())
        done, under_way = (
            learned_key(work, self, shared, labels, to_config(how), read) for work in ("refitted", "refitting")
        )
        refit = partial(self._refitted, shared, labels, posterior, how, known, under_way)
        mean, sd = finished.once(done, refit, _REFITTED.pack, _REFITTED.unpack)
        return replace(posterior, mean=mean, sd=sd)

    def _refitted(
        self,
        shared: Shared,
        labels: IntArray,
        posterior: MeanField,
        how: Refinement,
        known: FloatArray,
        key: str | None,
    ) -> tuple[FloatArray, FloatArray]:
        """Its means and deviations (P,), kept on their way under the key."""
        from mdlcode.bayes.fitting import Fitting
        from mdlcode.bayes.models import Given
        from mdlcode.bayes.svi import PartlyKnown

        learned, layout = self.initial(shared), posterior.layout
        with_weights(learned, np.where(np.isnan(known), posterior.mean, known), posterior.others)
        learned.net.eval()  # what is not a weight stays as it is sent
        rest = _leave_random(learned, layout, np.isnan(known))
        tensors = Layout.of(learned.net)
        seed = self.seed + int((~np.isnan(known)).sum())  # another order of the labels each time
        fitting = Fitting(learned, tensors, shared, labels, self.estimator, seed, key)
        device = shared.inputs.device
        prior = Given(posterior.prior.take(rest), device)
        start, sd, given = (
            torch.from_numpy(each[rest]).float().to(device) for each in (posterior.mean, posterior.sd, known)
        )
        guide = fitting.run(
            prior,
            lambda model: PartlyKnown(prior, start, sd, given),
            how.training_of(tensors),
            how.rates,
            lambda done: self.kl.weight,
            lambda step, guide: None,
        )
        mean, deviation = posterior.mean.copy(), posterior.sd.copy()
        assert isinstance(guide, PartlyKnown)
        mean[rest], deviation[rest] = _array(guide.loc), np.exp(_array(guide.log_scale))
        return mean, deviation

    def _start(self, learned: NetPredictor, layout: Layout) -> tuple[Tensor, Tensor, Tensor]:
        """Means, posterior deviations and prior scales (P,) to start from."""
        values = [each.detach().reshape(-1) for each in _random(learned.net, layout)]
        means = torch.cat(values)
        if isinstance(self.start, FreshNet):
            return means, torch.full_like(means, self.start.sd), torch.full_like(means, 2 * self.start.sd)
        sizes = torch.cat([torch.full_like(each, _size(each) or _SIZE_OF_NONE) for each in values])
        return means, sizes * torch.where(means == 0, *_STARTING_SDS), sizes

    def _others(self, learned: NetPredictor, shared: Shared) -> Others:
        """What the training has left in a net besides its weights, as it is when it was sent."""
        sent, ledger = deepcopy(learned.net), Ledger()
        send_others(ledger, sent, others(self.initial(shared).net))
        return Others(others(sent), ledger.codelength(2).total_bits)

    def _posterior(
        self, layout: Layout, guide: nn.Module, prior: "PriorModel", kept: Tensor | None, beside: Others
    ) -> MeanField | Sampled:
        from mdlcode.bayes import svi

        prior = deepcopy(prior)  # training may go on with the scales unrounded
        levels = prior.round_scales()
        if isinstance(guide, svi.Independents) and isinstance(self.prior, CodedPrior):
            density, mean, sd = self.prior.density(layout, levels), _array(guide.loc), np.exp(_array(guide.log_scale))
            if kept is None:
                return MeanField(layout, mean, sd, density, levels, others=beside)
            mask = kept.cpu().numpy()
            sd = np.where(mask, sd, _NO_SD)
            return MeanField(layout, mean, sd, density, levels, mask, mask_bits(layout, mask), beside)
        with svi.isolated(), seeded(self.seed, next(guide.parameters()).device):
            drawn = [svi.draw(prior, guide) for _ in range(self.predictive_draws)]
        weights = np.stack([_array(each) for each, _ in drawn])
        return Sampled(layout, weights, np.array([bits for _, bits in drawn]), prior_bits(levels) + beside.bits, beside)


class BayesPredictor(Predictor):
    """Predicts with the mean over draws from the posterior, the same ones at every call."""

    def __init__(self, learner: BayesLearner, shared: Shared, posterior: MeanField | Sampled) -> None:
        self.posterior = posterior
        self._learner, self._shared = learner, shared

    def predict(self, inputs: Tensor) -> FloatArray:
        """Probabilities (m, K) in float64: the mean over the learner's number of draws."""
        return self._mean().predict(inputs)

    def model(self, inputs: Tensor) -> EntropyModel:
        """As of `Predictor`; of densities their mixture."""
        return self._mean().model(inputs)

    def _mean(self) -> MeanPredictor:
        return MeanPredictor([self.one(each) for each in self.weights(self._learner.predictive_draws)])

    def weights(self, draws: int) -> list[FloatArray]:
        """That many draws (P,) of the weights."""
        return self.posterior.draws(draws, self._learner.seed)

    def one(self, weights: FloatArray) -> NetPredictor:
        """The net with these weights (P,)."""
        return with_weights(self._learner.initial(self._shared), weights, self.posterior.others)


def with_weights(learned: NetPredictor, weights: FloatArray, beside: Others = NO_OTHERS) -> NetPredictor:
    """The net, its learned tensors set from one flat array (P,), and others as they are given."""
    fill(learned.net, beside.tensors)
    layout = Layout.of(learned.net)
    values = layout.split(torch.from_numpy(weights).float())
    with torch.no_grad():
        for name, parameter in zip(layout.names, _random(learned.net, layout), strict=True):
            parameter.copy_(values[name])
    return learned


def _leave_random(learned: NetPredictor, layout: Layout, unknown: BoolArray) -> IntArray:
    """The numbers of the weights in tensors that are not all known; the others stop being random."""
    rest, end = [], 0
    for parameter, size in zip(_random(learned.net, layout), layout.sizes, strict=True):
        start, end = end, end + size
        if unknown[start:end].any():
            rest.append(np.arange(start, end))
        else:
            parameter.requires_grad_(False)
    return np.concatenate(rest)


def _size(values: Tensor) -> float:
    """The root mean square of those that are not 0; 0 where all are."""
    kept = values[values != 0]
    return float(kept.square().mean().sqrt()) if len(kept) else 0.0


def _random(net: nn.Module, layout: Layout) -> list[Tensor]:
    named = dict(net.named_parameters())
    return [named[name] for name in layout.names]


def _array(values: Tensor) -> FloatArray:
    return values.detach().double().cpu().numpy()
