"""Nets as a user would write them."""

import math

import torch
from torch import Tensor, nn


def tiny(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), num_classes))


def dropping(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), 8), nn.Dropout(0.5), nn.Linear(8, num_classes))


dropping.cache_version = "1"  # type: ignore[attr-defined]


class Attending(nn.Module):
    """Attention over the rows of an image: random weights outside of layers that an estimator knows."""

    def __init__(self, size: int, num_classes: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(size, 2, batch_first=True)
        self.last = nn.Linear(size, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(1, 2)  # (m, H, W)
        out: Tensor = self.last(self.attention(rows, rows, rows)[0].mean(1))
        return out


def attending(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return Attending(input_shape[-1], num_classes)


attending.cache_version = "1"  # type: ignore[attr-defined]


def broken(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    raise ValueError("no such thing")


def short(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return tiny(input_shape, 3)


def bare(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), num_classes, bias=False))


def tied(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return Tied(math.prod(input_shape), num_classes)


class _Extra(nn.Identity):
    def __init__(self) -> None:
        super().__init__()
        self.extra = nn.Parameter(torch.zeros(0))


def empty(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), num_classes), _Extra())


class Tied(nn.Module):
    """Two layers of one weight."""

    def __init__(self, size: int, num_classes: int) -> None:
        super().__init__()
        self.flat = nn.Flatten()
        self.first = nn.Linear(size, size)
        self.second = nn.Linear(size, size)
        self.second.weight = self.first.weight
        self.last = nn.Linear(size, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.second(self.first(self.flat(x)).relu()).relu())
        return out


class Counting(nn.Module):
    """A buffer that every batch in training changes, and predictions read."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen += x.detach().mean()
        return x + self.seen


def counting(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return nn.Sequential(Counting(), tiny(input_shape, num_classes))


def frozen(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return tiny(input_shape, num_classes).requires_grad_(False)


def half_frozen(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    net = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), 32), nn.ReLU(), nn.Linear(32, num_classes))
    net[1].requires_grad_(False)
    return net


class TokenNet(nn.Module):
    """The mean of the tokens' embeddings, read out; it refuses anything but whole numbers."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.table, self.readout = nn.Embedding(50, 8), nn.Linear(8, num_classes)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.readout(self.table(tokens).mean(1))
        return logits


def tokens(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return TokenNet(num_classes)
