"""Principal components of features, and filters that are patches of the inputs: functions of the inputs alone."""

import numpy as np
import pytest
import torch
from torch import Tensor

from mdlcode.certify.readout import GaussianReadout
from mdlcode.errors import MdlError
from mdlcode.learn.feature_maps import FeatureMap, RandomFilters
from mdlcode.learn.patch_filters import PatchFilters
from mdlcode.learn.principal import PrincipalComponents


class Flat(FeatureMap):
    """Inputs as they are."""

    def features(self, inputs: Tensor) -> Tensor:
        return inputs.flatten(1)


def cloud(count: int = 400) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 6, generator=generator) * torch.tensor([9.0, 5.0, 3.0, 2.0, 1.0, 0.5]) + 7


def pictures(count: int, size: int = 12) -> Tensor:
    """Noisy grey stripes of many slopes, as smooth as photographs are."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size]
    slopes = 0.5 * random.standard_normal((count, 1, 1, 1, 2))
    waves = np.sin(slopes[..., 0] * x + slopes[..., 1] * y) + 0.1 * random.standard_normal((count, 3, size, size))
    return torch.from_numpy((128 + 60 * waves).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_components_are_as_they_are_defined(power: float) -> None:
    inputs = cloud()
    components, rows = PrincipalComponents(Flat(), directions=6, power=power).of(inputs)
    centred = inputs.double() - inputs.double().mean(0)
    variances, vectors = np.linalg.eigh((centred.T @ centred / len(centred)).numpy())
    plain = centred @ torch.from_numpy(vectors[:, ::-1].copy())
    expected = plain * torch.from_numpy(variances[::-1].copy()) ** ((power - 1) / 2)
    expected /= expected.square().mean().sqrt()
    torch.testing.assert_close(rows.double().abs(), expected.abs(), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(components(inputs), rows, rtol=1e-4, atol=1e-4)


def test_components_of_new_inputs_come_from_the_old_ones_directions() -> None:
    inputs = cloud()
    components, rows = PrincipalComponents(Flat(), directions=3).of(inputs)
    torch.testing.assert_close(components(inputs[5:7]), rows[5:7], rtol=1e-4, atol=1e-4)
    assert rows.mean(0).abs().max() < 1e-4
    assert (components(inputs + 1) - components(inputs)).std(0).max() < 1e-4  # linear: all are moved alike


def test_a_change_of_pixels_behind_the_first_inputs_leaves_the_patches() -> None:
    """The whitening is that of the first 2,000 images; nothing else is looked at, so Bob has the same filters."""
    images, some = pictures(30), PatchFilters(filters=5, size=3, grid=2)
    torch.testing.assert_close(some.of(images).features(images[:4]), some.of(images.clone()).features(images[:4]))
    assert not torch.allclose(some.of(images).features(images[:4]), some.of(images[10:]).features(images[:4]))


def test_filters_are_patches_that_the_inputs_whitening_made_white() -> None:
    images = pictures(300)
    made = PatchFilters(filters=40, size=3, grid=2).of(images)
    patches = images.float().div(255).unfold(2, 3, 1).unfold(3, 3, 1).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(0, 2)
    patches = patches - patches.mean(1, keepdim=True)
    patches = patches / (patches.square().mean(1, keepdim=True).sqrt() + 0.04)
    seen = (patches @ made.filters.float().flatten(1).T).std(0)  # type: ignore[attr-defined]
    directions = torch.randn(27, 40, generator=torch.Generator().manual_seed(0))
    plain = (patches @ torch.nn.functional.normalize(directions, dim=0)).std(0)
    assert seen.max() / seen.min() < 2 < plain.max() / plain.min()
    assert made.filters.float().sum((1, 2, 3)).abs().max() < 0.05  # type: ignore[attr-defined]


def test_a_bound_is_not_based_on_patches_of_the_sample() -> None:
    images = pictures(20)
    with pytest.raises(MdlError, match="a bound can't be based on them: take random-filters"):
        GaussianReadout(PatchFilters(filters=5, size=3)).fit(images, np.zeros(20, dtype=np.int64), 2)


def test_a_map_that_was_fixed_beforehand_needs_no_inputs() -> None:
    fixed = RandomFilters(filters=5, size=3, grid=2)
    assert fixed.of(pictures(3)) is fixed


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(MdlError, match="images of 1 or 3 channels"):
        PrincipalComponents().of(torch.zeros(5, 30))
