"""Stochastic variational inference of a net's weights with Pyro: the model, the guide, the loss."""

import math
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Any, cast

import numpy as np
import pyro
import torch
from pyro import poutine
from pyro.distributions import Categorical, Delta, LogNormal, Normal
from pyro.distributions.transforms import affine_autoregressive
from pyro.infer.autoguide import AutoNormalizingFlow
from pyro.nn import PyroModule
from torch import Tensor, nn
from torch.distributions import kl_divergence

from mdlcode.bayes.handlers import Flipout, FlipoutConvolutions, LocalReparameterisation, OneDraw
from mdlcode.bayes.models import HARDLY, SITE, PriorModel
from mdlcode.data.sequences import UNLABELLED
from mdlcode.errors import TrainingError
from mdlcode.learn.families import DensityHead

ESTIMATORS: dict[str, type[OneDraw]] = {
    "local": LocalReparameterisation,
    "flipout": Flipout,
    "mixed": FlipoutConvolutions,
    "one-draw": OneDraw,
}


class Independents(PyroModule):
    """q(weights) = N(loc, exp(log_scale)^2), and a log-normal for each positive site of the prior.

    The KL to a Gaussian prior is in closed form, unlike that of Pyro's AutoNormal.
    """

    def __init__(self, prior: PriorModel, start: Tensor, sd: Tensor) -> None:
        """With means (P,) and deviations (P,) to start from."""
        super().__init__()
        self.loc = nn.Parameter(start.clone())
        self.log_scale = nn.Parameter(sd.log())
        zeros = {name: torch.zeros(size, device=start.device) for name, size in prior.positive.items()}
        self.positive_loc = nn.ParameterDict({name: nn.Parameter(zero.clone()) for name, zero in zeros.items()})
        self.positive_log_scale = nn.ParameterDict({name: nn.Parameter(zero - 2) for name, zero in zeros.items()})

    def forward(self, *_: Any) -> None:
        """Draws all latent sites of the prior."""
        for name, loc in self.positive_loc.items():
            pyro.sample(name, LogNormal(loc, self.positive_log_scale[name].exp()).to_event(1))
        pyro.sample(SITE, self.weights().to_event(1))

    def weights(self) -> Normal:
        """The distribution of the weights (P,)."""
        return Normal(self.loc, self.log_scale.exp())


class PartlyKnown(Independents):
    """As `Independents`, but for weights that are known."""

    def __init__(self, prior: PriorModel, start: Tensor, sd: Tensor, known: Tensor) -> None:
        """`known` (P,) holds weights, NaN where one is not known."""
        super().__init__(prior, start, sd)
        self._is_known, self._known = ~known.isnan(), known.nan_to_num()

    def weights(self) -> Normal:
        """As of `Independents`; a known weight hardly varies, and has no gradient."""
        free = super().weights()
        loc = torch.where(self._is_known, self._known, free.loc)
        return Normal(loc, torch.where(self._is_known, HARDLY, free.scale))


class Flow(AutoNormalizingFlow):
    """Pyro's inverse autoregressive flow on N(start, sd^2) in place of N(0, 1): a net needs small weights."""

    def __init__(self, model: Callable[..., Any], start: Tensor, sd: float) -> None:
        """With one deviation for all weights."""
        super().__init__(model, lambda size: affine_autoregressive(size, hidden_dims=[size]))
        self._start, self._sd = start, sd

    def get_base_dist(self) -> Any:
        """The distribution that the flow bends."""
        rest = self.latent_dim - len(self._start)
        loc = torch.cat([self._start.new_zeros(rest), self._start])
        return Normal(loc, torch.full_like(loc, self._sd)).to_event(1)


class Model:
    """p(weights) p(labels | inputs, weights), the labels' term scaled up from a batch to all n labels.

    Labels are classes, or what `head` reads outputs as densities of.
    """

    def __init__(
        self,
        prior: PriorModel,
        logits: Callable[[Tensor, Tensor], Tensor],
        num_labels: int,
        head: DensityHead | None = None,
    ) -> None:
        self._prior, self._logits, self._num_labels, self._head = prior, logits, num_labels, head

    def __call__(self, x: Tensor, targets: Tensor, kl_weight: float) -> None:
        """One run of the model on a batch of standardised inputs."""
        with poutine.scale(scale=kl_weight):
            weights = self._prior.sample()
        logits = self._logits(weights, x)
        if logits.ndim > 2:  # those of tokens, some of which have no label
            here = targets != UNLABELLED
            logits, targets = logits[here], targets[here]
        with poutine.scale(scale=self._num_labels / len(targets)):
            if self._head is None:
                pyro.sample("labels", Categorical(logits=logits).to_event(1), obs=targets)
            else:
                pyro.factor("labels", -self._head.nats(logits, targets).sum())


