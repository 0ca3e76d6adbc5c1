"""Finished work: nothing is trained twice, nothing that differs is taken for the same, and a receiver has none."""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cheats
import numpy as np
import pytest
import torch
from torch import nn

from mdlcode import compare, finished
from mdlcode.bayes import BayesLearner, Refinement
from mdlcode.bayes.bits_back import BitsBack
from mdlcode.codes import Code, Compressed, Geometric, Prequential, Switch, Temperature, TwoPart
from mdlcode.codes.variational import Variational
from mdlcode.data import Data, View, from_arrays, load
from mdlcode.errors import MdlError
from mdlcode.learn import CheckpointedLearner, FrequencyLearner, NetLearner, RateAware, Steps, UniformLearner
from mdlcode.learn.grid.forecasts import Recalled
from mdlcode.learn.nets.training import NetLearner as Trained
from mdlcode.learn.squeeze import retrainer
from mdlcode.measures.dimension_search import DimensionSearch
from mdlcode.proof.bob import Bob
from mdlcode.proof.prove import transmit_and_prove
from mdlcode.store import Store

SHORT = Steps(min_steps=4, max_steps=4)
NET = NetLearner(arch="mlp-1x8", training=SHORT)
PLAIN = Prequential((NET,))
TRAINED: list[int] = []


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store in use that keeps whatever was done, however fast."""
    TRAINED.clear()
    monkeypatch.setattr(finished, "WORTH_SECONDS", 0.0)
    trained = Trained._trained

    def counted(self, shared, labels, stops):  # type: ignore[no-untyped-def]
        TRAINED.append(len(labels))
        return trained(self, shared, labels, stops)

    monkeypatch.setattr(Trained, "_trained", counted)
    with finished.using(tmp_path / "kept"):
        store = finished.in_use()
        assert store is not None
        yield store


def count() -> int:
    """How many nets were trained since it was asked last."""
    number = len(TRAINED)
    TRAINED.clear()
    return number


def same(code: Code, data: Data) -> bool:
    """Whether two runs of a code give what one gives without a store."""
    with finished.using(None):
        alone = code.measure(data)
    first, second = code.measure(data), code.measure(data)
    each = [run.codelength.bits_by_label for run in (alone, first, second)]
    notes = {run.received.notes for run in (alone, first, second)}
    return np.array_equal(each[0], each[1]) and np.array_equal(each[0], each[2]) and len(notes) == 1


def test_a_code_trains_once_and_gives_the_same_bits(kept: Store, digits: Data) -> None:
    first = PLAIN.measure(digits)
    assert count() == 4  # after 8, 16, 32 and 64 labels
    again = PLAIN.measure(digits)
    assert PLAIN.encode(digits) == PLAIN.transmitted(digits)[0]
    assert count() == 0
    assert np.array_equal(first.codelength.bits_by_label, again.codelength.bits_by_label)
    with finished.using(None):
        assert np.array_equal(first.codelength.bits_by_label, PLAIN.measure(digits).codelength.bits_by_label)
    one, other = first.received.predictor, again.received.predictor
    assert one is not None
    assert other is not None
    assert np.array_equal(one.predict(digits.shared.inputs[:9]), other.predict(digits.shared.inputs[:9]))


def test_mixtures_calibrations_schedules_and_checkpoints_share_trainings(kept: Store, digits: Data) -> None:
    checkpointed = CheckpointedLearner(NET, (0.5,))
    Prequential((checkpointed,)).measure(digits)
    assert count() == 4
    for code in (
        PLAIN,
        Prequential((checkpointed, UniformLearner()), calibration=Temperature()),
        Prequential((NET, checkpointed), mixture=Switch()),
        Prequential((NET,), schedule=Geometric(ratio=4.0)),
        Prequential((replace(checkpointed, checkpoints=(0.5,)),)),
    ):
        code.measure(digits)
    assert count() == 0


def test_prequential_and_switch_of_one_command_train_once_in_either_order(
    digits: Data, monkeypatch: pytest.MonkeyPatch, kept: Store
) -> None:
    monkeypatch.setattr(finished, "WORTH_SECONDS", 0.0)
    plain, switched = Prequential((NET,)), Prequential((CheckpointedLearner(NET), UniformLearner()))
    with finished.using(None):  # nothing is left behind, and yet shared
        alone = [code.codelength(digits).total_bits for code in (plain, switched)]
        count()
        for order in (1, -1):
            results = compare(digits, [plain, switched][::order])
            assert [each.total_bits for each in results][::order] == alone
            assert count() == 4


@pytest.mark.parametrize(
    "code",
    [
        TwoPart(NET),
        Compressed(RateAware(NET, training=SHORT), bit_prices=(0.1, 1.0)),
        Variational(BayesLearner(training=SHORT), BitsBack(refinement=Refinement(1, 2, SHORT, SHORT))),
    ],
    ids=["two-part", "compressed", "variational"],
)
def test_other_codes_read_their_nets_back(
    code: Code, kept: Store, digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert same(code, digits)

    def refuse(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(Trained, "_trained", refuse)
    monkeypatch.setattr(retrainer, "_squeezed", refuse)
    monkeypatch.setattr(BayesLearner, "_inferred", refuse)
    monkeypatch.setattr(BayesLearner, "_refitted", refuse)
    assert len(code.encode(digits)) > 0


def test_real_targets_and_texts(kept: Store) -> None:
    real = load("diabetes", View(limit=60))
    assert same(Prequential((NET, FrequencyLearner())), real)
    count()
    Prequential((NET,), calibration=Temperature()).measure(real)
    assert count() == 0


def test_an_intrinsic_dimension_is_searched_once(kept: Store, digits: Data) -> None:
    search = DimensionSearch(
        replace(DimensionSearch().learner, arch="mlp-1x8", training=SHORT),
        direct=NET,
        baseline=0.1,
        seeds=1,
        precision=4.0,
        accuracy_on="train",
    )
    first = search.run(digits)
    assert search.run(digits) == first  # with the seconds of the first


def test_other_labels_inputs_settings_threads_or_sources_are_other_work(kept: Store, digits: Data) -> None:
    code = Prequential((NET,), schedule=Geometric(first=64))

    def trained_on(data: Data, code: Code = code) -> int:
        code.measure(data)
        return count()

    mine = from_arrays(digits.shared.inputs.numpy().copy(), digits.labels.copy(), num_classes=10, order_seed=None)
    assert trained_on(mine) == 1
    assert trained_on(mine) == 0
    mine.labels[:64] = np.roll(mine.labels[:64], 1)
    assert trained_on(mine) == 1
    mine.labels[64:] = 0  # the past of the last block is the same
    assert trained_on(mine) == 0
    mine.shared.inputs[100] += 1
    assert trained_on(mine) == 1
    assert trained_on(mine, Prequential((replace(NET, seed=1),), schedule=Geometric(first=64))) == 1
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    assert trained_on(mine) == 1
    torch.set_num_threads(before)
    torch.set_float32_matmul_precision("high")
    assert trained_on(mine) == 1
    torch.set_float32_matmul_precision("highest")
    assert trained_on(mine) == 0


class Own(FrequencyLearner):
    """A user's learner, which says when it is fitted."""

    def fit(self, shared, labels):  # type: ignore[no-untyped-def]
        TRAINED.append(len(labels))
        return super().fit(shared, labels)


