"""Feature maps: fixed before the data, each input's features from itself alone."""

import pytest
import torch
from torch import Tensor

from mdlcode.errors import MdlError
from mdlcode.learn.feature_maps import RandomFilters

SMALL = RandomFilters(filters=6, size=3, grid=2)


def pictures(count: int, channels: int = 3, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, 14, 14), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_has_the_same_features_alone_in_a_batch_and_beside_any_others(channels: int) -> None:
    images = pictures(20, channels)
    together = SMALL.features(images)
    alone = torch.cat([SMALL.features(each[None]) for each in images])
    others = SMALL.features(torch.cat([images[:3], pictures(30, channels, seed=1)]))[:3]
    assert together.shape == (20, 2 * 6 * 4)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(together[:3], others, rtol=1e-4, atol=1e-5)


def test_features_are_as_they_are_defined() -> None:
    """Patch by patch, in float64: centred, over its contrast, thresholds of both signs, means over windows, a root."""
    image, made = pictures(1), SMALL.directions(3).double()
    views = [image.double() / 255, image.flip(-1).double() / 255]
    means = torch.zeros(2, 6, 2, 2, dtype=torch.float64)
    for view in views:
        patches = view[0].unfold(1, 3, 1).unfold(2, 3, 1)  # (3, 12, 12, 3, 3)
        for i in range(12):
            for j in range(12):
                patch = patches[:, i, j] - patches[:, i, j].mean()
                response = (made * patch).sum((1, 2, 3)) / (patch.square().mean().sqrt() + 0.04)
                for sign, value in enumerate((response, -response)):
                    over = (value - SMALL.threshold).clamp_min(0) / (8 * 8 * len(views))
                    for row, column in ((row, column) for row in range(2) for column in range(2)):
                        if 4 * row <= i < 4 * row + 8 and 4 * column <= j < 4 * column + 8:
                            means[sign, :, row, column] += over
    torch.testing.assert_close(SMALL.features(image)[0].double(), means.sqrt().flatten(), rtol=1e-3, atol=1e-4)


def test_mirror_images_and_the_brightness_of_a_picture_change_nothing() -> None:
    images = pictures(4) // 2
    made = SMALL.features(images)
    torch.testing.assert_close(SMALL.features(images.flip(-1)), made)
    torch.testing.assert_close(SMALL.features(images + 100), made, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(SMALL.features(images.flip(-2)), made, atol=0.01)


def test_filters_whiten_what_falls_with_the_frequency() -> None:
    """Patches drawn by the law that the filters are made for give them all about the same variance."""
    wide = RandomFilters(filters=200, size=5)
    whitener = wide._whitener(1)
    amplitudes = 1 / whitener.norm(dim=1)
    waves = torch.nn.functional.normalize(whitener, dim=1)
    patches = (torch.randn(20_000, 25, generator=torch.Generator().manual_seed(1)) * amplitudes) @ waves
    responses = (patches - patches.mean(1, keepdim=True)) @ wide.directions(1).flatten(1).T
    deviations = responses.std(0)
    assert deviations.max() / deviations.min() < 1.4
    directions = torch.randn(25, 200, generator=torch.Generator().manual_seed(2))
    raw = patches @ torch.nn.functional.normalize(directions, dim=0)
    assert raw.std(0).max() / raw.std(0).min() > 2


def test_float_pixels_from_0_to_1_are_the_same_pictures() -> None:
    images = pictures(3)
    torch.testing.assert_close(SMALL.features(images.float() / 255), SMALL.features(images))


@pytest.mark.parametrize(
    ("inputs", "line"),
    [
        (torch.zeros(2, 30), "images of 1 or 3 channels"),
        (torch.zeros(2, 4, 9, 9, dtype=torch.uint8), "images of 1 or 3 channels"),
        (torch.zeros(2, 3, 3, 9, dtype=torch.uint8), "3 x 9 are too small"),
    ],
)
def test_what_is_no_image_is_refused(inputs: Tensor, line: str) -> None:
    with pytest.raises(MdlError, match=line):
        SMALL.features(inputs)
