"""Nets of every kind that a user may bring: each a factory `(input_shape, num_classes) -> nn.Module`.

They take 12 real numbers an input, but for `embedding`, which takes tokens below 20.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

W = 8
Shape = tuple[int, ...]
Factory = Callable[[Shape, int], nn.Module]


def dense(*middle: Callable[[], nn.Module]) -> Factory:
    """A hidden layer of 8 units with these layers behind it, and a readout."""

    def make(shape: Shape, classes: int) -> nn.Module:
        return nn.Sequential(
            nn.Flatten(), nn.Linear(math.prod(shape), W), *[m() for m in middle], nn.Linear(W, classes)
        )

    return make


def convolution(*middle: Callable[[], nn.Module]) -> Factory:
    """The same with a convolution of 4 maps, over images of 4 x 3."""

    def make(shape: Shape, classes: int) -> nn.Module:
        image = [nn.Unflatten(1, (1, 4, 3)), nn.Conv2d(1, 4, 3, padding=1)]
        return nn.Sequential(*image, *[m() for m in middle], nn.Flatten(), nn.Linear(48, classes))

    return make


def changed(how: Callable[[nn.Sequential], Any], *middle: Callable[[], nn.Module]) -> Factory:
    """A dense net after `how` was called on it."""

    def make(shape: Shape, classes: int) -> nn.Module:
        net = dense(*(middle or (nn.ReLU,)))(shape, classes)
        assert isinstance(net, nn.Sequential)
        how(net)
        return net

    return make


batch_norm_after = dense(nn.ReLU, lambda: nn.BatchNorm1d(W))
batch_norm_before = dense(lambda: nn.BatchNorm1d(W), nn.ReLU)
batch_norm_plain = dense(lambda: nn.BatchNorm1d(W, affine=False), nn.ReLU)
batch_norm_untracked = dense(lambda: nn.BatchNorm1d(W, track_running_stats=False), nn.ReLU)
batch_norm_cumulative = dense(nn.ReLU, lambda: nn.BatchNorm1d(W, momentum=None))
batch_norm_2d = convolution(nn.ReLU, lambda: nn.BatchNorm2d(4))
instance_norm = convolution(lambda: nn.InstanceNorm2d(4, affine=True, track_running_stats=True), nn.ReLU)
layer_and_group_norm = dense(lambda: nn.LayerNorm(W), nn.GELU, lambda: nn.GroupNorm(2, W))


def batch_norm_first(shape: Shape, classes: int) -> nn.Module:
    return nn.Sequential(nn.BatchNorm1d(shape[0]), nn.Linear(shape[0], classes), nn.ReLU(), nn.BatchNorm1d(classes))


old_weight_norm = changed(lambda net: (weight_norm(net[1]), weight_norm(net[3], dim=1)))
new_weight_norm = changed(lambda net: parametrizations.weight_norm(net[1]))
old_spectral_norm = changed(lambda net: spectral_norm(net[1]))
new_spectral_norm = changed(lambda net: parametrizations.spectral_norm(net[1]))
half_frozen = changed(lambda net: net[1].requires_grad_(False))
frozen = changed(lambda net: net.requires_grad_(False))


def _prune(net: nn.Sequential) -> None:
    prune.l1_unstructured(net[1], "weight", 0.5)
    prune.random_unstructured(net[1], "bias", 0.5)
    prune.ln_structured(net[1], "weight", 0.3, n=2, dim=0)  # a second mask on the first


pruned = changed(_prune)


def layer_twice(shape: Shape, classes: int) -> nn.Module:
    layer = nn.Linear(W, W)
    return nn.Sequential(nn.Linear(12, W), nn.ReLU(), layer, nn.ReLU(), layer, nn.ReLU(), nn.Linear(W, classes))


def _two(second: Callable[[Any], Any]) -> Factory:
    def make(shape: Shape, classes: int) -> nn.Module:
        one, two = nn.Linear(W, W), nn.Linear(W, W)
        two.weight = second(one.weight)
        return nn.Sequential(nn.Linear(12, W), nn.ReLU(), one, nn.ReLU(), two, nn.Linear(W, classes))

    return make


tied = _two(lambda weight: weight)
same_memory = _two(lambda weight: nn.Parameter(weight.data))
transposed_view = _two(lambda weight: nn.Parameter(weight.data.T))


class Gives(nn.Module):
    """A dense net whose output is changed."""

    def __init__(self, net: nn.Module, change: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.net, self.change = net, change

    def forward(self, x: Tensor) -> Any:
        return self.change(self.net(x))


class Output:
    def __init__(self, logits: Tensor) -> None:
        self.logits = logits


def giving(change: Callable[[Tensor], Any], one: bool = False, more: int = 0) -> Factory:
    return lambda shape, classes: Gives(dense(nn.ReLU)(shape, 1 if one else classes + more), change)


gives_tuple = giving(lambda z: (z, z.sum()))
gives_dict = giving(lambda z: {"loss": z.sum(), "logits": z})
gives_object = giving(Output)
gives_log_probabilities = giving(lambda z: z.log_softmax(1))
gives_squeezed = giving(lambda z: z.squeeze())
gives_one_logit = giving(lambda z: z, one=True)
gives_one_flat_logit = giving(lambda z: z.squeeze(), one=True)
gives_unnamed = giving(lambda z: {"a": z, "b": z})
gives_classes = giving(lambda z: z.argmax(1))
gives_whole = giving(lambda z: z.long())
gives_nan = giving(lambda z: z / 0 * 0)
gives_detached = giving(lambda z: z.detach())
gives_half_the_batch = giving(lambda z: z[:1])
gives_more_classes = giving(lambda z: z, more=1)


class OddTensors(nn.Module):
    """Buffers of all types, persistent or not, that training changes or not; parameters of one number, idle, empty."""

    order: Tensor
    project: Tensor
    wave: Tensor
    mask: Tensor
    fine: Tensor
    steps: Tensor
    rows: Tensor
    mean: Tensor

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(math.prod(shape), W), nn.Linear(W, classes)
        buffers = {"project": torch.randn(W, W), "order": torch.randperm(W), "wave": torch.randn(W, dtype=torch.cfloat)}
        buffers |= {"mask": torch.full((W, W), -math.inf).triu(1), "fine": torch.randn(W).double()}
        buffers |= {"steps": torch.zeros((), dtype=torch.int64), "rows": torch.zeros(1).expand(W)}
        for name, value in buffers.items():
            self.register_buffer(name, value)
        self.register_buffer("mean", torch.zeros(W), persistent=False)
        self.scale, self.idle, self.empty = (
            nn.Parameter(each) for each in (torch.ones(()), torch.zeros(3, 4), torch.zeros(0))
        )
        self.fixed, self.list = nn.Parameter(torch.randn(W, W), requires_grad=False), nn.ParameterList([torch.ones(W)])

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x).relu()[:, self.order] @ self.project @ self.fixed + self.wave.real + self.fine.float()
        h = h + self.mask.softmax(1).sum(0) + self.rows
        if self.training:
            self.steps += 1
            self.mean.mul_(0.9).add_(h.detach().mean(0), alpha=0.1)
        logits: Tensor = self.last(h - self.mean) * self.scale * self.list[0].mean() + self.steps % 3
        return logits


odd_tensors = OddTensors


def lazy(shape: Shape, classes: int) -> nn.Module:
    return nn.Sequential(nn.LazyLinear(W), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(classes))


class Typed(nn.Module):
    """A dense net in another type than float32."""

    def __init__(self, net: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.net, self.dtype = net.to(dtype), dtype

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x.to(self.dtype))
        return out


class Waves(nn.Module):
    """The sizes of complex numbers."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.waves, self.out = nn.Parameter(torch.randn(12, W, dtype=torch.cfloat)), nn.Linear(W, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.out((x.to(self.waves.dtype) @ self.waves).abs())
        return logits


