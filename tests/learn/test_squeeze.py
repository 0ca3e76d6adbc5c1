"""Trained grids, masks and codebooks beside their definitions; batch norm folded away."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mdlcode.codes import Compressed, TwoPart
from mdlcode.codes.best_of import best_net
from mdlcode.coding.channel import Ledger
from mdlcode.data import Data
from mdlcode.errors import MdlError, PrunedError
from mdlcode.learn import DeepCompression, NetLearner, Pruning, RateAware, Steps, VariationalDropout, fold_batch_norm
from mdlcode.learn.squeeze.gridded import GriddedNet
from mdlcode.learn.squeeze.pruning import CodebookNet, MaskedNet
from mdlcode.learn.squeeze.variational_dropout import divergence_nats
from mdlcode.nets import build
from mdlcode.plots.compression import pruning_curves, u_shape
from mdlcode.plots.style import drawing, save
from mdlcode.weights import AsTrained, Quantised

QUICK = NetLearner(arch="linear", training=Steps(min_steps=60))


def retraining(min_steps: int) -> Steps:
    return Steps(epochs=1, min_steps=min_steps, warmup=0.05)


def dense() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 7), nn.ReLU(), nn.Linear(7, 3))


def stirred(arch: str) -> nn.Module:
    """A net whose batch norms hold statistics of their own."""
    net = build(arch, (1, 8, 8), 10)
    for _ in range(3):
        net(torch.randn(20, 1, 8, 8) * 3 + 1)
    for parameter in net.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return net.eval()


@pytest.mark.parametrize("arch", ["convnet", "conv8", "mlp", "lenet-readout"])
def test_folded_nets_predict_the_same(arch: str) -> None:
    side = 28 if arch == "lenet-readout" else 8
    net = stirred(arch) if side == 8 else build(arch, (1, side, side), 10).eval()
    folded, x = fold_batch_norm(net), torch.randn(50, 1, side, side)
    assert not list(folded.buffers())
    with torch.no_grad():
        assert torch.allclose(net(x), folded(x), atol=1e-4)
        assert torch.equal(net(x).argmax(1), folded(x).argmax(1))


def test_what_no_gradient_moves_is_put_on_no_grid() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Linear(4, 2)).eval()
    net[0].requires_grad_(False)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    GriddedNet(fold_batch_norm(net), coarseness=4.0)
    kept = {name for name, value in net.state_dict().items() if torch.equal(value, before[name])}
    assert before.keys() - kept == {"2.weight", "3.weight", "3.bias"}


def layer_twice() -> nn.Sequential:
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.BatchNorm1d(4), nn.ReLU(), layer, nn.BatchNorm1d(4), nn.Linear(4, 2))


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, affine=False)),
        nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False)),
        nn.Sequential(nn.Linear(4, 3), nn.Unflatten(1, (3, 1)), nn.Linear(1, 5), nn.BatchNorm1d(3)),
        layer_twice(),
    ],
    ids=["no affine", "no statistics", "of another axis", "a layer twice"],
)
def test_only_what_folds_exactly_is_folded(net: nn.Sequential) -> None:
    x = torch.randn(50, 4)
    net(x)
    assert torch.allclose(fold_batch_norm(net)(x), net.eval()(x), atol=1e-5)


def mask_bits(some: torch.Tensor) -> float:
    """One density, or one for each row or column with four more weights of the tensor's density: the cheapest."""
    flat = some.reshape(len(some), -1) if some.ndim > 1 else some[None]
    overall = (float(some.sum()) + 0.5) / (some.numel() + 1)
    options = [torch.full_like(flat, overall)]
    lines = [flat] if some.ndim == 1 else [flat, flat.T]
    for rows in lines:
        density = ((rows.sum(1) + 4 * overall) / (rows.shape[1] + 4))[:, None].expand_as(rows)
        options.append(density if rows is flat else density.T)
    return min(float(-torch.where(flat > 0, p, 1 - p).log2().sum()) for p in options)


@given(st.integers(0, 999), st.floats(0.2, 3.0))
@settings(max_examples=20, deadline=None)
def test_gridded_weights_are_whole_steps_and_their_bits_those_of_the_definition(seed: int, coarseness: float) -> None:
    torch.manual_seed(seed)
    net = dense()
    gridded = GriddedNet(net, coarseness)
    steps = gridded.log_steps.detach().exp()
    expected = 0.0
    for parameter, step in zip(net.parameters(), steps, strict=True):
        multiples = parameter.detach() / step
        assert torch.allclose(multiples, multiples.round(), atol=1e-4)
        sizes = multiples.round().abs().long()
        counts = torch.bincount(sizes.reshape(-1), minlength=64).double()[1:]
        shares = (counts + 0.5) / (counts.sum() + 63 / 2)
        expected += float(-(counts * shares.log2()).sum() + counts.sum()) + mask_bits((sizes > 0).float())
    assert float(gridded.estimate()) == pytest.approx(expected, rel=1e-4)


