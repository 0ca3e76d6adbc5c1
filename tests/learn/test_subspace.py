"""Nets in a subspace, the code that sends them, and what it refuses."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import Run
from mdlcode.bayes.expected import label_bits
from mdlcode.codes import BestOf, Subspace, TwoPart
from mdlcode.codes.base import parse_code
from mdlcode.codes.best_of import best_net
from mdlcode.codes.presets import preset
from mdlcode.coding.channel import Ledger, Receiver, Sender
from mdlcode.config import to_config
from mdlcode.data import Data, from_arrays
from mdlcode.errors import MdlError
from mdlcode.learn import NetLearner, Real, Stepped, Steps, SubspaceLearner
from mdlcode.learn.nets.predictor import NetPredictor
from mdlcode.learn.subspace.net import SubspaceNet, laplace_bits
from mdlcode.nets.held import held_tensors, statistics
from mdlcode.projections import Dense
from mdlcode.weights import Coordinates
from mdlcode.weights.net_file import decode_net, pack_net, unpack_net

QUICK = SubspaceLearner(
    arch="mlp",
    training=Steps(min_steps=12, max_steps=12),
    dimension=40,
    layers="joint",
    coordinates=Stepped(step=0.02, bit_price=0.1),
)


def moving(learned: NetPredictor) -> SubspaceNet:
    assert isinstance(learned.net, SubspaceNet)
    return learned.net


def moments(net: SubspaceNet) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Mean and variance of each norm."""
    tensors = held_tensors(net.net)
    return [(tensors[mean], tensors[variance]) for variance, mean in statistics(net.net).items()]


def test_the_net_starts_where_the_plain_one_does(digits: Data) -> None:
    inputs = digits.shared.inputs
    plain = NetLearner(arch="mlp").initial(digits.shared).predict(inputs)
    assert np.allclose(QUICK.initial(digits.shared).predict(inputs), plain, atol=1e-6)


def test_weights_leave_the_start_by_the_projection_alone(digits: Data) -> None:
    net = moving(replace(QUICK, coordinates=Real(), projection=Dense()).fit(digits.shared, digits.labels))
    [projector] = net.projectors
    start = torch.cat([value.flatten() for value in net.net.parameters()])
    moved = (torch.cat([value.flatten() for value in net.weights().values()]) - start).detach()
    assert moved.norm() > 0.1
    assert torch.allclose(moved, projector(projector.transpose(moved)), atol=1e-5)


def test_eval_to_and_state_dict_reach_the_net(digits: Data) -> None:
    net = moving(replace(QUICK, arch="mlp-dropout").initial(digits.shared))
    assert not any(layer.training for layer in net.eval().modules())
    assert any(name.startswith("net.") for name in net.state_dict())
    assert all(value.dtype == torch.float64 for value in net.double().net.parameters())
    assert [name for name, value in net.named_parameters() if value.requires_grad] == [
        "coordinates",
        "log_steps",
        "log_scale",
    ]


def test_what_is_sent_is_what_is_received(digits: Data) -> None:
    learned = QUICK.fit(digits.shared, digits.labels)
    ledger, sender = Ledger(), Sender()
    for channel in (ledger, sender):
        Coordinates().transmit(channel, moving(learned))
    received = QUICK.initial(digits.shared)
    Coordinates().transmit(Receiver(sender.words()), moving(received))
    inputs = digits.shared.inputs
    assert np.array_equal(received.predict(inputs), learned.predict(inputs))
    length, written = ledger.codelength(10).total_bits, sender.codelength(10).total_bits
    assert length == written
    assert length < 16 * QUICK.dimension


def test_coordinates_are_whole_steps(digits: Data) -> None:
    net = moving(replace(QUICK, coordinates=Stepped(step=0.02, bit_price=0)).fit(digits.shared, digits.labels))
    multiples = (net.values() / net.log_steps.exp()).detach()
    assert (multiples - multiples.round()).abs().max() < 1e-3
    assert multiples.abs().max() >= 1


def test_paying_for_bits_saves_bits(digits: Data) -> None:
    def model_bits(bit_price: float) -> float:
        training = Steps(max_steps=60, min_steps=60)
        learner = replace(QUICK, training=training, coordinates=Stepped(step=0.02, bit_price=bit_price))
        return Subspace(learner).codelength(digits).model_bits

    assert model_bits(bit_price=5.0) < 0.8 * model_bits(bit_price=0.0)


def test_laplace_bits_are_those_of_its_distribution() -> None:
    values = torch.tensor([0.0, 3.0, -1.0, 4.0])
    spread = 2.0

    def below(x: float) -> float:
        return 0.5 * float(np.exp(x / spread)) if x < 0 else 1 - 0.5 * float(np.exp(-x / spread))

    expected = -sum(np.log2(below(x + 0.5) - below(x - 0.5)) for x in values.tolist())
    assert abs(float(laplace_bits(values)) - expected) < 1e-4
    assert float(laplace_bits(torch.zeros(100))) < 1


