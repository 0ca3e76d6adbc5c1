"""Ten small transformers and recurrent nets, each a factory `(input_shape, num_classes) -> net` of series or tokens."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from mdlcode.nets.arch import Factory

WIDTH = 16


class Recurrent(nn.Module):
    """The last state of an LSTM, a GRU or a plain recurrent net over series (m, T, F), read out."""

    def __init__(
        self, kind: Callable[..., nn.Module], features: int, num_classes: int, both_ways: bool = False
    ) -> None:
        super().__init__()
        self.over = kind(features, WIDTH, batch_first=True, bidirectional=both_ways)
        self.out = nn.Linear(WIDTH * (1 + both_ways), num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        logits: Tensor = self.out(self.over(x)[0][:, -1])
        return logits


class Encoder(nn.Module):
    """A transformer encoder of one layer over tokens (m, T), with a class token and learned places."""

    def __init__(self, length: int, num_classes: int) -> None:
        super().__init__()
        self.table, self.first = nn.Embedding(30, WIDTH), nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.places = nn.Parameter(0.02 * torch.randn(1, length + 1, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 2 * WIDTH, batch_first=True, norm_first=True)
        self.over, self.out = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False), nn.Linear(WIDTH, num_classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """As the class says."""
        x = torch.cat([self.first.expand(len(tokens), -1, -1), self.table(tokens)], dim=1) + self.places
        logits: Tensor = self.out(self.over(x)[:, 0])
        return logits


class AttentionPooling(nn.Module):
    """One learned query attends to the steps of a series."""

    def __init__(self, features: int, num_classes: int) -> None:
        super().__init__()
        self.steps, self.query = nn.Linear(features, WIDTH), nn.Parameter(torch.randn(1, 1, WIDTH))
        self.attention, self.out = nn.MultiheadAttention(WIDTH, 2, batch_first=True), nn.Linear(WIDTH, num_classes)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """As the class says."""
        steps = self.steps(x)
        pooled, weights = self.attention(self.query.expand(len(x), -1, -1), steps, steps)
        return {"logits": self.out(pooled[:, 0]), "attention": weights}


class Bag(nn.Module):
    """The mean of the tokens' embeddings."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.bag, self.out = nn.EmbeddingBag(30, WIDTH), nn.Linear(WIDTH, num_classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """As the class says."""
        logits: Tensor = self.out(self.bag(tokens))
        return logits


class TiedEmbeddings(nn.Module):
    """A causal language model's body with one table for input and output, whose last logits are of the classes."""

    def __init__(self, length: int, num_classes: int) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(30, WIDTH), nn.Linear(WIDTH, 30, bias=False)
        self.head.weight = self.table.weight
        self.mix = nn.TransformerEncoderLayer(WIDTH, 2, 2 * WIDTH, batch_first=True)
        self.num_classes = num_classes
        self.register_buffer("mask", torch.full((length, length), -math.inf).triu(1))

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """As the class says."""
        states = self.mix(self.table(tokens), src_mask=self.mask)
        vocabulary = self.head(states[:, -1])
        return vocabulary[:, : self.num_classes], vocabulary


class Mixer(nn.Module):
    """Dense layers over the steps of a series and over its features, in turn."""

    def __init__(self, length: int, features: int, num_classes: int) -> None:
        super().__init__()
        self.norm, self.steps = nn.LayerNorm(features), nn.Sequential(nn.Linear(length, WIDTH), nn.GELU())
        self.back, self.features = nn.Linear(WIDTH, length), nn.Sequential(nn.Linear(features, WIDTH), nn.GELU())
        self.out = nn.Linear(WIDTH, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        mixed = x + self.back(self.steps(self.norm(x).transpose(1, 2))).transpose(1, 2)
        logits: Tensor = self.out(self.features(mixed).mean(1))
        return logits


def conv1d(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    class Turned(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.transpose(1, 2)

    layers = [Turned(), nn.Conv1d(input_shape[1], WIDTH, 3, padding=1), nn.BatchNorm1d(WIDTH), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(WIDTH, num_classes))


SEQUENCES: dict[str, Factory] = {
    "lstm": lambda shape, classes: Recurrent(nn.LSTM, shape[1], classes),
    "gru": lambda shape, classes: Recurrent(nn.GRU, shape[1], classes),
    "bidirectional_lstm": lambda shape, classes: Recurrent(nn.LSTM, shape[1], classes, both_ways=True),
    "rnn": lambda shape, classes: Recurrent(nn.RNN, shape[1], classes),
    "transformer_encoder": lambda shape, classes: Encoder(shape[0], classes),
    "attention_pooling": lambda shape, classes: AttentionPooling(shape[1], classes),
    "embedding_bag": lambda shape, classes: Bag(classes),
    "tied_embeddings": lambda shape, classes: TiedEmbeddings(shape[0], classes),
    "conv1d": conv1d,
    "mlp_mixer": lambda shape, classes: Mixer(shape[0], shape[1], classes),
}
TOKENS = {"transformer_encoder", "embedding_bag", "tied_embeddings"}
