"""Any module, in all codes: 25 small architectures of torchvision, 10 small transformers and recurrent nets.

Each cell is one encoding and one decoding of the labels of random inputs after a training of one step or two:
"works" where the labels come back, else why the module was refused. This is a check of function, not of codelengths.

python benchmarks/any_module.py [--only resnet18 lstm ...] [--codes uniform float32 ...]
"""

import argparse
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models import efficientnet, inception, regnet
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.googlenet import BasicConv2d, Inception, InceptionAux
from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2

from mdlcode.bayes.bits_back import BitsBack
from mdlcode.codes import Code, Listed, Online
from mdlcode.codes.online import Streams
from mdlcode.codes.presets import PRESETS
from mdlcode.config import replaced
from mdlcode.data import Data, from_arrays
from mdlcode.errors import MdlError
from mdlcode.learn import Steps

CLASSES = 3
WIDTH = 16
Shape = tuple[int, ...]
Factory = Callable[[Shape, int], Any]


def _named(name: str, **sizes: Any) -> Factory:
    """An architecture by its name in torchvision, with these sizes."""

    def make(input_shape: Shape, num_classes: int) -> Any:
        net: nn.Module = models.get_model(name, weights=None, num_classes=num_classes, **sizes)
        return net

    return make


def _planned(name: str) -> Any:
    """An architecture that takes no memory yet."""
    with torch.device("meta"):
        return models.get_model(name)


def _made(net: nn.Module) -> nn.Module:
    """What was planned, with random weights."""
    net.to_empty(device="cpu")
    for layer in net.modules():
        if reset := getattr(layer, "reset_parameters", None):
            reset()
    return net


def _first_layers(name: str, layers: int, features: int) -> Factory:
    """AlexNet or a VGG up to the second pooling, with narrow hidden layers."""

    def make(input_shape: Shape, num_classes: int) -> Any:
        net = _planned(name)
        net.features, net.avgpool = net.features[:layers], nn.AdaptiveAvgPool2d(1)
        linear = [place for place, layer in enumerate(net.classifier) if isinstance(layer, nn.Linear)]
        for place, (inner, outer) in zip(linear, ((features, 64), (64, 64), (64, num_classes)), strict=True):
            net.classifier[place] = nn.Linear(inner, outer)
        return _made(net)

    return make


def _two_stages(name: str, features: int) -> Factory:
    """The first two stages of a ResNet, ResNeXt or wide ResNet."""

    def make(input_shape: Shape, num_classes: int) -> Any:
        net = _planned(name)
        net.layer3, net.layer4, net.fc = nn.Identity(), nn.Identity(), nn.Linear(features, num_classes)
        return _made(net)

    return make


def _regnet(**block: float) -> Factory:
    def make(input_shape: Shape, num_classes: int) -> Any:
        sizes = {"depth": 4, "w_0": 16, "w_a": 8.0, "w_m": 2.0, "group_width": 8}
        return regnet.RegNet(regnet.BlockParams.from_init_params(**sizes, **block), num_classes=num_classes)

    return make


def _efficient(*blocks: Any) -> Factory:
    def make(input_shape: Shape, num_classes: int) -> Any:
        return models.EfficientNet(list(blocks), dropout=0.2, num_classes=num_classes, last_channel=64)

    return make


