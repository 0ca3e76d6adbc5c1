"""Features in the basis of their principal components, which whoever holds the inputs can work out."""

from dataclasses import dataclass as plain_dataclass

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Generator, Tensor

from mdlcode import progress
from mdlcode.config import STRICT, Settings
from mdlcode.learn.feature_maps import AnyFeatureMap, FeatureMap
from mdlcode.learn.patch_filters import PatchFilters
from mdlcode.limits import require_memory

_CHUNK = 1000  # inputs whose features are held at once
_SAMPLE = 10_000  # inputs that the directions are found from
_ROUNDS = 3


@plain_dataclass(frozen=True, eq=False)
class Components:
    """Principal components of a feature map: how inputs (m, ...) become float32 rows (m, R)."""

    feature_map: FeatureMap
    directions: Tensor  # (D, R), scaled
    mean: Tensor  # (R,), of the features along them

    @torch.no_grad()
    def __call__(self, inputs: Tensor) -> Tensor:
        """The components of each input, of mean 0 over the inputs that they were found from."""
        progress.start("features", len(inputs))
        parts = []
        for chunk in inputs.split(_CHUNK):
            parts.append(self.feature_map.features(chunk) @ self.directions - self.mean)
            progress.advance(len(chunk))
        return torch.cat(parts)


@dataclass(frozen=True, config=STRICT)
class PrincipalComponents(Settings):
    """The leading principal components of a feature map over the inputs, of mean 0 and mean square 1 all together.

    Where the r-th one of features f(x) has the variance v_r along u_r, it is s v_r^((power - 1) / 2) u_r^T (f(x) - m):
    with power 1 components are as long as they come, with power 0 all have variance 1. Directions are those of the
    first 10,000 inputs, means and variances those of all. No label is looked at.
    """

    features: AnyFeatureMap = PatchFilters()
    directions: int = Field(default=1000, ge=1)
    power: float = Field(default=1.0, ge=0, le=2)

    @torch.no_grad()
    def of(self, inputs: Tensor) -> tuple[Components, Tensor]:
        """The components found from inputs (n, ...), and those of these inputs, (n, R).

        R is `directions`, or less where there are fewer features or inputs. Raises MdlError for inputs that the feature
        map is not made for, and where all this takes more memory than is allowed.

        >>> images = torch.arange(5 * 64, dtype=torch.float32).sin().view(5, 1, 8, 8)
        >>> found, rows = PrincipalComponents(PatchFilters(filters=5, size=3, grid=2), directions=3).of(images)
        >>> tuple(rows.shape), round(float(rows.square().mean()), 4), bool((found(images) - rows).abs().max() < 1e-4)
        ((5, 3), 1.0, True)
        """
        feature_map = self.features.of(inputs)
        basis = leading_directions(feature_map, inputs, self.directions)
        require_memory(8 * len(inputs) * basis.shape[1], f"features along {basis.shape[1]:,} directions")
        along = Components(feature_map, basis, basis.new_zeros(basis.shape[1]))(inputs)
        mean = along.double().mean(0)
        rows = along.sub_(mean.to(along))
        variances, turn = torch.linalg.eigh((rows.T @ rows).double() / len(rows))
        variances, turn = variances.flip(0), turn.flip(1)
        sizes = variances.clamp_min(1e-12 * float(variances[0])) ** ((self.power - 1) / 2)
        scale = (sizes.square() * variances).mean().rsqrt()
        turn = (turn * sizes * scale).to(basis)
        return Components(feature_map, basis @ turn, mean.to(basis) @ turn), rows @ turn


def leading_directions(feature_map: FeatureMap, inputs: Tensor, count: int) -> Tensor:
    """Orthonormal directions (D, R) in which the features of the first 10,000 inputs are long; R is `count` at most.

    They come from three rounds of subspace iteration, always from the same random directions (Halko, Martinsson & Tropp
    2011, algorithm 4.4). Raises MdlError where this takes more memory than is allowed.
    """
    width = feature_map.features(inputs[:1]).shape[1]
    require_memory(16 * width * max(count, len(inputs[:_SAMPLE])), f"a basis of {width:,} features")
    features = torch.cat([feature_map.features(each) for each in inputs[:_SAMPLE].split(_CHUNK)])
    rank = min(count, *features.shape)
    directions = torch.randn(width, rank, generator=Generator().manual_seed(0)).to(features)
    for _ in range(_ROUNDS):
        directions = torch.linalg.qr(features.T @ (features @ directions))[0]
    orthonormal: Tensor = torch.linalg.qr(directions.double())[0]
    return orthonormal.to(features)