def test_the_shortest_learner_is_sent_and_the_choice_paid(digits: Data) -> None:
    small, large = (
        replace(QUICK, dimension=5),
        replace(QUICK, dimension=2000, coordinates=Stepped(step=0.01, bit_price=0)),
    )
    both, alone = BestOf((Subspace(large), Subspace(small))).codelength(digits), Subspace(small).codelength(digits)
    assert both.bits_by_part["choice"] == 1
    assert "choice" not in alone.bits_by_part
    assert abs(both.total_bits - alone.total_bits - 1) < 1e-6


def test_batch_norm_is_settled_on_the_inputs_alone(digits: Data) -> None:
    learner = SubspaceLearner(arch="convnet", training=Steps(min_steps=5, max_steps=5), dimension=20)
    net = moving(learner.fit(digits.shared, digits.labels)).net
    assert int(net[1].num_batches_tracked) == 1  # 120 inputs are one batch
    assert (net[1].running_var != 1).any()


def test_tied_weights_move_together(digits: Data) -> None:
    learner = replace(QUICK, arch="nets_of_mine:tied")
    assert learner.dimensions(digits.shared) == (1, 64 * 64 + 64 + 64 + 64 * 10 + 10)
    net = moving(learner.fit(digits.shared, digits.labels))
    assert "second.weight" not in net.weights()
    inputs, received = digits.shared.inputs, learner.initial(digits.shared)
    sender = Sender()
    Coordinates().transmit(sender, net)
    Coordinates().transmit(Receiver(sender.words()), moving(received))
    weight = net.weights()["first.weight"]
    x = torch.nn.functional.linear(torch.ones(1, 64), weight)
    assert torch.equal(x, torch.nn.functional.linear(torch.ones(1, 64), moving(received).weights()["first.weight"]))
    assert received.predict(inputs).shape == (120, 10)


def test_a_buffer_that_a_training_changes_is_sent(digits: Data) -> None:
    learner = replace(QUICK, arch="nets_of_mine:counting")
    net, sender, received = moving(learner.fit(digits.shared, digits.labels)), Sender(), learner.initial(digits.shared)
    assert net.net[0].seen != 0
    Coordinates().transmit(sender, net)
    Coordinates().transmit(Receiver(sender.words()), received.net)
    assert moving(received).net[0].seen == net.net[0].seen


def test_frozen_parameters_stay(digits: Data) -> None:
    net = moving(replace(QUICK, arch="nets_of_mine:half_frozen").fit(digits.shared, digits.labels))
    assert list(net.weights()) == ["3.weight", "3.bias"]


@pytest.mark.parametrize(
    ("change", "most"),
    [
        ({"dimension": 649, "arch": "linear"}, 649),
        ({"dimension": 651, "arch": "linear"}, 650),
        ({"dimension": 600, "layers": "normalisation"}, 522),
    ],
)
def test_there_is_no_more_than_a_coordinate_for_each_parameter(
    change: dict[str, object], most: int, digits: Data
) -> None:
    """So that one setting serves small data, whose nets are small, too."""
    learner = replace(QUICK, **change)
    assert len(moving(learner.initial(digits.shared)).coordinates) == most
    assert learner.dimensions(digits.shared)[1] >= most


@pytest.mark.parametrize("name", ["prequential", "subspace"])
def test_named_codes_take_tables_of_few_features(name: str) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(2, size=60)
    data = from_arrays((labels + random.normal(size=60))[:, None].astype(np.float32), labels)
    assert preset(name).codelength(data).num_labels == 60


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"arch": "nets_of_mine:frozen"}, "all parameters of the net are frozen"),
        ({"dimension": 3, "layers": "layerwise"}, "between 4"),
        ({"coordinates": Stepped(step=1e-5, bit_price=0)}, "steps from zero"),
    ],
)
def test_what_is_refused(change: dict[str, object], says: str, digits: Data) -> None:
    with pytest.raises(MdlError, match=says):
        Subspace(replace(QUICK, **change)).codelength(digits)


def test_dimension_of_nothing_is_refused() -> None:
    config = to_config(Subspace(QUICK))
    config["learner"]["dimension"] = 0
    with pytest.raises(MdlError, match=r"`dimension` is 0: at least 1"):
        parse_code(config)
    with pytest.raises(MdlError, match="real coordinates"):
        Subspace(replace(QUICK, coordinates=Real()))


CONFIG = """
codes:
  - kind: subspace
    learner: {kind: subspace, arch: mlp, dimension: 30, training: {max_steps: 20, min_steps: 20}, layers: mixed}
limit: 200
"""


