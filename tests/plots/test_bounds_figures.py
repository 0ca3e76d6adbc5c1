"""Figures of bounds from what is stored, and the limits on compressibility."""

import pytest

from mdlcode import bounds
from mdlcode.certify.certificate import certify_numbers
from mdlcode.codes import TwoPart
from mdlcode.data import View, load
from mdlcode.data.view import split
from mdlcode.errors import MdlError
from mdlcode.learn import NetLearner, Steps
from mdlcode.papers.zhou.limits import limits
from mdlcode.plots.bounds import bound_over_bits, bounds_side_by_side
from mdlcode.plots.style import drawing
from mdlcode.weights import Grid, Quantised

CASES = [(3000, 1500), (900, 3500), (600, 6000)]


def test_optimum_over_bits_is_marked() -> None:
    stored = [certify_numbers(errors, 60_000, bits).to_config() for errors, bits in CASES]
    with drawing() as (_, [axes]):
        assert bound_over_bits(axes, stored[::-1]) is axes
        bound, train, _ = axes.get_lines()
        assert list(bound.get_xdata()) == [1500, 3500, 6000]
        assert bound.get_ydata()[1] == pytest.approx(100 * bounds.exact_binomial(900, 60_000, 3500, 0.05))
        assert train.get_ydata()[0] == pytest.approx(5)
        assert [each.get_text() for each in axes.texts] == ["7.80 % at 3,500 bits"]
    with drawing() as (_, [axes]), pytest.raises(MdlError, match="at least one"):
        bound_over_bits(axes, [])


def test_vacuous_bounds_stay_in_the_figure() -> None:
    stored = certify_numbers(448_408, 1_281_167, 350 * 8192).to_config()
    with drawing() as (_, [axes]):
        bounds_side_by_side(axes, stored)
        texts = [each.get_text() for each in axes.texts]
        assert len(texts) == len(stored["bounds"]) == 12
        assert sum("vacuous" in each for each in texts) == 8
        assert texts[0] == "480.97 % (vacuous)"
        assert axes.get_yticklabels()[-1].get_text() == "exact binomial"


def test_no_net_is_smaller_than_the_limit() -> None:
    """The more noise is learnt by heart, the higher the limit; labels of pure noise test at (K - 1) / K."""
    code = TwoPart(NetLearner(arch="mlp-1x64", training=Steps(epochs=60)), Quantised(Grid(63)))
    rows = list(limits(split(load("digits", View(limit=400)), 200), code, noises=(0.0, 1.0)))
    clean, random = rows
    assert clean.least_bits < random.least_bits < random.code_bits
    assert random.test_error == pytest.approx(0.9)
    assert random.least_bits == pytest.approx(bounds.least_entropy_bits(200, random.train_error, 0.9))
    assert (clean.n, random.n) == (200, 200)
    with pytest.raises(MdlError, match="test set"):
        next(limits(load("digits"), code))