class Versioned(Own):
    """One that says of what version it is."""

    cache_version = "1"


def test_a_learner_of_ones_own_is_kept_only_with_a_version(
    kept: Store, digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    nameless = NetLearner(
        arch=lambda shape, classes: nn.Sequential(nn.Flatten(), nn.Linear(64, classes)), training=SHORT
    )
    for learner, trained in ((Own(), 4), (nameless, 4), (Versioned(), 0)):
        code = Prequential((learner,))
        code.measure(digits)
        count()
        code.measure(digits)
        assert count() == trained
    monkeypatch.setattr(Versioned, "cache_version", "2")
    Prequential((Versioned(),)).measure(digits)
    assert count() == 4


def test_a_receiver_never_reads_what_is_kept(kept: Store, digits: Data) -> None:
    message = PLAIN.encode(digits)
    assert count() == 4
    assert np.array_equal(PLAIN.decode(digits.shared, message), digits.labels)
    assert count() == 4  # in this process too


def test_what_was_falsified_is_not_proved(kept: Store, bob: Bob, digits: Data) -> None:
    """Bob trains for himself: what Alice finds in her store, and he would not find, is of no use to her."""
    PLAIN.measure(digits)
    for each in kept.entries():
        value = kept.find(each.path.name)
        if "fields" in value:  # the predictions of a block: what the labels are
            said = value["fields"]["opinions"]["array"]
            said[:] = said.roll(1, dims=-1)
            kept.keep(each.path.name, value)
    count()
    proof = transmit_and_prove(bob, PLAIN, digits)[2]
    assert count() == 0
    assert not proof.proved
    assert "other labels" in proof.error or "does not decode" in proof.error


def test_bobs_process_can_not_open_the_store(
    kept: Store, bob: Bob, tmp_path: Path, digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where it lies in a folder of software, which he may read."""
    PLAIN.measure(digits)
    monkeypatch.setattr(bob, "_readable", [str(tmp_path)])
    (tmp_path / "other").write_text("")
    for file, proved in ((kept.entries()[0].path, False), (tmp_path / "other", True)):
        code = Prequential((cheats.ReadsFile(str(file)),), schedule=Geometric(first=64))
        proof = transmit_and_prove(bob, code, digits)[2]
        assert proof.proved == proved
        assert ("PermissionError" in proof.error) != proved
    with pytest.raises(MdlError, match="which Bob must not see"):
        Bob(digits.shared, readable=[tmp_path])


def test_damage_of_any_kind_is_found_and_made_good(kept: Store, digits: Data) -> None:
    code = Prequential((NET,), schedule=Geometric(first=64))
    bits = code.codelength(digits).total_bits
    entries = kept.entries()
    count()
    for damage in (lambda old: b"", lambda old: old[:-1], lambda old: old[:40] + b"\0" * (len(old) - 40)):
        for each in entries:
            each.path.write_bytes(damage(each.path.read_bytes()))
        with pytest.warns(UserWarning, match="damaged and done again"):
            assert code.measure(digits).codelength.total_bits == bits
        assert count() == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            code.measure(digits)
        assert count() == 0
    torch.save(Path("/"), entries[0].path)  # a pickle of something else
    with pytest.warns(UserWarning, match="damaged"):
        assert kept.find(entries[0].path.name) is None


@pytest.mark.parametrize("what", ["file", "read-only", "another user's", "full"])
def test_a_folder_that_does_not_serve_is_told_once_and_the_work_goes_on(
    what: str, tmp_path: Path, digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finished, "WORTH_SECONDS", 0.0)
    folder = tmp_path / what
    if what == "file":
        folder.write_text("")
    elif what == "read-only":
        monkeypatch.setattr("mdlcode.finished.os.access", lambda *_: False)
    elif what == "another user's":
        monkeypatch.setattr("mdlcode.finished.is_own", lambda _: False)
    else:

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("mdlcode.files.os.fsync", full)
    with finished.using(folder), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert PLAIN.codelength(digits).total_bits > 0
        assert Prequential((NET, UniformLearner())).codelength(digits).total_bits > 0
    assert len([each for each in said if "not" in str(each.message)]) == 1
    if what == "full":
        assert [each for each in folder.rglob("*") if each.is_file()] == []


def test_what_no_config_can_hold_is_measured_and_not_kept(kept: Store, digits: Data) -> None:
    said = Recalled(np.full((len(digits), digits.shared.num_classes), 1 / digits.shared.num_classes))
    assert Prequential((said,)).codelength(digits).compression_ratio == pytest.approx(1.0)
    assert kept.entries() == []