def test_the_estimate_is_near_what_is_sent() -> None:
    torch.manual_seed(0)
    net = build("lenet-readout", (1, 28, 28), 10)
    estimated = float(GriddedNet(net, coarseness=2.0).estimate())
    ledger = Ledger()
    Quantised(AsTrained()).transmit(ledger, net)
    assert estimated == pytest.approx(ledger.codelength(2).total_bits, rel=0.02)


def test_gradients_go_straight_through_the_rounding() -> None:
    net, x = dense(), torch.randn(5, 12)
    gridded = GriddedNet(net, coarseness=0.7)
    gridded.estimate()
    net(x).square().sum().backward()
    weight = net[1].weight
    gradient, value = weight.grad.clone(), weight.detach().clone()
    gridded.backward(bit_price=0.0)
    step = float(gridded.log_steps.detach().exp()[0])
    assert torch.allclose(gridded.latents.grad[: weight.numel()], (gradient * step).reshape(-1))
    assert float(gridded.log_steps.grad[0]) == pytest.approx(float((gradient * value).sum()), rel=1e-4)
    assert float(weight.grad.abs().max()) == 0.0


def test_the_rate_pulls_every_weight_to_zero() -> None:
    net = dense()
    gridded = GriddedNet(net, coarseness=0.3)
    gridded.estimate()
    gridded.backward(bit_price=1.0)
    assert bool((gridded.latents.grad * gridded.latents >= 0).all())
    assert bool((gridded.latents.grad != 0).any())


@pytest.mark.parametrize("method", ["one-shot", "gradual", "surgery"])
def test_a_masked_net_ends_at_its_density(method: str) -> None:
    net, x, y = dense(), torch.randn(40, 12), torch.randint(3, (40,))
    masked = MaskedNet(net, {"1.weight": 0.25, "3.bias": 0.0}, method, steps=10)
    optimizer = torch.optim.Adam(masked.weights.values(), lr=0.01)
    for step in range(1, 13):
        F.cross_entropy(net(x), y).backward()
        masked.backward()
        optimizer.step()
        masked.cut(step)
    kept = int((net[1].weight != 0).sum())
    assert kept == 21 if method != "surgery" else 15 <= kept <= 21  # surgery's hysteresis holds a few back
    assert not net[3].bias.any()
    assert bool((net[3].weight != 0).all())


def test_only_surgery_trains_weights_behind_the_mask() -> None:
    for method, moves in (("one-shot", False), ("surgery", True)):
        net = dense()
        masked = MaskedNet(net, {"1.weight": 0.1}, method, steps=1)
        masked.cut(1)
        net(torch.randn(9, 12)).square().sum().backward()
        masked.backward()
        behind = masked.weights["1.weight"].grad[~masked.masks["1.weight"]]
        assert bool((behind != 0).any()) == moves


def test_masks_for_a_parameter_that_is_not_there() -> None:
    with pytest.raises(MdlError, match="no parameter 'conv' to prune"):
        MaskedNet(dense(), {"conv": 0.5}, "gradual", steps=1)


def test_a_codebook_learns_and_its_zero_stays() -> None:
    torch.manual_seed(0)
    net, x, y = dense(), torch.randn(60, 12), torch.randint(3, (60,))
    net[1].weight.data[net[1].weight.abs() < 0.1] = 0.0
    zeros = net[1].weight == 0
    coded = CodebookNet(net, levels=5)
    before = float(F.cross_entropy(net(x), y).detach())
    optimizer = torch.optim.Adam(coded.centres, lr=0.01)
    for _ in range(30):
        F.cross_entropy(net(x), y).backward()
        coded.backward()
        optimizer.step()
        coded.write()
    assert float(F.cross_entropy(net(x), y).detach()) < before
    assert bool((net[1].weight[zeros] == 0).all())
    assert all(len(parameter.detach().unique()) <= 5 for parameter in net.parameters())