class ThinGoogLeNet(BasicConv2d):  # type: ignore[misc]  # torchvision has no types
    """A block of GoogLeNet with an eighth of its channels."""

    def __init__(self, inner: int, outer: int, **sizes: Any) -> None:
        super().__init__(inner if inner == 3 else inner // 8, outer // 8, **sizes)


class ThinInception(inception.BasicConv2d):  # type: ignore[misc]
    """A block of Inception with an eighth of its channels."""

    def __init__(self, inner: int, outer: int, **sizes: Any) -> None:
        super().__init__(inner if inner == 3 else inner // 8, outer // 8, **sizes)


def _googlenet(input_shape: Shape, num_classes: int) -> Any:
    blocks = [ThinGoogLeNet, *(partial(each, conv_block=ThinGoogLeNet) for each in _GOOGLENET)]
    net = models.GoogLeNet(num_classes=num_classes, init_weights=False, blocks=blocks)
    net.fc = nn.Linear(128, num_classes)
    for head in (net.aux1, net.aux2):
        head.fc1, head.fc2 = nn.Linear(256, 64), nn.Linear(64, num_classes)
    return net


def _inception(input_shape: Shape, num_classes: int) -> Any:
    blocks = [ThinInception, *(partial(each, conv_block=ThinInception) for each in _INCEPTION)]
    net = models.Inception3(num_classes, False, inception_blocks=blocks, init_weights=False)
    net.fc = nn.Linear(256, num_classes)
    return net


def _convnext(input_shape: Shape, num_classes: int) -> Any:
    sizes = [CNBlockConfig(24, 48, 1), CNBlockConfig(48, None, 2)]
    return models.ConvNeXt(sizes, num_classes=num_classes)


def _swin(version: int) -> Factory:
    def make(input_shape: Shape, num_classes: int) -> Any:
        sizes = {"patch_size": [4, 4], "embed_dim": 24, "depths": [1, 2], "num_heads": [2, 4], "window_size": [4, 4]}
        if version == 1:
            return models.SwinTransformer(**sizes, num_classes=num_classes)
        kinds = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}
        return models.SwinTransformer(**sizes, **kinds, num_classes=num_classes)

    return make


def _maxvit(input_shape: Shape, num_classes: int) -> Any:
    sizes = {"input_size": (32, 32), "stem_channels": 16, "partition_size": 2, "block_channels": [16, 32]}
    return models.MaxVit(**sizes, block_layers=[1, 1], head_dim=8, stochastic_depth_prob=0.1, num_classes=num_classes)


def _vit(input_shape: Shape, num_classes: int) -> Any:
    sizes = {"image_size": 32, "patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 32, "mlp_dim": 64}
    return models.VisionTransformer(**sizes, num_classes=num_classes)


_GOOGLENET = Inception, InceptionAux
_INCEPTION = (
    *(inception.InceptionA, inception.InceptionB, inception.InceptionC, inception.InceptionD),
    *(inception.InceptionE, inception.InceptionAux),
)
_MB, _FUSED = efficientnet.MBConvConfig, efficientnet.FusedMBConvConfig
VISION: dict[str, Factory] = {
    "alexnet": _first_layers("alexnet", 6, 192),
    "convnext": _convnext,
    "densenet": lambda shape, classes: models.DenseNet(8, (2, 2, 2, 2), 16, num_classes=classes),
    "efficientnet": _efficient(_MB(1, 3, 1, 16, 8, 1, 1, 1), _MB(4, 3, 2, 8, 16, 2, 1, 1)),
    "efficientnet_v2": _efficient(_FUSED(1, 3, 1, 8, 8, 1), _FUSED(4, 3, 2, 8, 16, 2), _MB(4, 3, 2, 16, 24, 2, 1, 1)),
    "googlenet": _googlenet,
    "inception_v3": _inception,
    "maxvit": _maxvit,
    "mnasnet": lambda shape, classes: models.MNASNet(0.1, num_classes=classes),
    "mobilenet_v2": _named("mobilenet_v2", width_mult=0.1),
    "mobilenet_v3_small": _named("mobilenet_v3_small", width_mult=0.1),
    "mobilenet_v3_large": _named("mobilenet_v3_large", width_mult=0.1),
    "regnet_x": _regnet(),
    "regnet_y": _regnet(se_ratio=0.25),
    "resnet18": _two_stages("resnet18", 128),
    "resnet50": _two_stages("resnet50", 512),
    "resnext50": _two_stages("resnext50_32x4d", 512),
    "wide_resnet50": _two_stages("wide_resnet50_2", 512),
    "shufflenet_v2": lambda shape, classes: models.ShuffleNetV2([2, 2, 2], [24, 16, 32, 64, 128], num_classes=classes),
    "squeezenet1_1": _named("squeezenet1_1"),
    "swin": _swin(1),
    "swin_v2": _swin(2),
    "vgg11": _first_layers("vgg11", 6, 128),
    "vgg11_bn": _first_layers("vgg11_bn", 8, 128),
    "vit": _vit,
}
LARGE = 100_000  # parameters, from which on a fifth of the labels must do
SIDES = {"alexnet": 64, "inception_v3": 75}


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


def conv1d(input_shape: Shape, num_classes: int) -> Any:
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
globals().update(VISION | SEQUENCES)  # so that `any_module:NAME` names each


def inputs_of(name: str, count: int) -> Data:
    """Random inputs and labels of three classes."""
    random = np.random.default_rng(0)
    labels = np.arange(count) % CLASSES
    if name in VISION:
        side = SIDES.get(name, 32)
        return from_arrays(random.integers(0, 256, (count, 3, side, side), dtype=np.uint8), labels)
    if name in TOKENS:
        return from_arrays(random.integers(0, 30, (count, 10)), labels, standardise="none")
    return from_arrays(random.normal(size=(count, 10, 6)).astype(np.float32), labels)


def _instead(value: object, old: object) -> object:
    return value


def shortened(code: Code, arch: str, count: int) -> Code:
    """A named code whose nets are all `arch`, trained for two steps; prequential codes in two blocks."""
    few = Steps(epochs=1, min_steps=2, max_steps=2, batch_size=16)
    changes = {"arch": arch, "training": few, "last_training": few, "schedule": Listed((count // 2,))}
    changes["dimension"] = 400 if arch.split(":")[1] in VISION else 100
    for field, value in changes.items():
        code = replaced(code, field, partial(_instead, value))
    if isinstance(code, Online):
        return replace(code, batch_size=-(-count // 3), replay=Streams(1))
    return replaced(code, "coding", lambda old: BitsBack()) if arch.split(":")[1] in VISION else code


def tried(code: Code, data: Data) -> str:
    """ "works", or the reason of a refusal; whatever else comes of it is an error here."""
    try:
        message = code.encode(data)
    except MdlError as error:
        return f"refused: {error}"
    same = np.array_equal(code.decode(data.shared, message), data.labels)
    return "works" if same else "WRONG LABELS"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", default=[*VISION, *SEQUENCES], choices=[*VISION, *SEQUENCES])
    parser.add_argument("--codes", nargs="+", default=[*PRESETS], choices=[*PRESETS])
    parser.add_argument("--labels", type=int, default=200)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=UserWarning)  # the estimators' of few labels
    print(f"| module | parameters | {' | '.join(options.codes)} | seconds |")
    print(f"|---|---:|{'---|' * len(options.codes)}---:|")
    for name in options.only:
        begin, data = time.perf_counter(), inputs_of(name, options.labels)
        count = sum(each.numel() for each in (VISION | SEQUENCES)[name](data.shared.shape, CLASSES).parameters())
        if count > LARGE:
            data = inputs_of(name, options.labels // 5)
        cells = [tried(shortened(PRESETS[code], f"any_module:{name}", len(data)), data) for code in options.codes]
        seconds = time.perf_counter() - begin
        print(f"| {name} | {count:,} | {' | '.join(cells)} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
