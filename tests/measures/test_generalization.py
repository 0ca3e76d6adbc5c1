"""Generalization measures against dense, closed-form and hand-worked oracles."""

import json
import math
from copy import deepcopy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from conftest import Run
from mdlcode.codes import TwoPart
from mdlcode.coding.channel import Receiver, Sender
from mdlcode.data import Data, Shared
from mdlcode.errors import MdlError
from mdlcode.learn import FrequencyLearner, RateAware, Steps
from mdlcode.measures.audit import audit
from mdlcode.measures.base import chosen, measure
from mdlcode.measures.coded import CompressedLength, Dimension90, SubspaceLength, There, VariationalLength, _plain
from mdlcode.measures.curvature import EffectiveDimension, dense
from mdlcode.measures.generalization import MEASURES
from mdlcode.measures.margins import five_numbers, normalised_margins
from mdlcode.measures.output import output_margins
from mdlcode.measures.perturbation import Perturbation
from mdlcode.measures.prunability import Prunability, masked, pruned
from mdlcode.measures.trained import History, Trained
from mdlcode.nets import build
from mdlcode.weights import AsTrained, Quantised


def blobs(n: int = 60, classes: int = 3) -> Data:
    random = np.random.default_rng(0)
    labels = random.integers(classes, size=n)
    inputs = 2.0 * np.eye(classes, 5)[labels] + 0.5 * random.standard_normal((n, 5))
    tests = torch.from_numpy(inputs[:20] + 0.1).float()
    return Data("blobs", Shared(torch.from_numpy(inputs).float(), classes), labels, tests, labels[:20])


def fitted(data: Data, *widths: int, steps: int = 200) -> Trained:
    sizes = [5, *widths]
    layers: list[nn.Module] = []
    for inner, outer in pairwise(sizes):
        layers += [nn.Linear(inner, outer), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Linear(sizes[-1], 3))
    init = {name: value.detach().clone() for name, value in net.named_parameters()}
    mean, std = data.shared.moments
    x, y = (data.shared.inputs - mean) / std, torch.from_numpy(data.labels)
    optimizer, losses = torch.optim.Adam(net.parameters(), lr=0.01), []
    for _ in range(steps):
        loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return Trained(net, data, init, History(np.array(losses), 1))


@pytest.fixture(scope="module")
def trained() -> Trained:
    torch.manual_seed(0)
    return fitted(blobs(), 8)


def test_stacked_losses_are_those_of_each_set_of_weights(trained: Trained) -> None:
    weights = trained.weights
    stack = {name: torch.stack([value, 0.5 * value, 0 * value]) for name, value in weights.items()}
    assert float(trained.losses(stack)[0]) == pytest.approx(trained.loss, abs=1e-6)
    assert float(trained.losses(stack)[2]) == pytest.approx(math.log(3), abs=1e-6)
    assert float(trained.accuracies(stack)[0]) == pytest.approx(trained.accuracy)


def test_a_limit_ends_the_work_on_sets_above_it_and_changes_no_verdict(trained: Trained) -> None:
    many = Trained(trained.net, blobs(600))
    scales = (1, 0.9, 0.5, 0, -1)
    stack = {name: torch.stack([scale * value for scale in scales]) for name, value in many.weights.items()}
    whole = many.losses(stack)
    for limit in (1.1 * many.loss, 1.0, 2.0):
        cut = many.losses(stack, limit)
        below = whole <= limit
        assert torch.equal(cut <= limit, below)
        assert torch.equal(cut[below], whole[below])
        assert (many.mean_loss(stack, limit) <= limit) == (float(whole.mean()) <= limit)
    assert float(many.losses(stack, 0.1)[-1]) < float(whole[-1])  # given up early
    assert many.mean_loss(stack) == pytest.approx(float(whole.mean()))


