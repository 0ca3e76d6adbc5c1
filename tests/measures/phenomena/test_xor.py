"""XOR detection: the data, the net, what wide nets find, and that the code of it is one that decodes."""

import numpy as np
import pytest
import torch

from mdlcode.codes import Geometric, Prequential, Temperature
from mdlcode.data import View, load
from mdlcode.errors import MdlError
from mdlcode.measures.phenomena.xor import PATTERNS, XorLearner, XorNet, centres, clustering, explored, xor_detection


@pytest.mark.parametrize("diverse", [0.0, 1.0])
def test_points_are_of_their_label_and_kind(diverse: float) -> None:
    data = xor_detection(200, patterns=5, diverse=diverse, seed=3)
    patterns = data.shared.inputs.view(200, 5, 2)
    for own, label in zip(patterns, data.labels, strict=True):
        there = {tuple(each) for each in own.tolist()}
        same = {(1.0, 1.0), (-1.0, -1.0)}
        assert bool(there & same) == bool(label)
        full = {tuple(each) for each in (PATTERNS if label else PATTERNS[2:]).tolist()}
        assert (there == full) == bool(diverse)
    assert 0.3 < data.labels.mean() < 0.7


def test_the_net_is_its_formula() -> None:
    net = XorNet(3, deviation=1.0)
    x = xor_detection(4, patterns=6).shared.inputs
    for value, point in zip(net(x).tolist(), x.view(4, 6, 2), strict=True):
        by_hand = 0.0
        for sign, channels in ((1, net.positive), (-1, net.negative)):
            for channel in channels:
                by_hand += sign * max(max(0.0, float(channel.detach() @ pattern)) for pattern in point)
        assert value == pytest.approx(by_hand, abs=1e-5)


def test_a_wide_net_explores_clusters_and_its_centres_solve_the_problem() -> None:
    data, test = xor_detection(40, seed=1), xor_detection(300, diverse=0.5, seed=2)
    wide = XorLearner(60, lr=0.02, max_steps=400).fit(data.shared, data.labels)
    assert explored(wide.start) == 4
    assert clustering(wide.net) > 0.9 > clustering(wide.start)
    assert wide.loss == 0.0
    assert (wide.predict(test.shared.inputs).argmax(1) == test.labels).mean() > 0.97
    small = centres(wide.net)
    assert small.positive.shape == (2, 2)
    assert explored(small) == 4
    started = XorLearner(2, centres_of=60, lr=0.02, max_steps=400).fit(data.shared, data.labels)
    assert (started.predict(test.shared.inputs).argmax(1) == test.labels).mean() > 0.95


def test_the_prequential_code_of_such_a_net_decodes() -> None:
    data = xor_detection(24, seed=5)
    code = Prequential((XorLearner(8, lr=0.05, max_steps=40),), Geometric(first=8), Temperature())
    assert np.array_equal(code.decode(data.shared, code.encode(data)), data.labels)


def test_bad_input_is_one_line() -> None:
    digits = load("digits", View(limit=20))
    with pytest.raises(MdlError, match="two places and two classes"):
        XorLearner().fit(digits.shared, digits.labels)
    with pytest.raises(MdlError, match="4 or more"):
        xor_detection(10, patterns=3)
    with pytest.raises(MdlError, match="`width` 2, not 3"):
        XorLearner(3, centres_of=10)
    with pytest.raises(MdlError, match="no two clusters"):
        centres(XorNet(1))
    assert torch.isfinite(XorNet(1)(torch.ones(1, 2))).all()
