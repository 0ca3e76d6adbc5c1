"""The loss along its gradient, against functions whose smoothness is known, and that looking changes nothing."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mdlcode.data import View, load
from mdlcode.errors import MdlError
from mdlcode.learn import NetLearner, Sgd, Steps
from mdlcode.measures.phenomena.smoothness import NoisyBatchNorm2d, along_gradient, watched

RATES = (0.05, 0.4)


def test_a_quadratic_has_its_curvature_as_smoothness() -> None:
    net = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[3.0, 0.0]]))  # along the first axis, where the curvature is 2 * 4 / 2
    inputs = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    found = along_gradient(net, inputs, torch.zeros(2, 1), [0.1, 0.2], F.mse_loss)
    assert found.beta == pytest.approx(4.0)
    assert found.loss == pytest.approx(18.0)
    assert found.gradient_norm == pytest.approx(12.0)
    assert found.losses.tolist() == pytest.approx([(3 - 1.2) ** 2 * 2, (3 - 2.4) ** 2 * 2])
    assert found.gradient_change == pytest.approx(0.2 * 4 * 12)


def test_a_look_changes_neither_weights_nor_buffers_and_its_noise_is_one_function() -> None:
    net = nn.Sequential(nn.Conv2d(1, 3, 3), NoisyBatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 10))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    inputs, targets = torch.randn(16, 1, 8, 8), torch.arange(16) % 10
    first, again, other = (along_gradient(net, inputs, targets, RATES, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.losses, again.losses)
    assert not np.array_equal(first.losses, other.losses)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_noise_is_there_in_training_alone() -> None:
    layer, plain = NoisyBatchNorm2d(2), nn.BatchNorm2d(2)
    x = torch.randn(400, 2, 3, 3)
    noise = (layer(x) - plain(x)).detach()
    assert 0.15 < float(noise.std()) < 0.5
    assert float(noise.mean(0).abs().max()) < 0.5 + 0.1
    assert torch.allclose(layer.eval()(x), plain.eval()(x))


def test_what_is_watched_is_the_learners_training() -> None:
    data = load("digits", View(limit=60))
    learner = NetLearner("mlp-1x8", Steps(1, 9, 9, 20, None), Sgd(lr=0.1))
    looks = watched(learner, data, RATES, every=4)
    assert len(looks) == 3
    inputs, targets = data.shared.inputs, torch.from_numpy(data.labels)
    early = NetLearner("mlp-1x8", Steps(1, 9, 9, 20, None), Sgd(lr=0.1)).path(data.shared, data.labels, (4 / 9,))[0]

    def mean_loss(net: nn.Module) -> float:
        mean, std = data.shared.moments
        return float(F.cross_entropy(net((inputs.float() - mean) / std), targets).detach())

    assert looks[1].loss == pytest.approx(mean_loss(early.net), rel=0.3)  # of a batch, and of all labels
    assert looks[2].loss < looks[0].loss


@pytest.mark.parametrize(("rates", "line"), [([], "one or more numbers above 0"), ([0.1, -1.0], "above 0")])
def test_rates_that_are_none_are_one_line(rates: list[float], line: str) -> None:
    with pytest.raises(MdlError, match=line):
        along_gradient(nn.Linear(1, 1), torch.ones(1, 1), torch.zeros(1, 1), rates, F.mse_loss)


def test_where_the_gradient_is_0_there_is_no_direction() -> None:
    def flat(outputs: Tensor, targets: Tensor) -> Tensor:
        return 0.0 * F.mse_loss(outputs, targets)

    with pytest.raises(MdlError, match="gradient of norm 0 here"):
        along_gradient(nn.Linear(1, 1), torch.ones(1, 1), torch.zeros(1, 1), RATES, flat)
