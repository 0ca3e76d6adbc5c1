"""Paths between nets are continuous, end where they should, and are as low as the theory says."""

import pytest
import torch
from torch import nn

from mdlcode.data import Data, View, load
from mdlcode.errors import MdlError
from mdlcode.learn import AdamW, NetLearner, Steps
from mdlcode.measures.phenomena.paths import aligned, halving_path, linear_path
from mdlcode.nets import build

SHAPE = (1, 8, 8)


@pytest.fixture(scope="module")
def data() -> Data:
    return load("digits", View(limit=60))


def trained(data: Data, width: int, seed: int) -> nn.Module:
    learner = NetLearner(f"mlp-1x{width}", Steps(1, 60, 60, 60), AdamW(lr=1e-2), seed=seed)
    return learner.fit(data.shared, data.labels).net


def test_a_path_through_halves_is_no_higher_than_its_corners_and_wide_nets_need_no_rise(data: Data) -> None:
    rises = {}
    for width in (4, 40):
        path = halving_path(trained(data, width, 0), trained(data, width, 1), data)
        losses, corners = path.losses(data, 9), path.losses(data, 2)
        assert losses.max() <= corners.max() + 1e-6
        assert corners[1] == pytest.approx(corners[2], abs=1e-6)  # weights of units without output moved
        assert corners[3] == pytest.approx(corners[4], abs=1e-6)
        rises[width] = losses.max() - max(losses[0], losses[-1])
    assert rises[4] > 0.3
    assert rises[40] < 0.01


def test_its_ends_are_the_nets_and_its_corners_half_nets(data: Data) -> None:
    one, two = trained(data, 6, 0), trained(data, 6, 1)
    path = halving_path(one, two, data)
    for net, corner in ((one, path.corners[0]), (two, path.corners[-1])):
        assert all(torch.equal(value, corner[name]) for name, value in net.named_parameters())
    out = next(name for name, value in one.named_parameters() if value.shape == (10, 6))
    assert bool((path.corners[1][out][:, 3:] == 0).all())
    assert bool((path.corners[4][out][:, :3] == 0).all())


def test_alignment_finds_an_order_again_and_leaves_the_function(data: Data) -> None:
    net = build("mlp-2x12", SHAPE, 10)
    mixed, order = build("mlp-2x12", SHAPE, 10), torch.randperm(12)
    mixed.load_state_dict(net.state_dict())
    dense = [layer for layer in mixed.modules() if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        dense[1].weight.copy_(dense[1].weight[order])
        dense[1].bias.copy_(dense[1].bias[order])
        dense[2].weight.copy_(dense[2].weight[:, order])
    found = aligned(mixed, net)
    assert all(torch.equal(one, two) for one, two in zip(found.parameters(), net.parameters(), strict=True))
    assert not all(torch.equal(one, two) for one, two in zip(mixed.parameters(), net.parameters(), strict=True))
    line = linear_path(net, found).losses(data, 3)
    assert line.max() - line.min() < 1e-6


def test_nets_that_no_path_joins_are_one_line(data: Data) -> None:
    small, large = build("mlp-1x4", SHAPE, 10), build("mlp-1x5", SHAPE, 10)
    with pytest.raises(MdlError, match="two nets of one architecture"):
        linear_path(small, large)
    with pytest.raises(MdlError, match="nets of one hidden layer, and this has 2"):
        halving_path(build("mlp-2x4", SHAPE, 10), build("mlp-2x4", SHAPE, 10), data)
    with pytest.raises(MdlError, match="two hidden units or more"):
        halving_path(build("mlp-1x1", SHAPE, 10), build("mlp-1x1", SHAPE, 10), data)
    convolutional = build("lenet-small", SHAPE, 10)
    with pytest.raises(MdlError, match="plain sequences of dense layers"):
        aligned(convolutional, convolutional)
    with pytest.raises(MdlError, match="at least 2"):
        linear_path(small, small).losses(data, points=1)
    normed = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 10))
    with pytest.raises(MdlError, match="buffers"):
        linear_path(normed, normed).losses(data)
