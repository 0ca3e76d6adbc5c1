"""A net whose weights are drawn anew from a Gaussian posterior for each example."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from mdlcode import progress
from mdlcode.bayes.posterior import MeanField
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError

BATCH = 250


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
        for raw, target in zip(torch.split(inputs, BATCH), torch.split(labels, BATCH), strict=True):
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
