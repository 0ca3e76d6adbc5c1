"""Certificates of stochastic nets: each example meets weights of its own, drawn from a Gaussian posterior."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from mdlcode import bounds, progress
from mdlcode.bayes.posterior import MeanField
from mdlcode.bounds.occam import LN2
from mdlcode.certify.certificate import Certificate, HeldOut, choice_bits, tested, unpaid
from mdlcode.certify.hypothesis import INPUTS
from mdlcode.codelength import CHOICE
from mdlcode.data.base import Data, Shared
from mdlcode.errors import MdlError
from mdlcode.typing import IntArray

DRAWS = 150_000  # of a random example and weights each, as in Dziugaite & Roy 2017
_BATCH = 250


class StochasticNet:
    """A net under a posterior, on standardised inputs; counts errors under one draw of weights an example."""

    def __init__(self, net: nn.Module, posterior: MeanField, shared: Shared) -> None:
        self._net, self.posterior = net.eval(), posterior
        self._moments = shared.moments
        device = shared.inputs.device
        mean, sd = (torch.from_numpy(each).float().to(device) for each in (posterior.mean, posterior.sd))
        self._mean, self._sd = posterior.layout.split(mean), posterior.layout.split(sd)

    @torch.no_grad()
    def errors(self, inputs: Tensor, labels: Tensor, seed: int) -> int:
        """How many of these labels (m,) are missed, the weights drawn anew for each of the inputs (m, ...).

        The misses are independent, each with the stochastic net's risk on its input as probability. Raises
        MdlError for random tensors outside dense layers and convolutions, naming one.
        """
        generator, wrong = Generator().manual_seed(seed), torch.zeros((), dtype=torch.int64, device=inputs.device)
        finite = torch.ones((), dtype=torch.bool, device=inputs.device)
        progress.start("draws", len(labels))
        mean, std = self._moments
        for raw, target in zip(torch.split(inputs, _BATCH), torch.split(labels, _BATCH), strict=True):
            with OwnWeights(self._mean, self._sd, generator) as layers:
                logits = functional_call(self._net, self._mean, ((raw.float() - mean) / std,))
            if unseen := sorted(self._mean.keys() - layers.seen):
                raise MdlError(f"'{unseen[0]}' is random but of no dense layer or convolution: fix it, or leave it out")
            finite &= torch.isfinite(logits).all()
            wrong += (logits.argmax(1) != target).sum()
            progress.advance(len(target))
        if not bool(finite):
            raise MdlError("the stochastic net predicts NaN or infinite values: its errors can't be counted")
        return int(wrong)


class OwnWeights(TorchFunctionMode):
    """Inside, a dense layer or convolution draws its weights anew for each example of its batch.

    A convolution draws a kernel for each example. A dense layer draws its outputs: they are Gaussian given
    the input, and independent, so this is the same distribution (Kingma et al. 2015).
    """

    def __init__(self, mean: dict[str, Tensor], sd: dict[str, Tensor], generator: Generator) -> None:
        super().__init__()
        self._random = {id(value): (name, sd[name]) for name, value in mean.items()}
        self._generator = generator
        self.seen: set[str] = set()

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func not in (F.linear, F.conv2d) or len(args) < 3 or id(args[1]) not in self._random:
            return func(*args, **(kwargs or {}))
        x, weight, bias, *rest = args
        sd, bias_sd = self._sd(weight), None if bias is None else self._sd(bias)
        if func is F.linear:
            return self._dense(x, weight, sd, bias, bias_sd)
        kernels = weight + sd * self._noise(len(x), *weight.shape)  # (m, O, I, h, w)
        geometry = [*rest, *(1, 0, 1, 1)[len(rest) :]]  # stride, padding, dilation, groups
        joined = x.reshape(1, -1, *x.shape[2:])
        out = func(joined, kernels.flatten(0, 1), None, *geometry[:3], geometry[3] * len(x))
        out = out.reshape(len(x), len(weight), *out.shape[2:])
        if bias is None or bias_sd is None:
            return out
        return out + (bias + bias_sd * self._noise(len(x), len(bias)))[:, :, None, None]

    def _dense(self, x: Tensor, weight: Tensor, sd: Tensor, bias: Tensor | None, bias_sd: Tensor | None) -> Tensor:
        if x.ndim != 2:
            raise MdlError(f"a dense layer on inputs {tuple(x.shape)} shares its weights over places: not supported")
        mean = F.linear(x, weight, bias)
        variance = F.linear(x.square(), sd.square(), None if bias_sd is None else bias_sd.square())
        return mean + variance.clamp(min=0).sqrt() * self._noise(*mean.shape)

    def _sd(self, mean: Tensor) -> Tensor:
        if id(mean) not in self._random:  # a bias that is not random
            return torch.zeros_like(mean)
        name, sd = self._random[id(mean)]
        if name in self.seen:
            raise MdlError(f"'{name}' is used twice for one input, so its draws would not be one: not supported")
        self.seen.add(name)
        return sd

    def _noise(self, *shape: int) -> Tensor:
        """Standard normal numbers, the same ones on every device."""
        like = next(iter(self._random.values()))[1]
        return torch.randn(shape, generator=self._generator).to(like.device)


def certify_stochastic(
    net: StochasticNet,
    data: Data,
    source: str,
    delta: float = 0.04,
    mc_delta: float = 0.01,
    candidates: int = 1,
    mc_draws: int = DRAWS,
    seed: int = 0,
) -> Certificate:
    """The certificate of a stochastic net, one that draws new weights for each input it sees.

    Its mean empirical risk is bounded from `mc_draws` random examples with weights of their own, at `mc_delta`;
    the posterior that they are drawn from is the one whose KL is paid, with the prior's learned scales,
    moments read off the inputs, and log2 `candidates`; `mc_delta` is split among these, as each has draws of
    its own. Raises MdlError as `certify` does, and for delta + mc_delta of 1 or more.
    """
    bits = {f"KL {name}": each for name, each in net.posterior.kl_bits_by_tensor().items()}
    bits |= {"prior scales": net.posterior.prior_bits, INPUTS: data.shared.moment_bits, **choice_bits(candidates)}
    bits = {part: each for part, each in bits.items() if each}
    total_bits, n = math.fsum(bits.values()), len(data)
    errors = _drawn_errors(net, data, mc_draws, seed)
    # Checks delta, mc_delta and their sum before it answers.
    bounds.certificate(errors / mc_draws, mc_draws, n, total_bits * LN2, delta, mc_delta)
    risk, alone = (
        float(bounds.sample_convergence(errors / mc_draws, mc_draws, mc_delta / tried)) for tried in (candidates, 1)
    )
    net_bits = math.fsum(each for part, each in bits.items() if part != CHOICE)
    return Certificate(
        dataset=data.name,
        source=source,
        n=n,
        errors=errors,
        evaluated=mc_draws,
        risk=risk,
        delta=delta,
        mc_delta=mc_delta,
        bits_by_part=bits,
        total_bits=total_bits,
        bounds=bounds.side_by_side(bounds.stochastic_bounds(risk, n, total_bits * LN2, delta)),
        test=_test(net, data, delta, seed),
        candidates=candidates,
        unpaid_bound=unpaid(candidates, lambda: bounds.stochastic_bounds(alone, n, net_bits * LN2, delta)),
    )


def _drawn_errors(net: StochasticNet, data: Data, mc_draws: int, seed: int) -> int:
    """Errors on examples drawn at random with replacement."""
    chosen = torch.randint(len(data), (mc_draws,), generator=Generator().manual_seed(seed + 1))
    labels, inputs = torch.from_numpy(data.labels), data.shared.inputs
    # In pieces: a copy of all drawn inputs would be larger than the data.
    pieces = enumerate(torch.split(chosen, 100 * _BATCH))
    return sum(
        net.errors(inputs[piece.to(inputs.device)], labels[piece].to(inputs.device), seed + 2 + index)
        for index, piece in pieces
    )


def _test(net: StochasticNet, data: Data, delta: float, seed: int) -> HeldOut | None:
    """The test-set bound on the same stochastic net: its misses on new inputs are independent coins."""
    labels: IntArray | None = data.test_labels
    if data.test_inputs is None or labels is None:
        return None
    targets = torch.from_numpy(labels).to(data.test_inputs.device)
    return tested(net.errors(data.test_inputs, targets, seed), labels, delta)
