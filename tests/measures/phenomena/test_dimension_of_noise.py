"""Small nets and subspaces of as many parameters, and dimensions of true and of random labels."""

from dataclasses import replace

import pytest

from mdlcode.data import View, load
from mdlcode.data.view import split
from mdlcode.errors import MdlError
from mdlcode.learn import AdamW, NetLearner, RateAware, Real, Steps, SubspaceLearner
from mdlcode.measures.dimension_search import DimensionSearch
from mdlcode.measures.phenomena.dimension import at_equal_size, dimensions_by_noise, in_subspace

TRAINING = Steps(min_steps=150, max_steps=150, batch_size=50)
LARGE = SubspaceLearner("mlp-1x32", TRAINING, AdamW(lr=0.1, weight_decay=0.0), layers="joint")


def test_at_equal_size_a_subspace_reaches_more() -> None:
    data = split(load("digits", View(limit=500)), 400)
    small = NetLearner("mlp-1x2", TRAINING, AdamW(lr=5e-3))
    direct, subspace = at_equal_size(small, LARGE, data, RateAware(training=TRAINING))
    assert direct.num_parameters == subspace.num_parameters == 160
    assert direct.test_accuracy + 0.1 < subspace.test_accuracy
    real = replace(LARGE, dimension=160, coordinates=Real())
    assert in_subspace(real, data) == subspace  # the bits are of whole steps all the same
    with pytest.raises(MdlError, match="the small net has 5,962 parameters, the large one only 2,410"):
        at_equal_size(replace(small, arch="mlp-2x48"), LARGE, data, RateAware(training=TRAINING))


def test_random_labels_take_more_dimensions() -> None:
    search = DimensionSearch(replace(LARGE, coordinates=Real()), seeds=1, start=64, precision=2.0)
    data = load("digits", View(limit=60))
    true, fake = dimensions_by_noise(search, data)
    assert true.dimension < fake.dimension
    assert true.threshold == fake.threshold == 0.9
    with pytest.raises(MdlError, match="a share 2 of the labels"):
        dimensions_by_noise(search, data, [2])