def test_the_command_proves_it_in_another_process(mdlcode: Run, tmp_path: Path) -> None:
    (tmp_path / "quick.yaml").write_text(CONFIG)
    ran = mdlcode("verify", "digits", "--config", tmp_path / "quick.yaml", "--threads", 1)
    assert ran.returncode == 0, ran.stderr
    assert "labels identical: proved" in ran.stdout


def test_the_command_compresses_shows_and_bounds_it(mdlcode: Run, tmp_path: Path) -> None:
    (tmp_path / "quick.yaml").write_text(CONFIG)
    file = tmp_path / "net.mdl"
    packed = mdlcode("compress", "digits", "--config", tmp_path / "quick.yaml", "-o", file, "--threads", 1)
    assert packed.returncode == 0, packed.stderr
    shown = mdlcode("show", file, "--test", "digits", "--limit", 200, "--threads", 1)
    assert shown.returncode == 0, shown.stderr
    assert "mlp for inputs (1, 8, 8), 10 classes in 30 dimensions of its weights" in shown.stdout
    [line] = [line for line in packed.stdout.splitlines() if line.startswith("training labels")]
    assert line in shown.stdout
    bounded = mdlcode("bound", "digits", file, "--limit", 200, "--threads", 1)
    assert bounded.returncode == 0, bounded.stderr
    assert "exact binomial" in bounded.stdout


def test_the_file_of_the_best_of_several_is_that_of_the_shortest(digits: Data) -> None:
    costly = replace(QUICK, dimension=2000, coordinates=Stepped(step=0.01, bit_price=0))
    codes = [Subspace(costly), Subspace(QUICK)]
    lengths = [code.codelength(digits) for code in codes]
    code, net = best_net(codes, digits.shared, digits.labels)
    assert code == codes[int(np.argmin([each.total_bits for each in lengths]))]
    file = pack_net(net, "mlp", digits.shared.shape, 10, code.weights)
    assert 32 * len(unpack_net(file)[1]) == pytest.approx(min(each.model_bits for each in lengths), abs=64)
    spoken = code.measure(digits).received.predictor
    assert spoken is not None
    assert np.array_equal(decode_net(file).predict(digits.shared.inputs), spoken.predict(digits.shared.inputs))


def test_sizes_of_a_decoded_net_are_those_that_were_sent(digits: Data) -> None:
    code = Subspace(replace(QUICK, arch="convnet-small"))
    net = best_net([code], digits.shared, digits.labels)[1]
    first = code.weights.sizes(net.net)
    decoded = decode_net(pack_net(net, "convnet-small", digits.shared.shape, 10, code.weights))
    assert code.weights.sizes(decoded.net) == first


def test_coordinates_are_of_nets_in_a_subspace(digits: Data) -> None:
    with pytest.raises(MdlError, match="for nets in a subspace"):
        TwoPart(NetLearner(arch="linear", training=Steps(min_steps=5)), Coordinates()).codelength(digits)
    with pytest.raises(MdlError, match="in whole steps"):
        TwoPart(replace(QUICK, coordinates=Real()), Coordinates()).codelength(digits)
    alike = TwoPart(QUICK, Coordinates()).codelength(digits)
    assert alike.bits_by_part == Subspace(QUICK).codelength(digits).bits_by_part


def test_statistics_that_are_sent_predict_as_well_as_exact_ones(digits: Data) -> None:
    learned = SubspaceLearner(arch="convnet-small", training=Steps(min_steps=60), dimension=300).fit(
        digits.shared, digits.labels
    )
    exact = deepcopy(learned)
    ledger = Ledger()
    Coordinates().transmit(ledger, moving(learned))
    for (mean, variance), (old_mean, old_variance) in zip(
        moments(moving(learned)), moments(moving(exact)), strict=True
    ):
        assert bool(((variance / old_variance).log2().abs() <= 1 / 32 + 1e-5).all())
        assert bool(((mean - old_mean).abs() <= variance.sqrt() / 64 + 1e-6).all())
    bits = [label_bits(each.predict(digits.shared.inputs), digits.labels) for each in (exact, learned)]
    assert bits[1] < 1.05 * bits[0]


def test_statistics_of_channels_that_never_fire_are_sent(digits: Data) -> None:
    net = moving(SubspaceLearner(arch="convnet-small", dimension=30).initial(digits.shared))
    for mean, variance in moments(net):
        mean.fill_(1e6)
        variance.zero_()
    sender, received = Sender(), moving(SubspaceLearner(arch="convnet-small", dimension=30).initial(digits.shared))
    Coordinates().transmit(sender, net)
    Coordinates().transmit(Receiver(sender.words()), received)
    for (mean, variance), (other, its) in zip(moments(net), moments(received), strict=True):
        assert torch.equal(mean, other)
        assert torch.equal(variance, its)
