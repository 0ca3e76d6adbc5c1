"""What a net fits, and what a code makes of it, where structure is taken away."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from mdlcode.codes import Uniform
from mdlcode.data import Data, View, load
from mdlcode.data.view import split
from mdlcode.errors import MdlError
from mdlcode.learn import AdamW, NetLearner, Steps
from mdlcode.measures.phenomena.random import KINDS, corrupted, fit
from mdlcode.measures.phenomena.training import after_epochs, epochs_to, held_out, whole_epochs


@pytest.fixture(scope="module")
def data() -> Data:
    return split(load("digits", View(limit=150)), 100)


def test_each_kind_takes_away_what_it_says(data: Data) -> None:
    made = {kind: corrupted(data, kind, seed=1) for kind in KINDS}
    inputs, labels = data.shared.inputs, data.labels
    assert made["true labels"] is data
    fake = made["random labels"]
    assert fake.shared is data.shared
    assert 0.02 < np.mean(fake.labels == labels) < 0.25  # a tenth by chance
    shuffled = made["shuffled pixels"].shared.inputs.flatten(1)
    columns = [tuple(column.tolist()) for column in shuffled.T]
    assert sorted(columns) == sorted(tuple(column.tolist()) for column in inputs.flatten(1).T)
    assert not torch.equal(shuffled, inputs.flatten(1))
    mixed = made["random pixels"].shared.inputs.flatten(1)
    assert torch.equal(mixed.sort(1).values, inputs.flatten(1).sort(1).values)
    assert sorted(columns) != sorted(tuple(column.tolist()) for column in mixed.T)
    drawn = made["Gaussian inputs"].shared.inputs
    assert abs(float(drawn.mean() - inputs.float().mean())) < 0.05 * float(inputs.float().std())
    for kind in KINDS:
        assert made[kind].test_labels is data.test_labels


def test_test_inputs_have_the_same_order_of_pixels(data: Data) -> None:
    test, labels = held_out(data)
    shared = replace(data.shared, inputs=test)
    turned = Data("turned", shared, labels, data.shared.inputs, data.labels)
    made, other = (corrupted(each, "shuffled pixels", seed=1) for each in (data, turned))
    assert made.test_inputs is not None
    assert torch.equal(made.test_inputs, other.shared.inputs)


def own_net(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.Tanh(), nn.Linear(128, num_classes))


def test_a_net_of_ones_own_fits_noise_and_the_code_saves_nothing(data: Data) -> None:
    learner = NetLearner(own_net, Steps(epochs=60, min_steps=1, batch_size=20), AdamW(lr=1e-2, weight_decay=0.0))
    real, fake = (fit(learner, corrupted(data, kind)) for kind in ("true labels", "random labels"))
    assert real.train_accuracies[-1] == fake.train_accuracies[-1] == 1.0
    assert len(real.train_accuracies) == 61
    fast, slow = epochs_to(1.0, real.train_accuracies), epochs_to(1.0, fake.train_accuracies)
    assert fast is not None
    assert slow is not None
    assert fast < slow
    assert real.test_accuracy > 0.7
    assert fake.test_accuracy < 0.3
    assert real.saved_bits > 100
    assert -10 < fake.saved_bits < 30


def test_nets_along_a_training_are_those_of_the_learner(data: Data) -> None:
    learner = NetLearner("linear", Steps(epochs=3, min_steps=1, batch_size=25))
    assert whole_epochs(learner, data) == [0.0, 1.0, 2.0, 3.0]
    nets = after_epochs(learner, data, [0, 1.5])
    assert list(nets) == [0.0, 1.5, 3.0]
    own = learner.fit(data.shared, data.labels)
    assert np.array_equal(nets[3.0].predict(data.shared.inputs), own.predict(data.shared.inputs))
    first = learner.initial(data.shared)
    assert np.array_equal(nets[0.0].predict(data.shared.inputs), first.predict(data.shared.inputs))
    with pytest.raises(MdlError, match="the training has epochs 0 to 3: 4 is none"):
        after_epochs(learner, data, [1, 4])


def test_epochs_to_a_share_are_those_it_is_kept_from() -> None:
    assert [epochs_to(share, [0.1, 0.9, 0.8, 0.95]) for share in (0.05, 0.75, 0.9, 1.0)] == [0, 1, 3, None]


def test_bad_data_give_one_clear_line(data: Data) -> None:
    learner = NetLearner("linear", Steps(epochs=1, min_steps=1))
    with pytest.raises(MdlError, match="has no labelled test set"):
        fit(learner, load("digits", View(limit=50)), Uniform())
    with pytest.raises(MdlError, match="no kind of data 'noise': true labels"):
        corrupted(data, "noise")
