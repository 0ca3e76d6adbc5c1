"""Layers of what is known of images: they hold nothing, and each image gets its own, whatever batch it is in."""

import pytest
import torch

from mdlcode.coding.channel import Ledger
from mdlcode.nets import build
from mdlcode.nets.held import held_tensors
from mdlcode.nets.known import Edges, Upright, leaning
from mdlcode.weights import Float32


def blob(slant: float, side: int = 28) -> torch.Tensor:
    """An image (1, 1, side, side) of a soft bar that leans by so many columns a row, off the middle."""
    places = torch.arange(side) - (side - 1) / 2
    high = places[:, None] - 2
    across = places - 1 - slant * high
    return torch.exp(-across.square() / 16 - high.square() / 18)[None, None]


@pytest.mark.parametrize("slant", [-0.8, -0.2, 0.0, 0.5])
def test_what_leans_is_made_upright(slant: float) -> None:
    leans, centre = leaning(blob(slant))
    assert float(leans) == pytest.approx(slant, abs=0.02)
    assert float(centre) == pytest.approx(2, abs=0.02)
    made = Upright()(blob(slant) - 3)
    assert float(leaning(made + 3)[0]) == pytest.approx(0, abs=0.02)
    assert float((made + 3 - blob(0.0)).abs().max()) < 0.02  # linear between pixels: off by a second derivative / 8


def test_upright_does_not_depend_on_the_batch_on_brightness_or_on_precision() -> None:
    images = torch.cat([blob(0.5), blob(-0.3), torch.full((1, 1, 28, 28), 7.0)]).repeat(1, 3, 1, 1)
    together = Upright()(images)
    assert torch.allclose(together[2], images[2])
    assert torch.allclose(torch.cat([Upright()(each[None]) for each in images]), together, atol=1e-6)
    assert torch.allclose(Upright()(2 * images - 1), 2 * together - 1, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(Upright()(images), together)


def test_edges_see_edges_of_their_direction() -> None:
    filters = Edges().filters()
    assert filters.shape == (12, 1, 5, 5)
    assert torch.allclose(filters.square().sum((1, 2, 3)), torch.ones(12))
    assert torch.allclose(filters.sum((1, 2, 3)), torch.zeros(12), atol=1e-6)
    rising = torch.arange(9.0).expand(1, 1, 9, 9)  # brighter to the right: direction 0
    seen = Edges()(rising).amax((0, 2, 3))
    assert int(seen.argmax()) == 0
    line = torch.zeros(1, 1, 9, 9)
    line[..., 4] = 1.0  # a line from top to bottom, which varies along direction 0
    assert int(Edges()(line)[0, 8:, 2, 2].argmax()) == 0


def test_known_layers_take_no_bits() -> None:
    net, ledger = build("lenet-edges", (1, 28, 28), 10), Ledger()
    assert list(held_tensors(net)) == ["4.weight", "4.bias", "8.weight", "8.bias"]
    Float32().transmit(ledger, net)
    assert ledger.codelength(2).total_bits == 32 * sum(each.numel() for each in net.parameters())
