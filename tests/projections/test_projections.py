"""Projections: isometric, adjoint to their transposes, and the same to the bit everywhere."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from mdlcode.config import kind_of, kinds
from mdlcode.errors import MdlError
from mdlcode.projections import (
    CountSketch,
    Dense,
    Draws,
    Fastfood,
    Kronecker,
    Projection,
    Projector,
    Sparse,
    Srht,
)
from mdlcode.projections.dense import upper_triangle
from mdlcode.projections.hadamard import hadamard
from mdlcode.projections.layers import groups, shares

KINDS = [kind() for kind in kinds(Projection).values()]
# How far singular values may be from 1 at D = 4096, d = 40; None where they are 1 but for rounding.
NEARLY = {"srht": None, "fastfood": 0.25, "sparse": 0.2}

HASH = """
import hashlib, torch
from mdlcode.config import kinds
from mdlcode.projections import Projection
for kind in kinds(Projection).values():
    drawn = kind().bind(3000, 70, seed=5)
    print(kind.__name__, hashlib.sha256(b"".join(b.numpy().tobytes() for b in drawn.buffers())).hexdigest())
"""


def matrix(projector: Projector) -> Tensor:
    return torch.stack([projector(unit) for unit in torch.eye(projector.dimension)], 1)


@pytest.mark.parametrize("projection", KINDS, ids=lambda kind: kind.kind)
def test_isometric_exactly_or_nearly(projection: Projection) -> None:
    values = torch.linalg.svdvals(matrix(projection.bind(4096, 40, seed=1)))
    tolerance = NEARLY.get(kind_of(projection)) or 2e-6
    assert (values - 1).abs().max() < tolerance
    assert abs(float(values.square().mean()) - 1) < tolerance / 4


def test_kronecker_cuts_less_than_a_row_off() -> None:
    values = torch.linalg.svdvals(matrix(Kronecker().bind(4090, 40, seed=1)))
    assert values.max() < 1 + 1e-5
    assert values.square().sum() > 40 - 64 * 64 / 4090


@pytest.mark.parametrize("projection", KINDS, ids=lambda kind: kind.kind)
@given(size=st.integers(20, 300), seed=st.integers(0, 2**32), data=st.data())
def test_transpose_is_the_adjoint(projection: Projection, size: int, seed: int, data: st.DataObject) -> None:
    dimension = data.draw(st.integers(1, min(size, 12)))
    drawn = projection.bind(size, dimension, seed)
    random = torch.Generator().manual_seed(seed)
    v, g = torch.randn(dimension, generator=random), torch.randn(size, generator=random)
    there, back = drawn(v) @ g, v @ drawn.transpose(g)
    assert abs(float(there - back)) < 1e-4 * float(1 + v.norm() * g.norm())


@pytest.mark.parametrize("projection", KINDS, ids=lambda kind: kind.kind)
def test_gradients_are_those_of_the_matrix(projection: Projection) -> None:
    drawn = projection.bind(60, 7, seed=3)
    full = matrix(drawn)
    v, g = torch.randn(7, requires_grad=True), torch.randn(60, requires_grad=True)
    drawn(v).square().sum().backward()
    assert torch.allclose(v.grad, 2 * full.T @ full @ v.detach(), atol=1e-4)
    drawn.transpose(g).square().sum().backward()
    assert torch.allclose(g.grad, 2 * full @ full.T @ g.detach(), atol=1e-4)


@pytest.mark.parametrize("projection", KINDS, ids=lambda kind: kind.kind)
def test_autocast_changes_nothing(projection: Projection) -> None:
    drawn, v = projection.bind(60, 7, seed=3), torch.randn(7, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        moved = drawn(v)
        moved.square().sum().backward()
    assert torch.equal(moved, drawn(v))
    assert torch.equal(v.grad, drawn.transpose(2 * moved).detach())


@pytest.mark.parametrize("projection", KINDS, ids=lambda kind: kind.kind)
def test_seeds_and_streams_draw_other_directions(projection: Projection) -> None:
    first = matrix(projection.bind(50, 5, seed=0))
    assert torch.equal(first, matrix(projection.bind(50, 5, seed=0)))
    assert not torch.equal(first, matrix(projection.bind(50, 5, seed=1)))
    assert not torch.equal(first, matrix(projection.bind(50, 5, seed=0, stream=1)))


def test_same_to_the_bit_with_other_threads() -> None:
    def run(threads: int) -> str:
        script = f"import torch; torch.set_num_threads({threads})\n{HASH}"
        env = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        return subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
        ).stdout

    one = run(1)
    assert len(one.splitlines()) == len(KINDS)
    assert run(3) == one


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")
@pytest.mark.parametrize("projection", KINDS, ids=lambda kind: kind.kind)
def test_same_on_a_gpu(projection: Projection) -> None:
    here, there = projection.bind(3000, 70, seed=5), projection.bind(3000, 70, seed=5).cuda()
    assert all(torch.equal(one, other.cpu()) for one, other in zip(here.buffers(), there.buffers(), strict=True))
    v = torch.randn(70)
    assert torch.allclose(here(v), there(v.cuda()).cpu(), atol=1e-5)


def test_draws_keep_their_stream() -> None:
    """Golden values: a message is worth nothing where they change."""
    assert Draws(7, 1).words(2).tolist() == [16278639771243212573, 6807555713146629974]
    assert Draws(7, 1).permutation(6).tolist() == [3, 1, 2, 5, 4, 0]
    normals = Draws(0).normals(10_000)
    assert abs(normals.mean()) < 0.05
    assert abs(normals.var() - 1) < 0.05


@pytest.mark.parametrize("bits", [0, 1, 5, 6, 7, 13])
def test_hadamard_against_its_definition(bits: int) -> None:
    full = torch.ones(1, 1)
    for _ in range(bits):
        full = torch.cat([torch.cat([full, full], 1), torch.cat([full, -full], 1)])
    x = torch.randn(3, 1 << bits)
    assert torch.allclose(hadamard(x), x @ full, atol=1e-3)


@pytest.mark.parametrize("projection", KINDS, ids=lambda kind: kind.kind)
def test_extreme_dimensions(projection: Projection) -> None:
    for size, dimension in ((1, 1), (9, 1)):
        assert abs(float(projection.bind(size, dimension, seed=0)(torch.ones(1)).norm()) - 1) < 0.7
    for dimension in (0, 10):
        with pytest.raises(MdlError, match="between 1 and 9"):
            projection.bind(9, dimension, seed=0)


@pytest.mark.parametrize("projection", [CountSketch(), Kronecker(), Srht()], ids=lambda kind: kind.kind)
def test_ten_million_parameters_are_within_memory(projection: Projection) -> None:
    assert projection.memory_bytes(10**7, 10**4) < 2 << 30


@pytest.mark.parametrize("projection", [Dense(), Sparse()], ids=lambda kind: kind.kind)
def test_what_does_not_fit_is_refused_before_it_is_taken(projection: Projection) -> None:
    with pytest.raises(MdlError, match="GiB: use count-sketch"):
        projection.bind(10**8, 10**5, seed=0)


def test_dense_directions_that_depend_on_each_other() -> None:
    with pytest.raises(MdlError, match="smaller dimension"):
        upper_triangle(np.ones((2, 2)))


def test_fastfood_gets_nearer_with_more_blocks() -> None:
    few, many = (torch.linalg.svdvals(matrix(Fastfood().bind(size, 16, seed=0))) for size in (64, 16384))
    assert (many - 1).abs().max() < (few - 1).abs().max() / 3


PARAMETERS = dict(nn.Sequential(nn.Linear(8, 4), nn.LayerNorm(4)).named_parameters())


def test_layers_share_the_coordinates() -> None:
    assert [each.dimension for each in groups(PARAMETERS, 9, "joint")] == [9]
    [vectors] = groups(PARAMETERS, 5, "normalisation")
    assert vectors.names == ("0.bias", "1.weight", "1.bias")
    film, rest = groups(PARAMETERS, 20, "mixed")
    assert (film.dimension, rest.dimension) == (10, 10)
    assert sum(each.dimension for each in groups(PARAMETERS, 30, "layerwise")) == 30
    assert [len(each.names) for each in groups(PARAMETERS, 30, "layerwise")] == [1, 3]


def test_layers_that_a_dimension_does_not_fit() -> None:
    with pytest.raises(MdlError, match="one for each group"):
        groups(PARAMETERS, 1, "layerwise")
    with pytest.raises(MdlError, match="between 1 and 12"):
        groups(PARAMETERS, 13, "normalisation")
    with pytest.raises(MdlError, match="nothing to move"):
        groups({"weight": torch.zeros(3, 3)}, 1, "normalisation")


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6), data=st.data())
def test_shares_add_up_within_sizes(sizes: list[int], data: st.DataObject) -> None:
    total = data.draw(st.integers(len(sizes), sum(sizes)))
    given_ = shares(sizes, [float(size) for size in sizes], total)
    assert sum(given_) == total
    assert all(1 <= share <= size for share, size in zip(given_, sizes, strict=True))
