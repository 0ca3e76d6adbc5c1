"""Stochastic variational inference of a net's weights with Pyro: the model, the guide, the loop."""

import copy
import math
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.distributions import Categorical, Normal
from pyro.infer import TraceMeanField_ELBO
from pyro.nn import PyroModule
from torch import Tensor, nn

from mdlcode import progress
from mdlcode.bayes.handlers import SITE, Flipout, FlipoutConvolutions, LocalReparameterisation, OneDraw
from mdlcode.bayes.priors import LearnedGaussian
from mdlcode.errors import TrainingError

ESTIMATORS: dict[str, type[OneDraw]] = {
    "local": LocalReparameterisation,
    "flipout": Flipout,
    "mixed": FlipoutConvolutions,
    "one-draw": OneDraw,
}
_CHECK_EVERY = 100  # steps between looks for NaN: each look waits for the device


class MeanFieldGuide(PyroModule):
    """q(weights) = N(loc, exp(log_scale)^2): the KL to a Gaussian prior is closed, unlike that of AutoNormal."""

    def __init__(self, start: Tensor, initial_sd: float) -> None:
        super().__init__()
        self.loc = nn.Parameter(start.clone())
        self.log_scale = nn.Parameter(torch.full_like(start, math.log(initial_sd)))

    def forward(self, *_: Any) -> Tensor:
        """The weights (P,), drawn."""
        drawn: Tensor = pyro.sample(SITE, Normal(self.loc, self.log_scale.exp()).to_event(1))  # type: ignore[no-untyped-call]
        return drawn


class Model:
    """p(weights) p(labels | inputs, weights), the labels' term scaled up from a batch to all n labels."""

    def __init__(self, prior: LearnedGaussian, logits: Callable[[Tensor, Tensor], Tensor], num_labels: int) -> None:
        self._prior, self._logits, self._num_labels = prior, logits, num_labels

    def __call__(self, x: Tensor, targets: Tensor, kl_weight: float) -> None:
        """One run of the model on a batch of standardised inputs."""
        with poutine.scale(scale=kl_weight):
            weights = pyro.sample(SITE, self._prior.distribution())
        with poutine.scale(scale=self._num_labels / len(x)):
            likelihood = Categorical(logits=self._logits(weights, x)).to_event(1)  # type: ignore[no-untyped-call]
            pyro.sample("labels", likelihood, obs=targets)


class Elbo:
    """The negative evidence lower bound per label, in nats, of batches: what is minimised."""

    def __init__(self, model: Model, guide: nn.Module, estimator: OneDraw, num_labels: int) -> None:
        self._model, self._guide, self._estimator, self._num_labels = model, guide, estimator, num_labels
        self._elbo = TraceMeanField_ELBO()  # type: ignore[no-untyped-call]

    def __call__(self, x: Tensor, targets: Tensor, kl_weight: float) -> Tensor:
        """The loss, with its gradient; the Kullback-Leibler part is multiplied by `kl_weight`."""
        loss: Tensor = self._elbo.differentiable_loss(  # type: ignore[no-untyped-call]
            self._model, self._guided, x, targets, kl_weight
        )
        return loss / self._num_labels

    def _guided(self, *arguments: Any) -> Any:
        with self._estimator, poutine.scale(scale=arguments[-1]):
            return self._guide(*arguments)


def isolated() -> AbstractContextManager[Any]:
    """Pyro inside keeps no parameters of other trainings, and spares the checks that wait for the device."""
    stack = ExitStack()
    stack.enter_context(pyro.settings.context(module_local_params=True))
    stack.enter_context(pyro.validation_enabled(False))
    return stack


class LastGood:
    """Keeps the last state of modules at which the loss was finite."""

    def __init__(self, modules: nn.ModuleList) -> None:
        self._modules = modules
        self._state: tuple[int, dict[str, Tensor]] | None = None
        self._losses: list[Tensor] = []

    def note(self, loss: Tensor) -> None:
        """Remembers a loss, to be looked at later."""
        self._losses.append(loss.detach())

    def fails(self, step: int) -> bool:
        """Whether there was a NaN since the last look; then what was kept is brought back, with a warning.

        Raises TrainingError where nothing was good yet.
        """
        finite = bool(torch.isfinite(torch.stack(self._losses)).all())
        self._losses.clear()
        if finite and all(bool(torch.isfinite(each).all()) for each in self._modules.parameters()):
            self._state = step, copy.deepcopy(self._modules.state_dict())
            return False
        if self._state is None:
            raise TrainingError(f"the ELBO ran to NaN or infinity within {step} steps: lower the learning rate")
        kept, state = self._state
        self._modules.load_state_dict(state)
        warnings.warn(f"the ELBO ran to NaN by step {step}: the state of step {kept} is kept", stacklevel=2)
        return True


def train(
    elbo: Elbo,
    modules: nn.ModuleList,
    optimizer: torch.optim.Optimizer,
    order: Tensor,
    batch: Callable[[Tensor], tuple[Tensor, Tensor]],
    schedule: Callable[[int], tuple[float, float]],
    watch: Callable[[int], None],
) -> None:
    """Takes the steps of `order` (steps, size); `schedule` gives learning rate share and KL weight at a step."""
    rates = [group["lr"] for group in optimizer.param_groups]
    kept = LastGood(modules)
    for step, indices in enumerate(order):
        share, kl_weight = schedule(step)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = share * rate
        loss = elbo(*batch(indices), kl_weight)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        progress.advance(1)
        kept.note(loss)
        look = (step + 1) % _CHECK_EVERY == 0 or step + 1 == len(order)
        if look and kept.fails(step + 1):
            return
        watch(step + 1)
