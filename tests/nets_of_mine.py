"""Nets as a user would write them."""

import math

import torch
from torch import nn


def tiny(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), num_classes))


def broken(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    raise ValueError("no such thing")


def short(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return tiny(input_shape, 3)


def bare(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), num_classes, bias=False))


def tied(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, num_classes))
    net[2].weight = net[1].weight
    return net


class _Extra(nn.Identity):
    def __init__(self) -> None:
        super().__init__()
        self.extra = nn.Parameter(torch.zeros(0))


def empty(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), num_classes), _Extra())