def test_convolutions_take_their_weights_one_by_one_to_the_same_losses() -> None:
    random = np.random.default_rng(0)
    data = Data("images", Shared(torch.rand(20, 1, 6, 6), 3), random.integers(3, size=20))
    net = Trained(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, 3)), data)
    stack = {name: torch.stack([value, 2 * value]) for name, value in net.weights.items()}
    assert float(net.losses(stack)[0]) == pytest.approx(net.loss, abs=1e-6)


@pytest.mark.parametrize("matrix", ["ggn", "hessian"])
def test_effective_dimension_is_that_of_the_dense_curvature(trained: Trained, matrix: str) -> None:
    one = EffectiveDimension(matrix)  # type: ignore[arg-type]
    exact = one.share(np.linalg.eigvalsh(dense(trained, matrix))).mean()  # type: ignore[arg-type]
    found = one.of(trained)
    assert found.value == pytest.approx(exact, abs=4 * found.error + 1e-3)
    assert found.error < 0.1 * exact + 0.01


def test_the_dense_hessian_is_torchs() -> None:
    torch.manual_seed(0)
    net = fitted(blobs(), 4, steps=30)
    names, values = zip(*net.weights.items(), strict=True)

    def loss(*weights: torch.Tensor) -> torch.Tensor:
        out = torch.func.functional_call(net.net, dict(zip(names, weights, strict=True)), (net.inputs,))
        return F.cross_entropy(out, net.targets, reduction="sum")

    blocks = torch.autograd.functional.hessian(loss, values)
    rows = [torch.cat([b.reshape(v.numel(), -1) for b in row], 1) for v, row in zip(values, blocks, strict=True)]
    np.testing.assert_allclose(dense(net, "hessian"), torch.cat(rows).numpy(), atol=2e-3)


def test_effective_dimension_of_least_curvature_is_closed_form() -> None:
    """At zero weights of a linear net, GGN = (I / K - 1 / K^2) kron X^T X: its eigenvalues are known."""
    data = blobs()
    net = nn.Linear(5, 3, bias=False)
    nn.init.zeros_(net.weight)
    one = Trained(net, data)
    design = one.inputs.double().numpy()
    eigenvalues = np.concatenate([np.zeros(5), *[np.linalg.eigvalsh(design.T @ design) / 3] * 2])
    exact = EffectiveDimension().share(eigenvalues).mean()
    np.testing.assert_allclose(np.linalg.eigvalsh(dense(one, "ggn")), np.sort(eigenvalues), atol=1e-3)
    found = EffectiveDimension().of(one)
    assert found.value == pytest.approx(exact, abs=4 * found.error)


def test_margins_of_a_linear_net_are_distances_to_its_hyperplanes() -> None:
    torch.manual_seed(0)
    net = fitted(blobs())
    [weight] = net.kernels.values()
    logits, y = net.logits, net.targets
    other = logits.scatter(1, y[:, None], -math.inf).argmax(1)
    distance = output_margins(net) / (weight[y] - weight[other]).norm(dim=1)
    spread = net.inputs.double().var(0).sum().sqrt()
    np.testing.assert_allclose(normalised_margins(net, "input"), (distance.double() / spread).numpy(), rtol=1e-4)
    with pytest.raises(MdlError, match="no hidden"):
        normalised_margins(net, "first")


def test_margins_of_a_dead_net_are_infinite_and_have_a_reason() -> None:
    net = deepcopy(fitted(blobs(), 4, 3, steps=1).net)
    with torch.no_grad():
        next(each for each in net.modules() if isinstance(each, nn.Linear)).bias.fill_(-1000.0)
    found = measure(Trained(net, blobs()), chosen(MEASURES, ["margin-first-median", "margin-input-q1"]))
    assert all(math.isnan(each.value) and "moves no class" in each.reason for each in found.values())


def test_missed_labels_have_negative_margins_and_fences_stay_in_the_data() -> None:
    values = np.array([-3.0, 0.0, 1.0, 2.0, 100.0])
    five = five_numbers(values)
    assert five[0] >= -3.0
    assert five[-1] == 5.0
    assert list(five) == sorted(five)


