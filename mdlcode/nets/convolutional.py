"""Small convolutional nets for images (C, H, W)."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mdlcode.nets.known import Edges, Upright

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


def lenet(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """LeNet as Li et al. 2018 measure it: 6 and 16 maps of 5 x 5, hidden layers of 120 and 84 units.

    >>> [sum(p.numel() for p in lenet(shape, 10).parameters()) for shape in ((1, 28, 28), (3, 32, 32))]
    [44426, 62006]
    """
    channels, height, width = input_shape
    rows, columns = ((side - 4) // 2 - 4 for side in (height, width))
    return nn.Sequential(
        *[nn.Conv2d(channels, 6, 5), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()],
        *[nn.Linear(16 * (rows // 2) * (columns // 2), 120), nn.ReLU()],
        *[nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes)],
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


def lenet_small(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Few weights and no buffers, for codes that pay by the weight: 8 and 16 maps of 5 x 5, 32 hidden units.

    Small images (below 16 pixels) are padded, so that two poolings fit.

    >>> sum(p.numel() for p in lenet_small((1, 28, 28), 10).parameters())
    11978
    """
    channels, height, width = input_shape
    padding = 2 if min(height, width) < 16 else 0
    rows, columns = ((((side + 2 * padding - 4) // 2) + 2 * padding - 4) // 2 for side in (height, width))
    return nn.Sequential(
        *[nn.Conv2d(channels, 8, 5, padding=padding), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Conv2d(8, 16, 5, padding=padding), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()],
        *[nn.Linear(16 * rows * columns, 32), nn.ReLU(), nn.Linear(32, num_classes)],
    )


def lenet_patches(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Two convolutions and a readout, for codes that pay for each weight that a training changes.

    Filters of the first one are the 8 principal directions of 5 x 5 patches of the inputs, which both sides hold: the
    subspace and the variational code pay nothing for them, but `compressed` sends them too. The second one has 24 maps
    of 5 x 5.

    >>> sum(p.numel() for p in lenet_patches((1, 28, 28), 10).parameters() if p.requires_grad)
    13474
    """
    channels, height, width = input_shape
    padding = 2 if min(height, width) < 16 else 0
    rows, columns = ((((side + 2 * padding - 4) // 2) + 2 * padding - 4) // 2 for side in (height, width))
    return nn.Sequential(
        *[PatchDirections(channels, 5, keep=8, padding=padding, bias=False), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Conv2d(16, 24, 5, padding=padding), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()],
        nn.Linear(24 * rows * columns, num_classes),
    )


def lenet_readout(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """LeNet of 12 and 24 maps of 5 x 5 without a hidden layer, for codes that send weights.

    >>> sum(p.numel() for p in lenet_readout((1, 28, 28), 10).parameters())
    11386
    """
    return nn.Sequential(
        *[nn.Conv2d(input_shape[0], 12, 5), nn.MaxPool2d(2), nn.ReLU()],
        *[nn.Conv2d(12, 24, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()],
        nn.Linear(_lenet_features(input_shape, 24), num_classes),
    )


def lenet_edges(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """One convolution of 24 maps and a readout, behind what costs nothing: images made upright, 12 known detectors.

    The detectors are of edges and lines, and pooling is over 3 x 3 that overlap.

    >>> sum(p.numel() for p in lenet_edges((1, 28, 28), 10).parameters())
    11074
    """
    return nn.Sequential(
        *[Upright(), Edges(), nn.MaxPool2d(3, 2, padding=1), nn.ReLU()],
        *[nn.Conv2d(12, 24, 5), nn.MaxPool2d(3, 2, padding=1), nn.ReLU(), nn.Flatten()],
        nn.Linear(_lenet_features(input_shape, 24), num_classes),
    )


def _lenet_features(input_shape: tuple[int, ...], maps: int) -> int:
    """Features that two convolutions of 5 x 5, each followed by a halving, leave of an image."""
    rows, columns = (((side - 4) // 2 - 4) // 2 for side in input_shape[1:])
    return maps * rows * columns


def pooled(input_shape: tuple[int, ...], num_classes: int, maps: tuple[int, ...]) -> nn.Sequential:
    """Convolutions of 3 x 3 with a halving between them, and a linear readout: few weights and no buffers.

    Raises ValueError where so many halvings leave nothing of the image.

    >>> sum(p.numel() for p in pooled((1, 28, 28), 10, (8, 16, 16)).parameters())
    5018
    """
    layers: list[nn.Module] = []
    for inner, outer in pairwise((input_shape[0], *maps)):
        layers += [nn.Conv2d(inner, outer, 3), nn.ReLU(), nn.MaxPool2d(2)]
    rows, columns = input_shape[1:]
    for _ in maps[1:]:
        rows, columns = (rows - 2) // 2, (columns - 2) // 2
    if min(rows, columns) < 3:
        raise ValueError(f"{len(maps)} convolutions with halvings leave nothing of the image: name fewer")
    return nn.Sequential(*layers[:-1], nn.Flatten(), nn.Linear(maps[-1] * (rows - 2) * (columns - 2), num_classes))


def convnet(
    input_shape: tuple[int, ...], num_classes: int, widths: tuple[int, ...] = (16, 32, 64, 64, 96, 128)
) -> nn.Sequential:
    """Six convolutions of these `widths` and a global maximum: the default for images of 16 pixels a side or more.

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


def convnet_shallow(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Four convolutions and a global maximum: the default for images below 16 pixels a side.

    >>> sum(p.numel() for p in convnet_shallow((1, 8, 8), 10).parameters())
    103466
    """
    return nn.Sequential(
        *block(input_shape[0], 32),
        *block(32, 32),
        nn.MaxPool2d(2),
        *block(32, 64),
        *block(64, 128),
        GlobalMax(),
        nn.Linear(128, num_classes),
    )


class PatchWhitening(nn.Conv2d):
    """A fixed convolution: projections of patches on uncorrelated directions of unit variance, each with both signs.

    The directions are the `keep` ones that vary most, all of them by default. The weights are a statistic
    of the inputs, which both sides hold: `look_at` sets them, no gradient does.
    """

    def __init__(
        self, channels: int, size: int = 2, keep: int | None = None, padding: int = 0, bias: bool = True
    ) -> None:
        super().__init__(channels, 2 * (keep or channels * size**2), size, padding=padding, bias=bias)
        self.weight.requires_grad_(False)

    @torch.no_grad()
    def look_at(self, inputs: Tensor) -> None:
        """Sets the weights from standardised inputs (n, C, H, W)."""
        values, vectors = self.principal(inputs)
        whitening = (vectors / (values + _LEAST_VARIANCE).sqrt()).T.reshape(-1, *self.weight.shape[1:])
        self.weight.copy_(torch.cat([whitening, -whitening]))

    def principal(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Variances (keep,) and directions (C side^2, keep) of the patches, those that vary most."""
        side, keep = self.kernel_size[0], self.out_channels // 2
        few = inputs[: 4 * len(inputs) // side**2].double().cpu()  # larger patches fill more memory
        patches = F.unfold(few, side).transpose(1, 2).flatten(0, 1)  # (n patches, C side^2)
        values, vectors = torch.linalg.eigh(torch.cov(patches.T))
        return values[-keep:], vectors[:, -keep:]


class PatchDirections(PatchWhitening):
    """A fixed convolution: projections of patches on their principal directions, each with both signs.

    All are scaled by one factor, which gives the first the standard deviation 2. Whitening would scale each by
    its own, and so magnify directions that hardly vary and are mostly noise.
    """

    @torch.no_grad()
    def look_at(self, inputs: Tensor) -> None:
        """Sets the weights from standardised inputs (n, C, H, W)."""
        values, vectors = self.principal(inputs)
        directions = (2 * vectors / values.max().sqrt()).T.reshape(-1, *self.weight.shape[1:])
        self.weight.copy_(torch.cat([directions, -directions]))


def whitened(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Three blocks of two convolutions (64, 192, 192) behind a whitening layer, for natural images.

    The first filters of each convolution begin as the identity, so that all of its input is passed on. Layout and
    start after Jordan 2024 (arXiv 2404.00498).
    """
    channels = input_shape[0]
    net = nn.Sequential(
        PatchWhitening(channels),
        nn.GELU(),
        *_pooled_pair(8 * channels, 64),
        *_pooled_pair(64, 192),
        *_pooled_pair(192, 192),
        GlobalMax(),
        nn.Linear(192, num_classes),
    )
    for layer in net:
        if type(layer) is nn.Conv2d:
            nn.init.dirac_(layer.weight[: layer.in_channels])
    return net


def _pooled_pair(inner: int, outer: int) -> list[nn.Module]:
    conv = nn.Conv2d(inner, outer, 3, padding=1, bias=False)
    return [conv, nn.MaxPool2d(2), nn.BatchNorm2d(outer), nn.GELU(), *block(outer, outer)]
