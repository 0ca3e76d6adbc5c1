"""Stacks of nets against each net alone, and against plain torch."""

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Generator, nn

from mdlcode.codes import Geometric, Prequential
from mdlcode.data import Data, View, load
from mdlcode.errors import MdlError
from mdlcode.learn.grid import Outcome, Run, Setting, SettingLearner, Training, stacks, train
from mdlcode.learn.grid.forecasts import Recalled, forecasts
from mdlcode.learn.nets.steps import shuffled

DATA = load("digits", View(limit=60))
TRAINING = Training(steps=12)


def run(setting: Setting, data: Data = DATA, training: Training = TRAINING) -> Run:
    return Run(setting, data.labels, data.shared.moments, training.count(setting.batch_size, len(data)))


def trained(*settings: Setting, training: Training = TRAINING) -> list[Outcome]:
    return train([run(each, training=training) for each in settings], DATA.shared.inputs, 10, training)


def same(one: Outcome, other: Outcome) -> None:
    assert one.state.keys() == other.state.keys()
    for name, value in one.state.items():
        torch.testing.assert_close(value, other.state[name], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(one.losses, other.losses, rtol=1e-3, atol=1e-5)


def test_a_net_of_a_stack_is_what_torch_makes_of_it() -> None:
    """Momentum, L2 on kernels alone, and one net's rate does not touch the other's."""
    slow, fast = trained(Setting(width=8, lr=0.01, l2=0.01), Setting(width=8, lr=0.1, seed=1))
    net = Setting(width=8).of(DATA.shared)
    kernels = [each for each in net.parameters() if each.ndim > 1]
    others = [each for each in net.parameters() if each.ndim == 1]
    groups: list[dict[str, Any]] = [{"params": kernels, "weight_decay": 0.01}, {"params": others}]
    optimizer = torch.optim.SGD(groups, lr=0.01, momentum=0.9)
    mean, std = DATA.shared.moments
    inputs, targets = (DATA.shared.inputs.float() - mean) / std, torch.from_numpy(DATA.labels)
    losses = []
    for batch in shuffled(60, 60, 12, Generator().manual_seed(0)):
        loss = F.cross_entropy(net(inputs[batch]), targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    np.testing.assert_allclose(slow.losses, losses, rtol=1e-4)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(slow.state[name], value, rtol=1e-3, atol=1e-5)
    assert fast.losses[-1] < slow.losses[-1]


@pytest.mark.parametrize(
    "settings",
    [
        [Setting(width=16, dropout=0.3, augment="shift"), Setting(width=16, seed=1), Setting(width=16, lr=0.2)],
        [Setting(width=5, depth=1), Setting(width=12, depth=1, l2=0.01)],  # the narrow one lies in the wide one
        [Setting(width=6, batch_norm=True), Setting(width=16, batch_norm=True)],
        [Setting(width=6, optimizer="adam", lr=0.01), Setting(width=16, optimizer="adam", lr=0.001)],
        [Setting(net="cnn", width=w, depth=2, batch_norm=True, batch_size=20) for w in (3, 4)],
        [Setting(net="resnet", width=w, depth=1, batch_norm=True, batch_size=20) for w in (3, 4)],
        [Setting(net="nin", width=4, depth=2, dropout=0.2, seed=s, batch_size=20) for s in (0, 1)],
    ],
)
def test_a_net_does_not_depend_on_the_others_of_its_stack(settings: list[Setting]) -> None:
    runs = [run(each) for each in settings]
    assert stacks(runs, DATA.shared.shape, 10) == [list(range(len(settings)))]
    for each, together in zip(settings, trained(*settings), strict=True):
        [alone] = trained(each)
        same(together, alone)


def test_stacks_hold_nets_of_one_layout_and_wide_convolutions_go_alone() -> None:
    runs = [run(Setting(width=width, depth=depth)) for depth in (1, 2) for width in (20, 40, 30)]
    assert stacks(runs, DATA.shared.shape, 10) == [[0, 2], [1], [3, 5], [4]]
    wide = [run(Setting(net="cnn", width=width, depth=1)) for width in (32, 32, 8, 8)]
    assert stacks(wide, DATA.shared.shape, 10) == [[0], [1], [2, 3]]


def test_nets_leave_where_they_reach_their_loss_or_diverge() -> None:
    training = Training(epochs=40, stop_ce=0.5)
    settings = [Setting(width=16, lr=lr, batch_size=20, seed=index) for index, lr in enumerate((0.1, 1e9, 1e-6))]
    good, diverged, slow = trained(*settings, training=training)
    assert good.converged
    assert len(good.losses) < 120
    net = settings[0].of(DATA.shared).eval()
    net.load_state_dict(good.state)
    mean, std = DATA.shared.moments
    with torch.no_grad():
        logits = net((DATA.shared.inputs.float() - mean) / std)
    assert float(F.cross_entropy(logits, torch.from_numpy(DATA.labels))) <= 0.5
    assert (diverged.state, diverged.converged) == ({}, False)
    assert "diverged" in diverged.reason
    assert slow.reason.startswith("not converged: training loss 2.")
    assert len(slow.losses) == 120
    same(good, trained(settings[0], training=training)[0])


def test_dropout_drops_as_often_as_it_says_and_keeps_the_mean() -> None:
    from mdlcode.learn.grid.train import _Trainer

    runs = [run(Setting(width=50, depth=1, dropout=0.2)), run(Setting(width=50, depth=1))]
    [keep] = _Trainer(runs, DATA.shared.inputs, 10, TRAINING)._kept(runs, 60).values()
    assert float((keep[0] == 0).float().mean()) == pytest.approx(0.2, abs=0.03)
    assert float(keep[0].mean()) == pytest.approx(1.0, abs=0.05)
    assert bool((keep[1] == 1).all())


def test_forecasts_are_those_of_the_learner_that_is_trained_again() -> None:
    settings = [Setting(width=8, depth=1, batch_size=16, seed=seed, dropout=0.1 * seed) for seed in (0, 1)]
    stops = Geometric().stops(60)
    made = forecasts(settings, DATA.shared, [DATA.labels] * 2, TRAINING, stops)
    for setting, probs in zip(settings, made, strict=True):
        recalled = Prequential((Recalled(probs),)).codelength(DATA)
        again = Prequential((SettingLearner(setting, TRAINING),)).codelength(DATA)
        np.testing.assert_allclose(recalled.bits_by_label, again.bits_by_label, rtol=1e-3, atol=1e-4)
    changed = DATA.labels.copy()
    changed[32:] = (changed[32:] + 1) % 10  # labels that are not sent yet change no forecast
    other = forecasts(settings, DATA.shared, [changed] * 2, TRAINING, stops)
    np.testing.assert_allclose(other[0][:60], made[0][:60], rtol=1e-4)


def test_steps_of_a_part_are_as_many_epochs() -> None:
    assert Training(steps=3000).count(32, 1000) == 3000
    assert Training(steps=3000).count(32, 16, of=1000) == 96
    assert Training(epochs=2).count(32, 48) == math.ceil(2 * 48 / 32)
    assert [Training(steps=10, lr_drops=(0.5, 0.8)).lr_share(step, 10) for step in (4, 5, 8)] == pytest.approx(
        [1, 0.1, 0.01]
    )


def test_settings_that_do_not_fit_are_one_line() -> None:
    with pytest.raises(MdlError, match="no family of nets 'mpl'"):
        Setting(net="mpl").of(DATA.shared)
    with pytest.raises(MdlError, match="needs images"):
        Setting(net="nin").new((64,), 10)
    with pytest.raises(MdlError, match="Give either"):
        Training()
    assert isinstance(Setting(net="cnn", depth=3).of(DATA.shared), nn.Sequential)