def test_prunability_of_a_net_that_needs_two_of_ten_weights() -> None:
    """Two large weights do everything; eight tiny ones nothing: two tenths are kept, refined within a cell."""
    inputs = torch.tensor([[1.0, 0, 0, 0, 0], [-1.0, 0, 0, 0, 0]]).repeat(20, 1)
    data = Data("two", Shared(inputs, 2), np.tile([0, 1], 20))
    net = nn.Linear(5, 2, bias=False)
    with torch.no_grad():
        net.weight.fill_(1e-6).mul_(torch.rand(2, 5))
        net.weight[0, 0], net.weight[1, 0] = 2.0, -2.0
    value = Prunability().of(Trained(net, data)).value
    assert 0.1 < value <= 0.2
    random = Prunability("random").of(Trained(net, data))
    assert random.value > value
    assert random.error > 0


def test_a_pruned_net_keeps_the_largest_weights(trained: Trained) -> None:
    kept = masked(trained, 0.25)
    sizes = torch.cat([value.abs().flatten() for value in trained.kernels.values()])
    left = torch.cat([kept[name].abs().flatten() for name in trained.kernels])
    assert int(left.count_nonzero()) == round(0.25 * len(sizes))
    assert float(left[left > 0].min()) >= float(sizes.sort().values[-int(left.count_nonzero())])
    assert torch.equal(kept["0.bias"], trained.weights["0.bias"])


def test_first_failure_is_not_below_the_smallest_feasible_share(trained: Trained) -> None:
    found = pruned(trained, 1.1 * trained.loss)
    assert 0 < found.smallest_feasible <= 1
    assert found.first_failure >= found.smallest_feasible - 1 / 32


def test_noise_of_the_found_size_is_borne_and_a_little_more_is_not(trained: Trained) -> None:
    one = Perturbation()
    sigma = one.of(trained).value ** -0.5
    from mdlcode.measures.perturbation import _noise

    assert one._borne(trained, _noise(trained), sigma)
    assert not one._borne(trained, _noise(trained), 1.01 * sigma)


def test_magnitude_aware_noise_has_the_variance_that_is_stated() -> None:
    weight = torch.tensor([0.5, -2.0, 0.0])
    scale = Perturbation()._scale(weight, 0.1)
    np.testing.assert_allclose(scale.numpy() ** 2, 0.01 * weight.numpy() ** 2 + 1e-6, rtol=1e-5)


def test_ends_of_a_search_are_said() -> None:
    """No noise that is tried moves a net which always says the one class there is."""
    data = Data("one", blobs().shared, np.zeros(60, dtype=np.int64))
    net = nn.Linear(5, 3)
    with torch.no_grad():
        net.bias.copy_(torch.tensor([1e9, 0.0, 0.0]))
    found = Perturbation(magnitude_aware=False, criterion="accuracy").of(Trained(net, data))
    assert found.reason == "still sigma = 64 is borne"
    assert found.value == 64.0**-2


def test_what_a_measure_lacks_is_a_reason_and_no_error(trained: Trained) -> None:
    bare = Trained(trained.net, trained.data)
    values = measure(bare, chosen(MEASURES, ["sotl", "distance", "disagreement", "prequential-bits", "cross-entropy"]))
    assert [bool(value.reason) for value in values.values()] == [True, True, True, True, False]
    assert math.isnan(values["sotl"].value)
    full = Trained(trained.net, trained.data, trained.init, trained.history, trained.net, FrequencyLearner())
    known = measure(full, chosen(MEASURES, ["sotl", "distance", "disagreement", "prequential-bits", "steps-to-loss"]))
    assert known["disagreement"].value == 0
    assert known["sotl"].value < 0
    assert known["prequential-bits"].value > 0
    with pytest.raises(MdlError, match="no measure named 'bst'"):
        chosen(MEASURES, ["bst"])


