"""What makes a training ready for a GPU: it neither waits for the device at each step nor copies more than draws."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from mdlcode.bayes import BayesLearner, FreshNet
from mdlcode.codes.online import Online, Streams
from mdlcode.data import Data
from mdlcode.learn import Affine, Crop, Muon, NetLearner, Prediction, Regularisation, Steps
from mdlcode.learn.nets.average import RunningAverage
from mdlcode.learn.nets.unlabelled import FixMatch


class Waits(TorchDispatchMode):
    """Counts what waits for the device: a number that is read out of a tensor, but for a draw, which is on the CPU."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0
        self._drawn: list[torch.Tensor] = []  # kept, so that their places are not given to others

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        value = func(*args, **(kwargs or {}))
        if func.overloadpacket is torch.ops.aten.randint:
            self._drawn.append(value)
        elif func is torch.ops.aten._local_scalar_dense.default:
            self.count += not any(args[0].data_ptr() == each.data_ptr() for each in self._drawn)
        return value


def _two_lengths(learner: NetLearner | BayesLearner, digits: Data) -> list[int]:
    counts = []
    for steps in (10, 30):
        longer = replace(learner, training=Steps(min_steps=steps, max_steps=steps, batch_size=16))
        with Waits() as waits:
            longer.fit(digits.shared, digits.labels)
        counts.append(waits.count)
    return counts


@pytest.mark.parametrize(
    "learner",
    [
        NetLearner("tinycnn", regularisation=Regularisation(augment=Affine()), prediction=Prediction(ema_decay=0.9)),
        NetLearner("convnet-shallow", optimizer=Muon(), regularisation=Regularisation(augment=Crop(flip=True))),
        NetLearner("mlp", regularisation=Regularisation(unlabelled=FixMatch(batch_size=8), augment=Crop(pad=1))),
        BayesLearner(FreshNet("lenet-small")),
    ],
)
def test_no_step_of_a_training_waits_for_the_device(learner: NetLearner | BayesLearner, digits: Data) -> None:
    few, many = _two_lengths(learner, digits)
    assert few == many


def test_an_online_training_waits_at_each_batch_and_not_at_its_steps(digits: Data) -> None:
    counts = []
    for replays in (0, 4):
        with Waits() as waits:
            Online("tinycnn", batch_size=40, replay=Streams(replays)).measure(digits)
        counts.append(waits.count)
    assert counts[0] == counts[1]


@pytest.mark.parametrize("augment", [Crop(flip=True), Affine()])
def test_only_draws_are_copied_to_the_device_where_images_are_changed(augment: Crop | Affine) -> None:
    """On the device "meta", which has shapes alone: what is made on the CPU has to be copied there."""
    images, copied = torch.empty(50, 1, 28, 28, device="meta"), []

    class Copies(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.ops.aten._to_copy.default and args[0].device.type == "cpu":
                copied.append(args[0].numel())
            return func(*args, **(kwargs or {}))

    with Copies():  # type: ignore[no-untyped-call]
        changed = augment.apply(images, torch.Generator().manual_seed(0))
    assert changed.shape == images.shape
    assert 1 <= len(copied) <= 2
    assert sum(copied) <= 6 * len(images)


def test_averaged_weights_are_the_mean_by_its_definition() -> None:
    """Against the plain loop, with buffers that count and that hold infinities."""
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(2)
    net = nn.Sequential(nn.Linear(3, 2), norm)
    net.register_buffer("mask", torch.tensor([0.0, float("-inf")]))
    average, decay = RunningAverage(net, 0.8), 0.8
    expected = {name: value.clone() for name, value in net.state_dict().items()}
    for updates in range(6):
        for value in net.parameters():
            value.data.add_(torch.randn_like(value))
        norm(torch.randn(4, 2))
        average.update(net)
        for name, value in net.state_dict().items():
            share = max(1 - decay, 1 / (1 + updates))
            moving = updates > 0 and value.is_floating_point() and name != "mask"
            expected[name] = expected[name] + share * (value - expected[name]) if moving else value.clone()
    assert all(torch.equal(value, expected[name]) for name, value in average.net.state_dict().items())


def test_filters_of_one_shape_take_the_steps_that_they_take_alone() -> None:
    torch.manual_seed(1)
    weights = [nn.Parameter(torch.randn(8, 4, 3, 3)) for _ in range(3)]
    alone = [nn.Parameter(each.detach().clone()) for each in weights]
    bias = nn.Parameter(torch.zeros(1))  # what else a net has
    together, each_alone = Muon().build([*weights, bias]), [Muon().build([each, bias]) for each in alone]
    for _ in range(4):
        for one, other in zip(weights, alone, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        weights[2].grad = alone[2].grad = None  # a layer that a net does not use
        together.step()
        for optimizer in each_alone:
            optimizer.step()
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(weights, alone, strict=True))
    assert not torch.allclose(weights[0], weights[1])
