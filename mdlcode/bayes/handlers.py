"""Estimators of the expected loss with little variance: what a layer does with random weights.

Each is a Pyro handler round the guide, which remembers the Gaussian that the weights are drawn from, and
a mode of torch inside which `F.linear` and `F.conv2d` see that Gaussian where they would see one draw.
So any module works; weights of other layers than `nn.Linear` and `nn.Conv2d` are drawn once for the batch.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from pyro.distributions import Independent, Normal
from pyro.poutine.messenger import Messenger
from torch import Generator, Tensor, nn
from torch.overrides import TorchFunctionMode

from mdlcode.bayes.models import SITE
from mdlcode.bayes.posterior import Layout
from mdlcode.errors import MdlError
from mdlcode.learn.nets.determinism import sent
from mdlcode.nets.held import call_with

_BANK = 1 << 23  # normal numbers drawn beforehand: drawing them anew takes as long as a convolution
_TINY = 1e-10  # keeps the square root's slope finite where all inputs are zero


class OneDraw(Messenger):
    """The plain estimator: one draw of all weights for the whole batch."""

    def __init__(self, net: nn.Module, layout: Layout, bf16: bool, seed: int) -> None:
        """Of a net whose random weights `layout` lists; the noise comes from a generator of its own."""
        super().__init__()
        self.net, self.layout, self._bf16 = net, layout, bf16
        self.generator = Generator().manual_seed(seed)

    @property
    def moving(self) -> list[Tensor]:
        """What else changes along a training."""
        return []

    def logits(self, weights: Tensor, x: Tensor) -> Tensor:
        """Float32 logits (m, K) of standardised inputs under weights (P,) that the guide drew."""
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self._bf16):
            return self._forward(weights, x).float()

    def _forward(self, weights: Tensor, x: Tensor) -> Tensor:
        logits: Tensor = call_with(self.net, self.layout.split(weights), x)
        return logits


class _PerExample(OneDraw):
    """Layers with weights of their own for each example; `_outputs` says how."""

    def __init__(self, net: nn.Module, layout: Layout, bf16: bool, seed: int) -> None:
        super().__init__(net, layout, bf16, seed)
        self._device = next(net.parameters()).device
        self._bank = torch.randn(_BANK, generator=self.generator).to(self._device)
        self._names = _weights_of_layers(net, layout)
        self._apart = np.ones(len(self._names), dtype=np.bool_)  # which of them are seen in layers; on the host
        self._gaussian: tuple[Tensor, Tensor] | None = None

    @property
    def moving(self) -> list[Tensor]:
        """As of `OneDraw`."""
        return [torch.from_numpy(self._apart)]  # of the same memory

    def _pyro_post_sample(self, msg: Any) -> None:
        fn = msg["fn"].base_dist if isinstance(msg["fn"], Independent) else msg["fn"]
        if msg["name"] == SITE and isinstance(fn, Normal):
            self._gaussian = fn.loc, fn.scale

    def _forward(self, weights: Tensor, x: Tensor) -> Tensor:
        if self._gaussian is None:
            raise MdlError("this estimator needs a mean-field Gaussian guide: take estimator 'one-draw'")
        mean, sd = (self.layout.split(each) for each in self._gaussian)
        drawn = self.layout.split(weights)
        while True:
            apart = [name for name, seen in zip(self._names, self._apart, strict=True) if seen]
            moments = {mean[name]: (sd[name], drawn[name]) for name in apart}
            with _Layers(moments, self._outputs) as layers:
                means = {name: mean[name] for name in apart}
                logits: Tensor = call_with(self.net, {**drawn, **means}, x)
            if all(id(mean[name]) in layers.seen for name in apart):
                return logits
            # Others are used outside F.linear and F.conv2d, as attention does.
            self._apart &= np.array([id(mean[name]) in layers.seen for name in self._names])

    def _noise(self, like: Tensor) -> Tensor:
        if like.numel() >= _BANK:
            return torch.randn(like.shape, generator=self.generator).to(like)
        start = int(torch.randint(_BANK - like.numel(), (1,), generator=self.generator))
        return self._bank[start : start + like.numel()].as_strided(like.shape, like.stride())

    def _signs(self, *shape: int) -> Tensor:
        return sent(2 * torch.randint(2, shape, generator=self.generator) - 1, self._device)

    def _outputs(self, apply: Callable[..., Tensor], x: Tensor, weight: "_Random", bias: "_Random | None") -> Tensor:
        raise NotImplementedError


class _Random:
    """A tensor of weights: its mean, deviation, and one draw."""

    def __init__(self, mean: Tensor, sd: Tensor, drawn: Tensor) -> None:
        self.mean, self.sd, self.drawn = mean, sd, drawn


class LocalReparameterisation(_PerExample):
    """Draws each output, Gaussian given its inputs, in place of the weights (Kingma et al. 2015).

    Exact for a dense layer; a convolution's outputs at different places are drawn as if independent.
    """

    def _outputs(self, apply: Callable[..., Tensor], x: Tensor, weight: _Random, bias: _Random | None) -> Tensor:
        mean = apply(x, weight.mean, None if bias is None else bias.mean)
        variance = apply(x.square(), weight.sd.square(), None if bias is None else bias.sd.square())
        return mean + self._noise(mean) * (variance + _TINY).sqrt()


class Flipout(_PerExample):
    """Gives each example the batch's one draw with random signs by input and output (Wen et al. 2018)."""

    def _outputs(self, apply: Callable[..., Tensor], x: Tensor, weight: _Random, bias: _Random | None) -> Tensor:
        mean = apply(x, weight.mean, None if bias is None else bias.mean)
        inner, outer = (self._signs(*_one_place(each, weight.mean.ndim)).to(x.dtype) for each in (x, mean))
        noise = apply(x * inner, weight.drawn - weight.mean, None) * outer
        if bias is None:
            return mean + noise
        own = self._noise(torch.empty(len(x), len(bias.sd), device=self._device)) * bias.sd
        return mean + noise + own.reshape(outer.shape)


