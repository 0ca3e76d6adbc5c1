"""Every code on labels of tokens and on texts: the laws, closed forms, and what no net may know beforehand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mdlcode import compare, from_arrays, from_text
from mdlcode.cli.app import app
from mdlcode.codelength import uniform_bits
from mdlcode.codes import Code, Compressed, Frequencies, Online, Prequential, Subspace, TwoPart, Uniform, Variational
from mdlcode.codes.frequencies import frequencies_bits
from mdlcode.coding.channel import Ledger
from mdlcode.coding.message import payload_bits
from mdlcode.data import Data, Sequences
from mdlcode.errors import MdlError
from mdlcode.learn import (
    CheckpointedLearner,
    Crop,
    EstimatorLearner,
    FixMatch,
    FrequencyLearner,
    NetLearner,
    RateAware,
    Regularisation,
    Steps,
    SubspaceLearner,
    UniformLearner,
)
from mdlcode.learn.turns import say_labels, sending
from mdlcode.nets import build
from mdlcode.proof.checks import check_code
from mdlcode.proof.proof import within_tolerance

RNG = np.random.default_rng(0)
TOKENS = RNG.integers(0, 6, (24, 5))
MASK = RNG.random((24, 5)) < 0.8
MASK[:, 0] = True
TAGS = from_arrays(TOKENS, TOKENS % 2, mask=MASK, name="tags")
VECTORS = from_arrays(RNG.normal(size=(24, 4, 3)), RNG.integers(0, 3, (24, 4)), name="vectors")
TEXT = from_text("the cat sat on the mat and the dog sat on the cat. " * 2, length=7, name="text")
ALL = {data.name: data for data in (TAGS, VECTORS, TEXT)}
FEW = Steps(epochs=1, min_steps=6)
NET = NetLearner(arch="transformer-1x16", training=FEW)
CODES: dict[str, Code] = {
    "uniform": Uniform(),
    "frequencies": Frequencies(),
    "float32": TwoPart(NET),
    "compressed": Compressed(RateAware(NET, training=FEW)),
    "subspace": Subspace(SubspaceLearner(arch="transformer-1x16", training=FEW, dimension=20)),
    "prequential": Prequential((NET,)),
    "switch": Prequential((CheckpointedLearner(NET), EstimatorLearner(), UniformLearner(), FrequencyLearner())),
    "dense": Prequential((replace(NET, arch="mlp-1x8"),)),
    "online": Online(arch="transformer-1x16"),
    "variational": Variational(extra_draws=2),
}


@pytest.mark.parametrize("data", ALL)
@pytest.mark.parametrize("name", CODES)
def test_a_message_decodes_and_is_as_long_as_reported(name: str, data: str) -> None:
    code, mine = CODES[name], ALL[data]
    if name == "variational":
        code = Variational(replace(code.learner, training=FEW), extra_draws=2)  # type: ignore[attr-defined]
    message, transmission = code.transmitted(mine)
    assert np.array_equal(code.decode(mine.shared, message), mine.labels)
    length = transmission.codelength
    assert within_tolerance(payload_bits(message), length.total_bits)
    assert length.num_labels == len(mine) == len(length.correct_by_label)


@pytest.mark.parametrize("data", ["text"])
def test_other_labels_decode_in_a_process_that_has_none_and_random_ones_gain_nothing(data: str) -> None:
    check_code(Prequential((EstimatorLearner(),)), ALL[data], only=("decodes", "as_long_as_reported", "random_labels"))


@pytest.mark.parametrize("data", ALL)
def test_uniform_and_frequencies_are_closed_forms_of_the_labelled_tokens_alone(data: str) -> None:
    mine = ALL[data]
    uniform, counted = (code.codelength(mine).total_bits for code in (Uniform(), Frequencies()))
    assert uniform == pytest.approx(uniform_bits(len(mine), mine.shared.num_classes), abs=1e-2)
    counts = np.bincount(mine.labels, minlength=mine.shared.num_classes)
    assert counted == pytest.approx(frequencies_bits(counts), abs=1e-2)


def test_masked_tokens_cost_nothing_and_bob_needs_none() -> None:
    """Other labels under the mask, the same message."""
    others = from_arrays(TOKENS, np.where(MASK, TOKENS % 2, RNG.integers(0, 2, MASK.shape)), mask=MASK, name="tags")
    code = CODES["prequential"]
    assert code.encode(others) == code.encode(TAGS)


def test_blocks_end_with_sequences_and_the_first_is_uniform() -> None:
    transmission = Prequential((FrequencyLearner(),)).measure(TEXT)
    stops = transmission.received.traces["block_stops"].astype(int).tolist()
    ends = TEXT.shared.label_ends.tolist()
    assert stops[-1] == len(TEXT)
    assert set(stops) <= set(ends)
    assert all(stop - 7 < wanted <= stop for stop, wanted in zip(stops, (8, 16, 32, 64), strict=False))
    first = transmission.codelength.bits_by_label[: stops[0]]
    assert first == pytest.approx(np.log2(TEXT.shared.num_classes), abs=1e-4)


def test_a_step_takes_whole_sequences_of_about_the_batch_size() -> None:
    batches = Steps(epochs=1, min_steps=1, batch_size=32).batches(len(TAGS), 24, torch.Generator().manual_seed(0))
    assert batches.shape == (round(len(TAGS) / 32), 32 * 24 // len(TAGS))


class LooksAhead(nn.Module):
    """The label of a token is the input of the next one: a table that reads it there, nothing learned."""

    def __init__(self, num_classes: int, shift: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(8.0))
        self._num_classes, self._shift = num_classes, shift
        self.names = nn.Embedding(1, 1)  # what says that inputs are tokens

    def forward(self, tokens: Tensor) -> Tensor:
        there = tokens.roll(-self._shift, 1)
        ones = torch.nn.functional.one_hot(there, self._num_classes + 1)[..., : self._num_classes].float()
        return self.scale * ones


def ahead(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    return LooksAhead(num_classes, shift=1)


def test_a_net_that_looks_ahead_learns_to_and_gains_nothing_by_it() -> None:
    """It is perfect on texts that are known, and sees blanks where it counts."""
    learner = NetLearner(arch=f"{__name__}:ahead", training=Steps(epochs=1, min_steps=1))
    net, sequences = learner.fit(TEXT.shared, TEXT.labels), TEXT.shared.sequences
    assert sequences is not None
    inputs, targets = TEXT.shared.known(TEXT.labels)
    inner = sequences.mask[:, :-1] & sequences.mask[:, 1:]
    cheated = net.predict(inputs).argmax(1).reshape(targets.shape)[:, :-1][inner]
    assert (cheated == targets.numpy()[:, :-1][inner]).all()
    length = Prequential((learner,)).codelength(TEXT)
    assert length.saved_bits < 1
    assert length.total_bits >= Uniform().codelength(TEXT).total_bits - 1e-6


class Watching:
    """A uniform predictor that remembers what it was shown."""

    def __init__(self, num_classes: int) -> None:
        self.shown: list[Tensor] = []
        self._num_classes = num_classes

    def predict(self, inputs: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        self.shown.append(inputs.clone())
        return np.full((inputs.numel(), self._num_classes), 1 / self._num_classes)


def test_at_each_turn_of_a_text_what_comes_later_is_blank() -> None:
    watching, shared = Watching(TEXT.shared.num_classes), TEXT.shared
    sent = say_labels(shared, (0, len(shared)), TEXT.labels, watching.predict, sending(Ledger()))
    assert np.array_equal(sent, TEXT.labels)
    known, _ = shared.known(TEXT.labels)
    assert len(watching.shown) == 7
    for turn, inputs in enumerate(watching.shown):
        assert torch.equal(inputs[:, : turn + 1], known[:, : turn + 1])
        assert (inputs[:, turn + 1 :] == shared.num_classes).all()


def test_a_transformer_of_a_text_is_causal_and_one_of_tags_is_not() -> None:
    torch.manual_seed(0)
    tokens = torch.tensor(TOKENS)
    changed = tokens.clone()
    changed[:, 3:] = (changed[:, 3:] + 1) % 6
    for autoregressive in (True, False):
        shape = Sequences(np.ones((24, 5), dtype=bool), 7, autoregressive)
        net = build("transformer-2x16", (5,), 2, shape).eval()
        same = torch.equal(net(tokens)[:, :3], net(changed)[:, :3])
        assert same == autoregressive


def test_what_a_token_says_is_learned() -> None:
    data = from_arrays(RNG.integers(0, 6, (60, 5)), RNG.integers(0, 2, (60, 5)))
    easy = replace(data, labels=(data.shared.inputs.numpy() % 2).ravel())
    assert Prequential((EstimatorLearner(),)).codelength(easy).compression_ratio < 0.3
    assert Prequential((EstimatorLearner(),)).codelength(data).compression_ratio > 0.9


def test_a_text_is_a_data_set_of_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book, message, labels = tmp_path / "book.txt", tmp_path / "message", tmp_path / "labels.npy"
    book.write_text("she sells sea shells " * 3)
    words = [str(book), "--length", "8", "--code", "frequencies"]
    app(["compare", *words[:3], "--codes", "uniform,frequencies"], standalone_mode=False)
    assert "63 labels, 6 classes ( , a, e, h, l, s)" in capsys.readouterr().out
    app(["encode", *words, "-o", str(message)], standalone_mode=False)
    book.write_text("?" * 63)
    app(["decode", str(book), str(message), "-o", str(labels)], standalone_mode=False)
    assert np.array_equal(np.load(labels), from_text("she sells sea shells " * 3, length=8).labels)


def test_results_count_labelled_tokens_and_test_accuracy_is_theirs() -> None:
    tested = from_arrays(TOKENS, TOKENS % 2, TOKENS[:3], TOKENS[:3] % 2, mask=MASK, test_mask=MASK[:3])
    [found] = compare(tested, [Prequential((EstimatorLearner(),))])
    assert (found.num_labels, found.num_classes, found.test_accuracy) == (MASK.sum(), 2, 1.0)
    text = from_text("abababababab", length=4, test_text="abab")
    [read] = compare(text, [Prequential((EstimatorLearner(),))])
    assert read.test_accuracy is not None
    assert read.test_accuracy >= 0.75  # all but the first letter are told by the one before


@pytest.mark.parametrize(
    ("arch", "data", "message"),
    [
        ("lenet5", TAGS, "no logits for each token"),
        ("transformer-1x20", TAGS, "multiple of 16"),
        ("transformer-1x16", from_arrays(RNG.random((9, 4)), [0, 1, 0] * 3), "needs labels of tokens"),
        ("nets_of_mine:tiny", VECTORS, r"\(2, 4, 3\) is needed|can't be built"),
    ],
)
def test_nets_that_do_not_fit_are_refused_before_training(arch: str, data: Data, message: str) -> None:
    with pytest.raises(MdlError, match=message):
        TwoPart(replace(NET, arch=arch)).codelength(data)


@pytest.mark.parametrize(
    "regularisation", [Regularisation(augment=Crop()), Regularisation(augment=Crop(), unlabelled=FixMatch())]
)
def test_what_is_for_images_refuses_tokens(regularisation: Regularisation) -> None:
    with pytest.raises(MdlError, match="is for images"):
        TwoPart(replace(NET, regularisation=regularisation)).codelength(TAGS)


def test_what_needs_independent_examples_refuses_tokens() -> None:
    from mdlcode.certify.code import certify_code
    from mdlcode.measures.dimension_search import DimensionSearch

    for attempt in (lambda: certify_code(TwoPart(NET), TAGS), lambda: DimensionSearch().run(TAGS)):
        with pytest.raises(MdlError, match="tokens of a sequence are none"):
            attempt()
    [float32] = compare(TAGS, [TwoPart(NET)])  # the codelength stands without a bound
    assert float32.bound is None
    assert "no bound" in float32.notes[0]