def test_deep_compression_is_sparse_and_of_few_values(digits: Data) -> None:
    learner = DeepCompression(
        NetLearner(arch="mlp", training=Steps(min_steps=30)),
        training=Steps(epochs=1, min_steps=40, warmup=None),
        pruning=Pruning(density=0.1, densities={"1.bias": 0.0}),
        levels=4,
    )
    net = learner.fit(digits.shared, digits.labels).net
    for name, parameter in net.named_parameters():
        assert len(parameter.detach().unique()) <= 4, name
        if parameter.ndim > 1:
            assert float((parameter != 0).float().mean()) <= 0.105, name
    assert not net[1].bias.any()
    assert hash(learner) == hash(replace(learner, pruning=Pruning(density=0.1, densities=(("1.bias", 0.0),))))


def test_a_higher_rate_buys_shorter_weights(digits: Data) -> None:
    code = Compressed(RateAware(QUICK, training=retraining(200)), bit_prices=(0.02, 0.1, 0.3))
    transmission = code.measure(digits)
    traces, length = transmission.received.traces, transmission.codelength
    assert list(traces["bit_prices"]) == [0.02, 0.1, 0.3]
    assert traces["weights_bits"][0] > traces["weights_bits"][1] > traces["weights_bits"][2]
    assert length.bits_by_part["choice"] == pytest.approx(math.log2(4))
    least = float(traces["total_bits"].min())
    assert length.total_bits == pytest.approx(min(least, length.uniform_bits) + math.log2(4))


def test_the_best_net_of_a_sweep_is_the_one_that_is_sent(digits: Data) -> None:
    code = Compressed(RateAware(QUICK, training=retraining(200)), bit_prices=(0.1, 0.3))
    ledger = Ledger()
    code.weights.transmit(ledger, best_net([code], digits.shared, digits.labels)[1].net)
    assert ledger.codelength(2).total_bits in code.measure(digits).received.traces["weights_bits"]


def test_squeezed_to_nothing(digits: Data) -> None:
    learner = RateAware(QUICK, bit_price=1e4, training=retraining(200))
    length = Compressed(learner, bit_prices=(1e4,)).codelength(digits)
    assert length.total_bits == pytest.approx(length.uniform_bits + 1)
    with pytest.raises(PrunedError, match="every candidate's net was pruned"):
        best_net([Compressed(learner, bit_prices=(1e4, 2e4))], digits.shared, digits.labels)
    with pytest.raises(PrunedError, match="pruned to nothing"):
        TwoPart(learner, Quantised(AsTrained())).codelength(digits)


def test_rates_are_trained_from_one_first_training(digits: Data) -> None:
    learner = RateAware(QUICK, training=retraining(50))
    each = learner.fit_each(digits.shared, digits.labels, (0.1, 1.0))
    alone = RateAware(QUICK, training=retraining(50), bit_price=1.0).fit(digits.shared, digits.labels)
    assert np.array_equal(each[1].predict(digits.shared.inputs), alone.predict(digits.shared.inputs))


def test_variational_dropout_cuts_more_where_bits_cost_more(digits: Data) -> None:
    kept = []
    for price in (0.01, 3.0):
        learner = VariationalDropout(QUICK, bit_price=price, training=retraining(300), lr=3e-3, noise_lr=0.1)
        weight = learner.fit(digits.shared, digits.labels).net[1].weight
        kept.append(int((weight != 0).sum()))
    assert 0 < kept[1] < 0.7 * kept[0]


def test_divergence_of_the_dropout_falls_to_zero() -> None:
    values = divergence_nats(torch.linspace(-8, 12, 50))
    assert bool((values.diff() < 0).all())
    assert float(values[-1]) < 1e-4


def test_figures_of_a_sweep_and_of_pruning(tmp_path: Path) -> None:
    totals = np.array([900.0, 700.0, np.inf, 800.0])
    traces = {"bit_prices": np.array([0.5, 1.0, 9.0, 2.0]), "weights_bits": np.array([800.0, 500, np.inf, 300])}
    with drawing(columns=2) as (figure, axes):
        u_shape(axes[0], {**traces, "total_bits": totals})
        pruning_curves(axes[1], {"clean": np.array([[0.0, 1.0], [0.9, 0.8]]), "noise": np.array([[0.0, 1.0]])})
        assert len(save(figure, tmp_path / "figure")) == 2
    total, labels, weights, least = axes[0].get_lines()
    assert list(total.get_xdata()) == [0.3, 0.5, 0.8]
    assert list(labels.get_ydata()) == pytest.approx([0.5, 0.2, 0.1])
    assert list(weights.get_ydata()) == pytest.approx([0.3, 0.5, 0.8])
    assert list(least.get_xdata()) == [0.5]
    assert list(axes[1].get_lines()[0].get_xdata()) == pytest.approx([1.0, 0.1])