def negative_elbo(model: Callable[..., Any], guide: Callable[..., Any], *arguments: Any) -> Tensor:
    """KL(guide, prior) - log likelihood in nats, as Pyro's TraceMeanField_ELBO has it: by one draw from the guide.

    A KL that is not closed is the draw's own log ratio. Other than Pyro's own loss it never waits for the device, and
    works out no density that cancels or is not asked for: those of all weights take longer than their KL.
    """
    guided = poutine.trace(guide).get_trace(*arguments)
    run = poutine.trace(poutine.replay(model, trace=guided)).get_trace(*arguments)
    divergences = [_kl(guided, run, name) for name in run.stochastic_nodes]
    likelihoods = [-_log_density(run, name) for name in run.observation_nodes]
    auxiliary = [_log_density(guided, name) for name in guided.stochastic_nodes if name not in run.nodes]
    return torch.stack([*divergences, *likelihoods, *auxiliary]).sum()


def _kl(guided: Any, run: Any, name: str) -> Tensor:
    """KL of one site in nats, times the site's scale."""
    posterior, prior = guided.nodes[name], run.nodes[name]
    if not isinstance(posterior["fn"], Delta):  # Pyro's KL of a Delta forgets the density that it was made with
        with suppress(NotImplementedError):
            return cast(Tensor, posterior["scale"] * kl_divergence(posterior["fn"], prior["fn"]))
    return _log_density(guided, name) - _log_density(run, name)


def _log_density(trace: Any, name: str) -> Tensor:
    """Log density in nats of what was drawn or observed at one site, times the site's scale."""
    trace.compute_log_prob(lambda other, _: other == name)
    return cast(Tensor, trace.nodes[name]["log_prob_sum"])


class Elbo:
    """The negative evidence lower bound per label, in nats, of batches: what is minimised."""

    def __init__(self, model: Model, guide: nn.Module, estimator: OneDraw, num_labels: int) -> None:
        self._model, self._guide, self._estimator, self._num_labels = model, guide, estimator, num_labels

    def __call__(self, x: Tensor, targets: Tensor, kl_weight: float) -> Tensor:
        """The loss, with its gradient; the Kullback-Leibler part is multiplied by `kl_weight`."""
        return negative_elbo(self._model, self._guided, x, targets, kl_weight) / self._num_labels

    def _guided(self, *arguments: Any) -> Any:
        with self._estimator, poutine.scale(scale=arguments[-1]):
            return self._guide(*arguments)


def draw(prior: PriorModel, guide: Callable[[], Any]) -> tuple[Tensor, float]:
    """Weights (P,) drawn from the guide, and log2 q / p of all that was drawn."""
    with torch.no_grad():
        posterior = poutine.trace(guide).get_trace()
        replayed = poutine.trace(poutine.replay(prior.sample, trace=posterior)).get_trace()
        nats = posterior.log_prob_sum() - replayed.log_prob_sum()
    weights = cast(Tensor, replayed.nodes[SITE]["value"])
    return weights, float(nats) / math.log(2)


def isolated() -> AbstractContextManager[Any]:
    """Pyro inside keeps no parameters of other trainings, and spares the checks that wait for the device."""
    stack = ExitStack()
    stack.enter_context(pyro.settings.context(module_local_params=True))
    stack.enter_context(pyro.validation_enabled(False))
    return stack


class LastGood:
    """Keeps the last state of modules at which the loss was finite."""

    def __init__(self, modules: nn.ModuleList) -> None:
        self._parameters = list(modules.parameters())
        self._tensors = [each.detach() for each in (*self._parameters, *modules.buffers())]
        self._kept = [each.clone() for each in self._tensors]
        self._finite = torch.ones((), dtype=torch.bool, device=self._tensors[0].device)  # since the last look
        self._step = np.zeros((), dtype=np.int64)  # of what is kept, 0 where nothing is; on the host

    @property
    def moving(self) -> list[Tensor]:
        """All that changes with steps and looks, besides the modules."""
        return [*self._kept, self._finite, torch.from_numpy(self._step)]  # of the same memory

    def note(self, loss: Tensor) -> None:
        """Remembers whether a loss is finite, without waiting for the device."""
        self._finite &= torch.isfinite(loss.detach())

    def fails(self, step: int) -> bool:
        """Whether there was a NaN since the last look; then what was kept is brought back, with a warning.

        Each look waits for the device. Raises TrainingError where nothing was good yet.
        """
        if bool(self._finite) and all(bool(torch.isfinite(each).all()) for each in self._parameters):
            self._copy(self._kept, self._tensors)
            self._step[...] = step
            return False
        if not self._step:
            raise TrainingError(f"the ELBO ran to NaN or infinity within {step} steps: lower the learning rate")
        self._copy(self._tensors, self._kept)
        warnings.warn(f"the ELBO ran to NaN by step {step}: the state of step {self._step} is kept", stacklevel=2)
        return True

    def _copy(self, to: Sequence[Tensor], of: Sequence[Tensor]) -> None:
        for each, value in zip(to, of, strict=True):
            each.copy_(value)
