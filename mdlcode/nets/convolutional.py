"""Small convolutional nets for images (C, H, W)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_LEAST_VARIANCE = 5e-4  # keeps the directions that hardly vary from being blown up


class GlobalMax(nn.Module):
    """The largest value of each channel: (m, C, H, W) -> (m, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        return x.amax(dim=(2, 3))


def block(inner: int, outer: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    """Convolution, batch norm, GELU; the batch norm makes a bias of the convolution idle."""
    conv = nn.Conv2d(inner, outer, kernel, stride=stride, padding=kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(outer), nn.GELU()]


def tiny_cnn(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Two convolutions of 32 and 64 channels and one hidden layer: the smallest net of the paper's kind.

    Blier & Ollivier 2018 name a "tinyCNN" without its layers; this list is ours.
    """
    channels, height, width = input_shape
    return nn.Sequential(
        *[nn.Conv2d(channels, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()],
        *[nn.Linear(64 * (height // 4) * (width // 4), 128), nn.ReLU(), nn.Linear(128, num_classes)],
    )


def lenet5(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """LeNet-5 as in Caffe: 20 and 50 maps of 5 x 5, 500 hidden units; 431,080 parameters on MNIST.

    >>> sum(p.numel() for p in lenet5((1, 28, 28), 10).parameters())
    431080
    """
    channels = input_shape[0]
    return nn.Sequential(
        *[nn.Conv2d(channels, 20, 5), nn.MaxPool2d(2)],
        *[nn.Conv2d(20, 50, 5), nn.MaxPool2d(2), nn.Flatten()],
        *[nn.Linear(_lenet_features(input_shape, 50), 500), nn.ReLU(), nn.Linear(500, num_classes)],
    )


def small_lenet(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """LeNet of 12 and 24 maps of 5 x 5 without a hidden layer, for codes that send weights.

    >>> sum(p.numel() for p in small_lenet((1, 28, 28), 10).parameters())
    11386
    """
    return nn.Sequential(
        *[nn.Conv2d(input_shape[0], 12, 5), nn.MaxPool2d(2), nn.ReLU()],
        *[nn.Conv2d(12, 24, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()],
        nn.Linear(_lenet_features(input_shape, 24), num_classes),
    )


def _lenet_features(input_shape: tuple[int, ...], maps: int) -> int:
    """Features that two convolutions of 5 x 5, each followed by a halving, leave of an image."""
    rows, columns = (((side - 4) // 2 - 4) // 2 for side in input_shape[1:])
    return maps * rows * columns


def convnet(
    input_shape: tuple[int, ...], num_classes: int, widths: tuple[int, ...] = (16, 32, 64, 64, 96, 128)
) -> nn.Sequential:
    """Six convolutions of these `widths` and a global maximum: the default for images.

    Only the first convolution reads a large image in full; then it is halved twice.

    >>> sum(p.numel() for p in convnet((1, 28, 28), 10).parameters())
    228026
    """
    channels, height, width = input_shape
    stride = 2 if min(height, width) >= 16 else 1
    one, two, three, four, five, six = widths
    return nn.Sequential(
        *block(channels, one),
        *block(one, two, stride=stride),
        *block(two, three),
        *block(three, four),
        nn.MaxPool2d(2),
        *block(four, five),
        *block(five, six),
        GlobalMax(),
        nn.Linear(six, num_classes),
    )


class PatchWhitening(nn.Conv2d):
    """2 x 2 patches turned to uncorrelated directions of unit variance, each with both its signs.

    The weights are a statistic of the inputs, which both sides hold: `look_at` sets them, no gradient does.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 2 * 4 * channels, 2)
        self.weight.requires_grad_(False)

    @torch.no_grad()
    def look_at(self, inputs: Tensor) -> None:
        """Sets the weights from standardised inputs (n, C, H, W)."""
        patches = F.unfold(inputs.double().cpu(), 2).transpose(1, 2).flatten(0, 1)  # (n patches, 4 C)
        values, vectors = torch.linalg.eigh(torch.cov(patches.T))
        whitening = (vectors / (values + _LEAST_VARIANCE).sqrt()).T.reshape(-1, *self.weight.shape[1:])
        self.weight.copy_(torch.cat([whitening, -whitening]))


def whitened(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Three blocks of two convolutions (64, 192, 192) behind a whitening layer, for natural images.

    Layout after Jordan 2024 (arXiv 2404.00498).
    """
    channels = input_shape[0]
    return nn.Sequential(
        PatchWhitening(channels),
        nn.GELU(),
        *_pooled_pair(8 * channels, 64),
        *_pooled_pair(64, 192),
        *_pooled_pair(192, 192),
        GlobalMax(),
        nn.Linear(192, num_classes),
    )


def _pooled_pair(inner: int, outer: int) -> list[nn.Module]:
    conv = nn.Conv2d(inner, outer, 3, padding=1, bias=False)
    return [conv, nn.MaxPool2d(2), nn.BatchNorm2d(outer), nn.GELU(), *block(outer, outer)]