def in_double(shape: Shape, classes: int) -> nn.Module:
    return Typed(new_weight_norm(shape, classes), torch.float64)


def in_bfloat16(shape: Shape, classes: int) -> nn.Module:
    return Typed(dense(nn.ReLU)(shape, classes), torch.bfloat16)


def in_complex(shape: Shape, classes: int) -> nn.Module:
    return Waves(classes)


class Noisy(nn.Module):
    """Random numbers in evaluation mode too."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = F.dropout(self.net(x), 0.5, training=True)
        return logits + torch.randn(len(x), 1)


def noisy(shape: Shape, classes: int) -> nn.Module:
    return Noisy(dense(nn.ReLU)(shape, classes))


class Growing(nn.Module):
    """A buffer that gets longer."""

    seen: Tensor

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen = torch.cat([self.seen, x.mean()[None]])
        logits: Tensor = self.net(x) + self.seen.mean()
        return logits


def growing(shape: Shape, classes: int) -> nn.Module:
    return Growing(dense(nn.ReLU)(shape, classes))


class Series(nn.Module):
    """Twelve numbers as three steps of four, through a module that returns a tuple or a tensor, and read out."""

    def __init__(self, over: nn.Module, features: int, classes: int) -> None:
        super().__init__()
        self.over, self.out = over, nn.Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        steps = x.reshape(len(x), 3, 4)
        after = self.over(steps, steps, steps) if isinstance(self.over, nn.MultiheadAttention) else self.over(steps)
        logits: Tensor = self.out((after[0] if isinstance(after, tuple) else after).mean(1))
        return logits


def lstm(shape: Shape, classes: int) -> nn.Module:
    net = nn.LSTM(4, 6, batch_first=True, bidirectional=True)
    parametrizations.weight_norm(net, "weight_hh_l0")
    return Series(net, 12, classes)


def gru(shape: Shape, classes: int) -> nn.Module:
    return Series(nn.GRU(4, 6, batch_first=True, num_layers=2, dropout=0.1), 6, classes)


def attention(shape: Shape, classes: int) -> nn.Module:
    return Series(nn.MultiheadAttention(4, 2, batch_first=True), 4, classes)


def transformer(shape: Shape, classes: int) -> nn.Module:
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    return Series(nn.TransformerEncoder(layer, 1, enable_nested_tensor=False), 4, classes)


class Embedded(nn.Module):
    """Embeddings of tokens, and a bag of them."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.table, self.bag, self.out = (
            nn.Embedding(20, W, padding_idx=0),
            nn.EmbeddingBag(20, W),
            nn.Linear(W, classes),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.out(self.table(tokens).mean(1) + self.bag(tokens))
        return logits


def embedding(shape: Shape, classes: int) -> nn.Module:
    return Embedded(classes)


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm = nn.Linear(W, W), nn.BatchNorm1d(W)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.norm(self.layer(x).relu())
        return out


residual = dense(_Residual, lambda: nn.Dropout(0.2))
