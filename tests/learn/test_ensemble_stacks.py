"""Members of an ensemble that train as one stack, against each of them alone."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mdlcode import nets
from mdlcode.data import Bins, Data, from_arrays
from mdlcode.errors import TrainingError
from mdlcode.learn import (
    AdamW,
    Affine,
    CheckpointedLearner,
    EnsembleLearner,
    FixMatch,
    Muon,
    NetLearner,
    Prediction,
    Regularisation,
    Sgd,
    Steps,
)
from mdlcode.learn.nets.stacks import MOST_STEP_FLOPS, is_stacked, stacked_paths
from mdlcode.nets.stacked import Stacked, stackable

STEPS = Steps(min_steps=12, max_steps=12, batch_size=20)
NET = NetLearner(arch="mlp-2x16", training=STEPS, optimizer=Sgd(lr=0.05))
NORMED = nn.Sequential(nn.Flatten(), nn.Linear(64, 6, bias=False), nn.BatchNorm1d(6), nn.SiLU(), nn.Linear(6, 10))


def seeds(net: NetLearner, count: int = 3) -> list[NetLearner]:
    return [replace(net, seed=seed) for seed in range(count)]


def fresh(arch: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    if arch != "normed":
        return nets.build(arch, (1, 8, 8), 10)
    for layer in NORMED:
        if isinstance(layer, nn.Linear | nn.BatchNorm1d):
            layer.reset_parameters()
    return nn.Sequential(*NORMED)


@pytest.mark.parametrize("arch", ["linear", "mlp-2x8", "lenet-small", "lenet-patches", "convnet-shallow", "normed"])
def test_a_stack_of_nets_is_each_of_them_with_its_gradients_and_statistics(arch: str) -> None:
    """In double precision, so that rounding hides nothing."""
    members = [deepcopy(fresh(arch, seed)).double().train() for seed in range(3)]
    assert all(map(stackable, members))
    x = torch.randn(3, 5, 1, 8, 8, dtype=torch.float64)
    stacked = Stacked.of(members).train()
    logits = stacked(x)
    logits.square().sum().backward()
    for index, (member, inputs) in enumerate(zip(members, x, strict=True)):
        alone = member(inputs)
        alone.square().sum().backward()
        torch.testing.assert_close(logits[index], alone)
        for (name, own), (other, value) in zip(stacked.net.named_parameters(), member.named_parameters(), strict=True):
            assert (name, own.requires_grad) == (other, value.requires_grad)
            if value.grad is not None and own.grad is not None:
                torch.testing.assert_close(own.grad[index], value.grad)
        for name, tensor in member.state_dict().items():  # the running statistics have moved alike
            torch.testing.assert_close(stacked.net.state_dict()[name][index], tensor)


@pytest.mark.parametrize(
    "net", [nn.LSTM(1, 1), nn.Sequential(nn.Linear(2, 2), nn.Dropout()), nn.Sequential(nn.Flatten(2))]
)
def test_other_layers_are_not_stacked(net: nn.Module) -> None:
    assert not stackable(net)


def test_layers_in_two_places_or_with_hooks_are_not_stacked() -> None:
    layer = nn.Linear(2, 2)
    assert stackable(nn.Sequential(layer, nn.ReLU()))
    assert not stackable(nn.Sequential(layer, layer))
    layer.register_forward_hook(lambda own, _, out: 2 * out)
    assert not stackable(nn.Sequential(layer, nn.ReLU()))


TRAININGS: dict[str, NetLearner] = {
    "dense": NET,
    "adamw": replace(NET, optimizer=AdamW(lr=1e-3, weight_decay=0.1)),
    "average": replace(NET, prediction=Prediction(ema_decay=0.8)),
    "augmented": replace(
        NET,
        arch="pooled-4-8",
        regularisation=Regularisation(Affine(), 0.1),
        prediction=Prediction(precision="fp32"),
        training=replace(STEPS, warm_start=0.5),
    ),
}


@pytest.mark.parametrize("name", TRAININGS)
def test_stacked_nets_learn_what_each_learns_alone(name: str, digits: Data) -> None:
    learners = seeds(TRAININGS[name])
    together = stacked_paths(learners, digits.shared, digits.labels[:50], (0.5,))
    for learner, path in zip(learners, together, strict=True):
        for own, alone in zip(path, learner.path(digits.shared, digits.labels[:50], (0.5,)), strict=True):
            found, expected = (each.predict(digits.shared.inputs) for each in (own, alone))
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    first, second = (path[-1].predict(digits.shared.inputs) for path in together[:2])
    assert np.abs(first - second).max() > 0.01


def test_densities_are_stacked_too() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)).astype(np.float32)
    data = from_arrays(x, x.sum(axis=1), bins=Bins(-8.0, 8.0, precision=0.1))
    net = replace(NET, arch="mlp-1x8")
    assert is_stacked(net, data.shared, 60)
    together = EnsembleLearner(net, 2).fit(data.shared, data.labels)
    alone = [each.fit(data.shared, data.labels).predict(data.shared.inputs) for each in seeds(net, 2)]
    np.testing.assert_allclose(together.predict(data.shared.inputs), np.mean(alone, axis=0), rtol=1e-3, atol=1e-6)


SMALL = NetLearner(arch="mlp-2x16")
RULE: list[tuple[NetLearner, bool]] = [
    (SMALL, True),
    (replace(SMALL, arch="linear", optimizer=Sgd()), True),
    (replace(SMALL, arch="pooled-4-8"), True),
    (replace(SMALL, arch="mlp-3x500"), False),  # many weights
    (replace(SMALL, arch="lenet-small", training=Steps(batch_size=100)), False),  # many operations
    (replace(SMALL, arch="mlp-dropout"), False),  # draws of torch's own
    (replace(SMALL, optimizer=Muon()), False),  # moves a matrix as a whole
    (replace(SMALL, compiled=True), False),
    (replace(SMALL, regularisation=Regularisation(unlabelled=FixMatch())), False),
]


@pytest.mark.parametrize(("net", "expected"), RULE)
def test_small_nets_are_stacked(net: NetLearner, expected: bool, digits: Data) -> None:
    assert is_stacked(net, digits.shared, 100) == expected


def test_how_large_a_step_may_be_is_counted_in_its_operations(digits: Data) -> None:
    """A dense net of 64 x 500 + 500 x 10 weights takes two operations for each and an input of its batch."""
    net = replace(SMALL, arch="mlp-1x500", training=Steps(batch_size=10_000))
    most = int(MOST_STEP_FLOPS / (2 * (64 * 500 + 500 * 10)))
    assert is_stacked(net, digits.shared, most)
    assert not is_stacked(net, digits.shared, most + 1)


def test_an_ensemble_trains_in_stacks_and_is_the_mean_of_its_members(
    digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def counted(learners: list[NetLearner], *rest: Any) -> Any:
        sizes.append(len(learners))
        return stacked_paths(learners, *rest)

    monkeypatch.setattr("mdlcode.learn.ensemble.stacked_paths", counted)
    monkeypatch.setattr("mdlcode.learn.ensemble.NETS_AT_ONCE", 2)
    shared, labels = digits.shared, digits.labels[:50]
    path = EnsembleLearner(CheckpointedLearner(NET, (0.5,)), size=3).fit_path(shared, labels)
    assert sizes == [2, 1]
    each = [learner.path(shared, labels, (0.5,)) for learner in seeds(NET)]
    for mean, members in zip(path, zip(*each, strict=True), strict=True):
        expected = np.mean([member.predict(shared.inputs) for member in members], axis=0)
        np.testing.assert_allclose(mean.predict(shared.inputs), expected, rtol=1e-3, atol=1e-5)


def test_a_member_that_diverges_is_an_error_but_no_concern_of_the_others(digits: Data) -> None:
    wild = replace(NET, optimizer=Sgd(lr=1e12))
    with pytest.raises(TrainingError, match="ran to NaN"):
        EnsembleLearner(wild, 2).fit(digits.shared, digits.labels[:50])
    [mean] = EnsembleLearner(wild, 2).fit_path(digits.shared, digits.labels[:50])
    assert np.isnan(mean.predict(digits.shared.inputs)).all()


def test_what_a_net_learns_does_not_depend_on_the_data_of_the_others(digits: Data) -> None:
    """The first net of a stack is the same to the bit whoever else is in it: each lane is computed by itself."""
    shared, labels = digits.shared, digits.labels[:50]
    one, other = (
        stacked_paths([NET, replace(NET, seed=seed)], shared, labels)[0][0].predict(shared.inputs) for seed in (1, 2)
    )
    assert np.array_equal(one, other)
