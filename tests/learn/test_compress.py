"""Pruning and quantising, beside their definitions."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from torch import nn

from mdlcode.errors import MdlError
from mdlcode.learn.squeeze.compress import (
    apply_masks,
    gradual_density,
    kmeans_levels,
    magnitude_mask,
    magnitude_masks,
    nearest,
    quantised,
    surgery_mask,
    threshold,
    uniform_levels,
)

weights_of = st.builds(
    lambda seed, size: np.random.default_rng(seed).normal(size=size), st.integers(0, 999), st.integers(1, 300)
)


@given(weights_of, st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_a_mask_keeps_the_largest(values: np.ndarray, density: float) -> None:
    weights = torch.from_numpy(values)
    mask = magnitude_mask(weights, density)
    assert int(mask.sum()) == round(density * len(values))
    if mask.any() and not mask.all():
        assert weights[mask].abs().min() >= weights[~mask].abs().max()
    assert not magnitude_mask(torch.zeros(5), 1.0).any()


def test_gradual_pruning_starts_whole_and_ends_at_its_density() -> None:
    path = [gradual_density(step, 20, 0.03) for step in range(30)]
    assert path[0] == 1
    assert path[20:] == pytest.approx([0.03] * 10)
    assert all(later <= earlier for earlier, later in pairwise(path))


@given(weights_of, st.floats(0.1, 0.9))
@settings(max_examples=20, deadline=None)
def test_surgery_cuts_the_small_brings_back_the_large_and_leaves_the_rest(values: np.ndarray, density: float) -> None:
    weights = torch.from_numpy(values)
    old = torch.from_numpy(np.random.default_rng(0).random(len(values)) < 0.5)
    limit = threshold(weights, density)
    new = surgery_mask(old, weights, limit)
    for before, after, size in zip(old.tolist(), new.tolist(), weights.abs().tolist(), strict=True):
        expected = True if size >= 1.1 * limit else False if size <= 0.9 * limit else before
        assert after == expected


def test_masks_of_a_net_and_what_they_leave() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 3))
    apply_masks(net, magnitude_masks(net, {"0.weight": 0.25, "2.weight": 0.5}))
    assert int((net[0].weight != 0).sum()) == 9
    assert int((net[2].weight != 0).sum()) == 24
    assert set(magnitude_masks(net, 0.1)) == {"0.weight", "2.weight"}
    with pytest.raises(MdlError, match="no parameter 'conv'"):
        magnitude_masks(net, {"conv": 0.1})
    with pytest.raises(MdlError, match="no share"):
        magnitude_mask(net[0].weight, 1.5)


@given(weights_of, st.integers(2, 20))
@settings(max_examples=40, deadline=None)
def test_levels_ascend_hold_an_exact_zero_and_are_no_more_than_asked_for(values: np.ndarray, count: int) -> None:
    sparse = np.where(np.abs(values) > 0.5, values, 0.0)
    for levels in (kmeans_levels(sparse, count), uniform_levels(sparse, max(count, 3))):
        assert 0.0 in levels
        assert len(levels) <= max(count, 3)
        assert (np.diff(levels) >= 0).all()


def test_kmeans_is_as_good_as_scikit_learns() -> None:
    values = np.random.default_rng(1).normal(size=2000) + 3  # far from zero, which then is a level of its own
    ours = kmeans_levels(values, 9)
    error = ((values - ours[nearest(values, ours)]) ** 2).sum()
    theirs = KMeans(8, n_init=3, random_state=0).fit(values[:, None]).inertia_
    assert error < 1.02 * theirs


def test_quantised_weights_keep_shape_type_and_zeros() -> None:
    weights = torch.randn(5, 6)
    weights[weights.abs() < 0.5] = 0.0
    result = quantised(weights, kmeans_levels(weights.double().numpy().ravel(), 4))
    assert (result.shape, result.dtype) == (weights.shape, weights.dtype)
    assert (result[weights == 0] == 0).all()
    assert len(result.unique()) <= 4


def test_weights_that_are_all_zero_have_one_level() -> None:
    assert kmeans_levels(np.zeros(4), 8).tolist() == [0.0]
    assert set(uniform_levels(np.zeros(4), 5).tolist()) == {0.0}