class FlipoutConvolutions(LocalReparameterisation):
    """Flipout where a convolution shares its weights over places, local reparameterisation elsewhere."""

    def _outputs(self, apply: Callable[..., Tensor], x: Tensor, weight: _Random, bias: _Random | None) -> Tensor:
        kind = Flipout if weight.mean.ndim > 2 else LocalReparameterisation
        return kind._outputs(self, apply, x, weight, bias)  # type: ignore[arg-type]


class _Layers(TorchFunctionMode):
    """Inside, dense layers and convolutions on a known mean are handed to `outputs`."""

    def __init__(self, moments: dict[Tensor, tuple[Tensor, Tensor]], outputs: Callable[..., Tensor]) -> None:
        super().__init__()
        self._random = {id(mean): _Random(mean, *others) for mean, others in moments.items()}
        self._outputs = outputs
        self.seen: set[int] = set()

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func not in (F.linear, F.conv2d) or len(args) < 3 or not {id(each) for each in args[1:3]} & {*self._random}:
            return func(*args, **(kwargs or {}))
        x, weight, bias, *rest = args
        self.seen |= {id(weight), id(bias)}

        def apply(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            out: Tensor = func(x, weight, bias, *rest, **(kwargs or {}))
            return out

        return self._outputs(apply, x, self._of(weight), None if bias is None else self._of(bias))

    def _of(self, values: Tensor) -> _Random:
        """What is random of these values: nothing, where all are known already."""
        return self._random.get(id(values)) or _Random(values, torch.zeros_like(values), values)


def _one_place(values: Tensor, weight_dims: int) -> list[int]:
    """The shape of one number for each example and feature: (m, C, 1, 1) of images, (m, 1, F) of sequences."""
    if weight_dims > 2:
        return [*values.shape[:2], *[1] * (values.ndim - 2)]
    return [len(values), *[1] * (values.ndim - 2), values.shape[-1]]


def _weights_of_layers(net: nn.Module, layout: Layout) -> list[str]:
    """The names of the random weights and biases of all dense layers and convolutions."""
    found = [
        f"{name}.{each}".lstrip(".")
        for name, layer in net.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d)
        for each, _ in layer.named_parameters(recurse=False)
    ]
    return [name for name in found if name in layout.names]