def test_codes_that_start_from_the_net_decode_and_say_something_of_it(trained: Trained) -> None:
    uniform = len(trained.data) * math.log2(3)
    short = {"s": SubspaceLength(50), "v": VariationalLength(50), "d": Dimension90(20)}
    values = {name: each.value for name, each in measure(trained, short).items()}
    assert 0 < min(values.values()) <= max(values.values()) < 10 * uniform
    assert values["d"] <= sum(each.numel() for each in trained.weights.values())
    pruned_away = measure(trained, {"c": CompressedLength(300)})["c"]  # 95 bits of labels are worth no layer
    assert pruned_away.reason == "layer '0.weight' is pruned to nothing: prune less of it"
    few = Steps(min_steps=20, max_steps=20)
    squeezer = RateAware(There(net=_plain(trained.net)), few, bit_price=0.01, coarseness=0.5)
    code = TwoPart(squeezer, Quantised(AsTrained(), units="sorted"))
    sender = Sender()
    code.transmit(sender, trained.data.shared, trained.data.labels)
    received = code.transmit(Receiver(sender.words()), trained.data.shared, None)
    assert (received.labels == trained.data.labels).all()
    normed = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    start = {name: value.detach() for name, value in normed.named_parameters()}
    without = measure(Trained(normed, trained.data, start), chosen(MEASURES, ["d-int90"]))["d-int90"]
    assert without.reason == "a net with batch norm has no subspace around its first weights alone"


def test_nets_that_do_not_fit_are_one_line() -> None:
    data = blobs()
    with pytest.raises(MdlError, match="does not take inputs"):
        Trained(nn.Linear(4, 3), data)
    with pytest.raises(MdlError, match="not logits"):
        Trained(nn.Linear(5, 2), data)
    broken = nn.Linear(5, 3)
    nn.init.constant_(broken.weight, math.nan)
    with pytest.raises(MdlError, match="diverged"):
        Trained(broken, data)
    with pytest.raises(MdlError, match="other names or shapes"):
        Trained(nn.Linear(5, 3), data, init={"weight": torch.zeros(2, 2)})


def test_history_is_written_and_read(tmp_path: Path) -> None:
    History(np.array([2.0, 1.0, 0.5]), 2).write(tmp_path / "h.npz")
    read = History.read(tmp_path / "h.npz")
    assert (read.losses.tolist(), read.steps_per_epoch) == ([2.0, 1.0, 0.5], 2)
    (tmp_path / "bad.npz").write_bytes(b"no")
    with pytest.raises(MdlError, match=r"bad\.npz is no \.npz"):
        History.read(tmp_path / "bad.npz")


@pytest.mark.parametrize(
    ("name", "change", "passes"),
    [
        ("cross-entropy", "ReLU rescaling", True),
        ("product-of-frobenius", "ReLU rescaling", True),
        ("path", "ReLU rescaling", True),
        ("margin-input-median", "ReLU rescaling", True),
        ("prunability", "ReLU rescaling", False),
        ("perturbation-magnitude", "unit permutation", False),
        ("path", "batch-norm folding", True),
        ("prunability", "unit permutation", True),
        ("effective-dimension", "ReLU rescaling", False),
    ],
)
def test_audit_tells_what_a_measure_is_invariant_to(name: str, change: str, passes: bool) -> None:
    findings = {finding.change: finding for finding in audit(MEASURES[name])}
    assert findings[change].passes == passes, findings[change]
    assert abs(findings["another seed"].relative) > 0


def test_the_command_measures_a_net(mdlcode: Run, tmp_path: Path) -> None:
    net = build("mlp-1x16", (1, 8, 8), 10)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    command = ("measure", "digits", tmp_path / "net.pt", "--arch", "mlp-1x16", "--limit", 100)
    names = "prunability,distance,margin-first-median,cross-entropy"
    ran = mdlcode(*command, "--measures", names, "-o", tmp_path / "m.json")
    assert ran.returncode == 0, ran.stderr
    values = json.loads((tmp_path / "m.json").read_text())
    assert values["distance"]["reason"] == "needs the weights before training"
    assert values["prunability"]["value"] == 0  # an untrained net loses nothing when all of it goes
    assert values["margin-first-median"]["sign"] == -1
    wrong = mdlcode(*command, "--measures", "prunabilty")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
