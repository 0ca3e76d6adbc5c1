"""25 small architectures of torchvision: each a factory `(input_shape, num_classes) -> net` of images."""

from functools import partial
from typing import Any

import torch
from torch import nn
from torchvision import models
from torchvision.models import efficientnet, inception, regnet
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.googlenet import BasicConv2d, Inception, InceptionAux
from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2

from mdlcode.nets.arch import Factory

Shape = tuple[int, ...]


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
SIDES = {"alexnet": 64, "inception_v3": 75}  # pixels, where 32 are too few
