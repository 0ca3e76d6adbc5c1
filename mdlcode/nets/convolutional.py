"""Small convolutional nets for images (C, H, W)."""

from torch import Tensor, nn


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
    channels, height, width = input_shape
    rows, columns = ((side - 4) // 2 - 4 for side in (height, width))
    return nn.Sequential(
        *[nn.Conv2d(channels, 20, 5), nn.MaxPool2d(2)],
        *[nn.Conv2d(20, 50, 5), nn.MaxPool2d(2), nn.Flatten()],
        *[nn.Linear(50 * (rows // 2) * (columns // 2), 500), nn.ReLU(), nn.Linear(500, num_classes)],
    )


def convnet(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Four convolutions that halve the image twice, and a global maximum: the default for images.

    The first one reads 5 x 5 with stride 2 where the image is large, so that most work happens on a
    quarter of the pixels.

    >>> sum(p.numel() for p in convnet((1, 28, 28), 10).parameters())
    131562
    """
    channels, height, width = input_shape
    stride = 2 if min(height, width) >= 16 else 1
    return nn.Sequential(
        *block(channels, 32, kernel=5, stride=stride),
        *block(32, 64),
        nn.MaxPool2d(2),
        *block(64, 64),
        *block(64, 128),
        GlobalMax(),
        nn.Linear(128, num_classes),
    )


def whitened(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Three blocks of two convolutions (64, 192, 192) behind a 2 x 2 first layer, for natural images.

    Layout after Jordan 2024 (arXiv 2404.00498); the first layer is meant to be set to the inputs' own
    patch whitening (`TorchLearner(whiten=True)`).
    """
    channels = input_shape[0]
    return nn.Sequential(
        nn.Conv2d(channels, 2 * channels * 4, 2),
        nn.GELU(),
        *_pooled_pair(2 * channels * 4, 64),
        *_pooled_pair(64, 192),
        *_pooled_pair(192, 192),
        GlobalMax(),
        nn.Linear(192, num_classes),
    )


def _pooled_pair(inner: int, outer: int) -> list[nn.Module]:
    conv = nn.Conv2d(inner, outer, 3, padding=1, bias=False)
    return [conv, nn.MaxPool2d(2), nn.BatchNorm2d(outer), nn.GELU(), *block(outer, outer)]
