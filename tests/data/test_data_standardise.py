"""Standardisation is a stated choice, sensible by shape and type."""

from typing import Any

import numpy as np
import pytest
import torch

from mdlcode import Prequential, compare
from mdlcode.codes import TwoPart
from mdlcode.data import Given, Shared, View, from_arrays, load
from mdlcode.data.standardise import Standardise
from mdlcode.errors import MdlError
from mdlcode.learn import AdamW, EstimatorLearner, NetLearner, Steps
from mdlcode.learn.features import standardised

GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "how", "moments"),
    [
        ((50, 3), "auto", (1, 3)),
        ((50, 7, 3), "auto", (1, 1, 3)),
        ((50, 3, 6, 5), "auto", (1, 3, 1, 1)),
        ((50, 3, 6, 5, 4), "auto", (1, 3, 1, 1, 1)),
        ((50, 7, 3), "per-channel", (1, 7, 1)),
        ((50, 3, 6, 5), "per-feature", (1, 3, 6, 5)),
        ((50, 3, 6, 5), "none", (1, 1, 1, 1)),
    ],
)
def test_moments_are_those_of_channel_or_feature(shape: tuple[int, ...], how: Any, moments: tuple[int, ...]) -> None:
    inputs = torch.from_numpy(GENERATOR.normal(3, 2, shape)).float()
    shared = Shared(inputs, 2, standardise=how)
    mean, std = shared.moments
    assert mean.shape == std.shape == moments
    axes = [axis for axis, size in enumerate(moments) if size == 1]
    expected = (0.0, 1.0) if how == "none" else (inputs.mean(axes, keepdim=True), inputs.std(axes, False, True))
    assert torch.allclose(mean, torch.as_tensor(expected[0]), atol=1e-5)
    assert torch.allclose(std, torch.as_tensor(expected[1]), atol=1e-5)
    assert shared.moment_bits == (0.0 if how == "none" else 64 * mean.numel())


def test_series_of_very_different_scales_are_read_feature_by_feature() -> None:
    """A small feature that tells the class, beside a large one that does not."""
    labels = GENERATOR.integers(2, size=300)
    series = GENERATOR.standard_normal((300, 6, 2))
    series[:, :, 0] += 2.0 * labels[:, None]
    by_hand = (series - series.mean((0, 1))) / series.std((0, 1))
    series[:, :, 1] *= 1e4
    code = Prequential((EstimatorLearner(),))
    own, mine = (code.codelength(from_arrays(each, labels)).compression_ratio for each in (series, by_hand))
    assert from_arrays(series, labels).shared.shape == (6, 2)
    assert own == pytest.approx(mine, rel=0.01)
    assert own < 0.3


def test_real_images_without_a_channel_axis_are_asked_about() -> None:
    images = GENERATOR.random((10, 9, 9))
    with pytest.warns(UserWarning, match="channel axis"):
        assert from_arrays(images, [0, 1] * 5).shared.shape == (9, 9)
    assert from_arrays(images[:, None], [0, 1] * 5).shared.shape == (1, 9, 9)


def test_tokens_stay_whole_numbers() -> None:
    """The class is whether token 7 occurs: a net with embeddings learns it from the tokens themselves."""
    tokens = GENERATOR.integers(50, size=(400, 12))
    labels = (tokens == 7).any(1).astype(int)
    data = from_arrays(tokens.astype(np.int32), labels)
    assert data.shared.inputs.dtype == torch.int64
    net = NetLearner(arch="nets_of_mine:tokens", training=Steps(min_steps=400), optimizer=AdamW(lr=0.03))
    predictor = net.fit(data.shared, data.labels)
    assert torch.equal(predictor.standardised(data.shared.inputs.float()), data.shared.inputs)
    assert (predictor.predict(data.shared.inputs).argmax(1) == data.labels).mean() > 0.95
    for code in (Prequential((NetLearner(arch="nets_of_mine:tokens", training=Steps(min_steps=5)),)), TwoPart(net)):
        assert np.array_equal(code.decode(data.shared, code.encode(data)), data.labels)


def test_tables_of_whole_numbers_are_standardised_for_other_learners() -> None:
    table = GENERATOR.integers(1000, size=(100, 3))
    shared = from_arrays(table, [0, 1] * 50).shared
    flat = standardised(shared.inputs, shared)
    assert flat.mean(0) == pytest.approx([0, 0, 0], abs=1e-5)
    assert flat.std(0) == pytest.approx([1, 1, 1], abs=1e-4)


@pytest.mark.parametrize("how", ["none", "per-feature", Given((0.5,), (0.25,))])
def test_the_choice_is_the_users(how: Standardise) -> None:
    data = from_arrays(GENERATOR.random((20, 1, 5, 5)), [0, 1] * 10, standardise=how)
    assert data.shared.standardise == how
    assert View(limit=10).of(data).shared.standardise == how
    [result] = compare(data, ["uniform"])
    assert result.standardise == str(how)
    assert (
        data.shared.fingerprint() != from_arrays(data.shared.inputs, data.labels, order_seed=None).shared.fingerprint()
    )


def test_a_view_states_it_for_both_sides() -> None:
    assert load("digits", View(limit=9, standardise="none")).shared.moment_bits == 0
    given = load("digits", View(limit=9, mean=(0.5,), std=(0.5,))).shared
    assert [each.item() for each in given.moments] == [127.5, 127.5]
    for wrong in ({"mean": (0.5,)}, {"mean": (0.5,), "std": (0.5,), "standardise": "none"}):
        with pytest.raises(MdlError, match="`mean` and `std`"):
            View(**wrong)
