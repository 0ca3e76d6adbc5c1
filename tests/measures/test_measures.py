import math

import numpy as np
import pytest
import torch

from mdlcode import preset
from mdlcode.codes import Prequential
from mdlcode.codes.schedule import NAMED
from mdlcode.data import Data, View, from_arrays, load
from mdlcode.errors import MdlError
from mdlcode.learn import (
    FrequencyLearner,
    StagedLearner,
    UniformLearner,
)
from mdlcode.learn.nets.muon import orthogonalised
from mdlcode.measures import LearningCurve


def test_curve_and_its_measures() -> None:
    bits = np.repeat([3.3, 2.0, 1.0, 0.5], [2, 2, 4, 8])
    curve = LearningCurve.of(bits, [2, 4, 8, 16])
    assert curve.sizes.tolist() == [2, 4, 8]
    assert curve.loss_bits == pytest.approx([2.0, 1.0, 0.5])
    assert curve.surplus_description_length_bits(0.75) == pytest.approx(2 * 1.25 + 4 * 0.25)
    assert curve.surplus_description_length_bits(0.0) == pytest.approx(bits[2:].sum())
    assert curve.sample_complexity(1.0) == 4
    assert curve.sample_complexity(0.4) == math.inf
    with pytest.raises(MdlError, match="do not divide"):
        LearningCurve.of(bits, [2, 4, 8])


def test_curve_of_a_run() -> None:
    data = load("digits", View(limit=200))
    code = Prequential((FrequencyLearner(),))
    curve = LearningCurve.of(code.codelength(data).bits_by_label, code.schedule.stops(len(data)))
    assert curve.widths.sum() == len(data) - 8


def test_probing_portions() -> None:
    assert NAMED["probing"].stops(10_000) == [10, 20, 40, 80, 160, 320, 625, 1250, 2500, 5000, 10_000]
    assert NAMED["probing"].stops(5) == [1, 2, 3, 5]


def test_readouts_of_frozen_features_tell_good_from_useless_ones() -> None:
    data = load("digits", View(limit=300))
    good = from_arrays(data.shared.inputs.flatten(1).float(), data.labels)
    bad = from_arrays(torch.arange(3.0).expand(300, 3), data.labels)
    useful, useless = (preset("readout").codelength(each).total_bits for each in (good, bad))
    assert useful < 0.6 * useless
    assert useless < 1.1 * 300 * math.log2(10)


def test_staged_learner_takes_the_stage_of_the_number_of_labels(digits: Data) -> None:
    staged = StagedLearner((UniformLearner(), FrequencyLearner()), until=(50,))
    few = staged.fit(digits.shared, digits.labels[:50]).predict(digits.shared.inputs[:1])
    many = staged.fit(digits.shared, digits.labels[:51]).predict(digits.shared.inputs[:1])
    assert few[0] == pytest.approx(np.full(10, 0.1))
    assert many[0] != pytest.approx(np.full(10, 0.1))
    with pytest.raises(MdlError, match="need 1 rising"):
        StagedLearner((UniformLearner(), FrequencyLearner()), until=(50, 60))


def test_newton_schulz_brings_singular_values_near_one() -> None:
    matrix = torch.randn(20, 50, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalised(matrix))
    assert 0.5 < float(values.min()) <= float(values.max()) < 1.3
    assert torch.allclose(orthogonalised(matrix.T), orthogonalised(matrix).T, atol=1e-5)
