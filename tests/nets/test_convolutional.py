"""Convolutional nets before they are trained."""

import torch
from torch import nn

from mdlcode.nets.convolutional import whitened


def test_each_trained_convolution_of_whitened_begins_by_passing_its_input_on() -> None:
    convolutions = [layer for layer in whitened((3, 32, 32), 10) if type(layer) is nn.Conv2d]
    assert len(convolutions) == 6
    for layer in convolutions:
        x = torch.randn(2, layer.in_channels, 5, 5)
        assert torch.equal(layer(x)[:, : layer.in_channels], x)
