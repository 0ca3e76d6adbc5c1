"""A code on features is the code itself, with features in place of the inputs, which both sides work out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mdlcode.bayes import BayesLearner, FreshNet
from mdlcode.codes import Code, Compressed, OnFeatures, Subspace, Uniform, Variational
from mdlcode.data import Data, Shared, View, load
from mdlcode.data.view import split
from mdlcode.errors import MdlError
from mdlcode.learn import NetLearner, RateAware, Steps, SubspaceLearner
from mdlcode.learn.patch_filters import PatchFilters
from mdlcode.learn.principal import PrincipalComponents

COMPONENTS = PrincipalComponents(PatchFilters(filters=20, size=3, mirrored=False), directions=30)
BRIEF = Steps(epochs=1, min_steps=60)
CODES: dict[str, Code] = {
    "compressed": Compressed(
        RateAware(NetLearner("linear", training=BRIEF), training=replace(BRIEF, warmup=0.05)), bit_prices=(1.0,)
    ),
    "subspace": Subspace(SubspaceLearner(arch="linear", training=BRIEF, dimension=40)),
    "variational": Variational(BayesLearner(FreshNet("linear"), training=BRIEF), extra_draws=2),
}


@pytest.fixture(scope="module")
def digits() -> Data:
    return split(load("digits", View(limit=500)), 300)


@pytest.mark.parametrize("name", CODES)
def test_bob_decodes_from_inputs_and_message(name: str, digits: Data) -> None:
    code = OnFeatures(CODES[name], COMPONENTS)
    message = code.encode(digits)
    decoded = OnFeatures(CODES[name], COMPONENTS).decode(Shared(digits.shared.inputs.clone(), 10), message)
    assert (decoded == digits.labels).all()


@pytest.mark.parametrize("name", CODES)
def test_bits_are_those_of_the_code_on_the_components(name: str, digits: Data) -> None:
    rows = COMPONENTS.of(digits.shared.inputs)[1]
    seen = Data("components", Shared(rows, 10, standardise="none"), digits.labels)
    got = OnFeatures(CODES[name], COMPONENTS).measure(digits)
    plain = CODES[name].measure(seen)
    assert got.codelength.bits_by_part == plain.codelength.bits_by_part
    assert got.received.notes == plain.received.notes
    assert got.codelength.total_bits < 0.9 * digits.shared.num_labels * 3.32


def test_what_bob_has_predicts_from_inputs(digits: Data) -> None:
    predictor = OnFeatures(CODES["compressed"], COMPONENTS).measure(digits).received.predictor
    assert predictor is not None
    assert digits.test_inputs is not None
    rows = predictor.predict(digits.test_inputs)
    assert rows.shape == (200, 10)
    assert (rows.argmax(1) == digits.test_labels).mean() > 0.6


def test_a_code_without_a_predictor_has_none(digits: Data) -> None:
    assert OnFeatures(Uniform(), COMPONENTS).measure(digits).received.predictor is None


def test_no_bound_follows_from_components_of_the_sample() -> None:
    assert CODES["compressed"].sends_net
    assert not OnFeatures(CODES["compressed"], COMPONENTS).sends_net


def test_inputs_that_are_no_images_are_refused_in_one_line() -> None:
    data = Data("table", Shared(torch.rand(9, 4), 2), np.zeros(9, dtype=np.int64))
    with pytest.raises(MdlError, match="images of 1 or 3 channels"):
        OnFeatures(CODES["subspace"], COMPONENTS).codelength(data)
