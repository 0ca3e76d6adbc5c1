"""The deeper nets of the paper, and torchvision's ResNets with a first layer for small images."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from mdlcode.nets.convolutional import GlobalMax, block

Norm = Callable[[int], nn.Module]  # of a number of channels
VGG16 = (64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512, "pool", 512, 512, 512)


def conv8(input_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """A VGG-like net of depth 8 (7 convolutions and a linear layer), as the paper used on MNIST.

    Blier & Ollivier 2018 give the depth only; the widths are ours.
    """
    widths = (32, 32, "pool", 64, 64, "pool", 128, 128, 128)
    return nn.Sequential(*_stack(input_shape[0], widths, batch_norm=True), GlobalMax(), nn.Linear(128, num_classes))


def vgg16(input_shape: tuple[int, ...], num_classes: int, batch_norm: bool, dropout: float = 0.0) -> nn.Sequential:
    """The 13 convolutions of VGG-16 and a hidden layer of 512, for images of 32 pixels a side.

    VGGa of Blier & Ollivier 2018 has neither batch norm nor augmentation, VGGb has both and dropout.
    """
    head = [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(
        *_stack(input_shape[0], VGG16, batch_norm),
        GlobalMax(),
        *[*head, nn.Linear(512, 512), nn.ReLU(), *head, nn.Linear(512, num_classes)],
    )


def plain_vgg(
    input_shape: tuple[int, ...], num_classes: int, widths: Sequence[int | str], norm: Norm | None = None
) -> nn.Sequential:
    """3 x 3 convolutions of these widths, each with a `norm` of its channels or none, ReLU, and "pool" for a halving.

    The readout is linear on the largest value of each map; convolutions start from He's normal law, without which a
    deep net that has no norm does not begin to learn.

    >>> sum(p.numel() for p in plain_vgg((1, 8, 8), 10, (4, "pool", 8), nn.BatchNorm2d).parameters())
    450
    """
    layers: list[nn.Module] = []
    channels = input_shape[0]
    for width in widths:
        if isinstance(width, str):
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
            continue
        conv = nn.Conv2d(channels, width, 3, padding=1)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        layers += [conv, *([] if norm is None else [norm(width)]), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, GlobalMax(), nn.Linear(channels, num_classes))


def resnet(input_shape: tuple[int, ...], num_classes: int, name: str) -> nn.Module:
    """torchvision's ResNet; images under 64 pixels get a 3 x 3 first layer and no first pooling.

    >>> import torch
    >>> resnet((1, 28, 28), 10, "resnet18")(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    from torchvision import models  # takes seconds, which nothing else here needs

    net: nn.Module = models.get_model(name, num_classes=num_classes)
    small = min(input_shape[1:]) < 64
    kernel, stride = (3, 1) if small else (7, 2)
    net.conv1 = nn.Conv2d(input_shape[0], 64, kernel, stride=stride, padding=kernel // 2, bias=False)
    if small:
        net.maxpool = nn.Identity()
    net.avgpool = _GlobalMean()
    return net


class _GlobalMean(nn.Module):
    """The mean of each channel, as (m, C, 1, 1); adaptive pooling is not deterministic on CUDA."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3), keepdim=True)


def _stack(channels: int, widths: tuple[int | str, ...], batch_norm: bool) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for width in widths:
        if isinstance(width, str):
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
            continue
        plain = [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
        layers += block(channels, width) if batch_norm else plain
        channels = width
    return layers
