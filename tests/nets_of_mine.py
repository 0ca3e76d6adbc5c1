"""Nets as a user would write them."""

import math

from torch import nn


def tiny(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), num_classes))


def broken(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    raise ValueError("no such thing")


def short(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return tiny(input_shape, 3)


def bare(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), num_classes, bias=False))
