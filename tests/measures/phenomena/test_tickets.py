"""Tickets keep their places and their first weights, and Bob decodes them from their message."""

import numpy as np
import pytest
import torch
from torch import nn

from mdlcode.coding.channel import Ledger, Receiver, Sender
from mdlcode.data import Data, View, load
from mdlcode.data.view import split
from mdlcode.errors import MdlError
from mdlcode.learn import AdamW, NetLearner, Steps
from mdlcode.measures.phenomena.tickets import learn, masked, random_masks, say_ticket, tickets, whole
from mdlcode.nets.arch import Arch
from mdlcode.nets.composed import baked


def normed(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, num_classes))


TRAINING = Steps(epochs=6, min_steps=1, batch_size=20, warmup=None)
LEARNER = NetLearner("mlp-1x32", TRAINING, AdamW(lr=5e-3, weight_decay=0.0), seed=70_000)


@pytest.fixture(scope="module")
def data() -> Data:
    return split(load("digits", View(limit=400)), 300)


def test_rounds_prune_the_smallest_and_rewind(data: Data) -> None:
    first, second, third = tickets(LEARNER, data, rounds=2, rate=0.5)
    hidden, last = first.masks
    assert [float(each.masks[hidden].float().mean()) for each in (first, second, third)] == [1.0, 0.5, 0.25]
    assert [float(each.masks[last].float().mean()) for each in (first, second, third)] == pytest.approx(
        [1, 0.75, 0.5625]
    )
    weights = baked(first.net.net).state_dict()[hidden]
    kept, cut = weights[second.masks[hidden]].abs(), weights[~second.masks[hidden]].abs()
    assert kept.min() >= cut.max()
    assert not bool((third.masks[hidden] & ~second.masks[hidden]).any())
    rewound = baked(masked(LEARNER, third.masks).initial(data.shared).net).state_dict()
    dense = LEARNER.initial(data.shared).net.state_dict()
    for name, mask in third.masks.items():
        assert torch.equal(rewound[name], dense[name] * mask)
        assert not bool(baked(third.net.net).state_dict()[name][~mask].any())  # cut weights stay 0
    assert 0 < second.stop_epoch <= 6.0


@pytest.mark.parametrize("arch", ["mlp-1x32", normed])
def test_bob_decodes_the_labels_and_the_bits_are_those_of_the_message(arch: Arch, data: Data) -> None:
    learner = NetLearner(arch, TRAINING, AdamW(lr=5e-3, weight_decay=0.0), seed=70_000)
    *_, ticket = tickets(learner, data, rounds=3, checks=(1,))
    ledger, sender = Ledger(), Sender()
    for channel in (ledger, sender):
        say_ticket(channel, learner, ticket, data.shared, data.labels, levels=8)
    receiver = Receiver(sender.words())
    unseeded = NetLearner(arch, TRAINING, AdamW(lr=5e-3, weight_decay=0.0))
    received = say_ticket(receiver, unseeded, None, data.shared, None, levels=8)
    assert np.array_equal(received.labels, data.labels)
    length = ledger.codelength(10)
    assert abs(32 * len(sender.words()) - length.total_bits) < 64 + 0.001 * length.total_bits
    assert length.bits_by_part["seed"] == pytest.approx(32, abs=1e-3)
    assert length.label_bits < 0.5 * length.uniform_bits  # rounded moves still predict


def test_random_masks_keep_as_many(data: Data) -> None:
    *_, ticket = tickets(LEARNER, data, rounds=1, checks=(1,))
    drawn = random_masks(ticket.masks, seed=1)
    assert [int(each.sum()) for each in drawn.values()] == [int(each.sum()) for each in ticket.masks.values()]
    assert all(not torch.equal(drawn[name], mask) for name, mask in ticket.masks.items())
    assert learn(LEARNER, drawn, data, checks=(1,)).density == pytest.approx(ticket.density)


def test_mistakes_are_one_clear_line(data: Data) -> None:
    with pytest.raises(MdlError, match="a rate of 1 prunes no share"):
        next(tickets(LEARNER, data, rounds=1, rate=1))
    with pytest.raises(MdlError, match="has no labelled test set"):
        next(tickets(LEARNER, load("digits", View(limit=50)), rounds=1))
    with pytest.raises(MdlError, match="9 labels are too few"):
        learn(LEARNER, whole(LEARNER, data.shared), split(load("digits", View(limit=20)), 9))

    def vector(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.AdaptiveAvgPool1d(num_classes), nn.BatchNorm1d(num_classes))

    def made_of_others(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.utils.parametrizations.weight_norm(nn.Linear(64, num_classes)))

    with pytest.raises(MdlError, match="nothing to prune for a ticket"):
        whole(NetLearner(vector), data.shared)
    with pytest.raises(MdlError, match="weights are made of others"):
        whole(NetLearner(made_of_others), data.shared)
