"""`codelength` and `encode` one after the other train once, and never tell what was true of other data."""

import gc
import weakref

import numpy as np
import pytest
import torch

from mdlcode.codes import last_run
from mdlcode.codes.base import Code
from mdlcode.codes.prequential import Prequential
from mdlcode.codes.two_part import TwoPart
from mdlcode.codes.variational import Variational
from mdlcode.coding.message import payload_bits
from mdlcode.data import Data, View, load
from mdlcode.learn import FrequencyLearner, NetLearner, Steps
from mdlcode.proof.proof import within_tolerance

FITS: list[int] = []


class Counted(FrequencyLearner):
    """Says when it is fitted."""

    def fit(self, shared, labels):  # type: ignore[no-untyped-def]
        FITS.append(len(labels))
        return super().fit(shared, labels)


@pytest.fixture
def few() -> Data:
    FITS.clear()
    return load("digits", View(limit=40))


def test_both_verbs_train_once_in_either_order(few: Data) -> None:
    for first, second in ((Code.codelength, Code.encode), (Code.encode, Code.codelength)):
        code = Prequential((Counted(),))
        FITS.clear()
        said = [first(code, few), second(code, few)]
        assert len(FITS) == len(set(FITS)) == 3  # blocks after 8, 16 and 32 labels
        message = next(each for each in said if isinstance(each, bytes))
        assert (code.decode(few.shared, message) == few.labels).all()


def test_the_message_is_that_of_a_fresh_run(few: Data) -> None:
    """Also with bits-back, whose spare bits are drawn again, and for a net that is sent."""
    training = Steps(min_steps=3, max_steps=3)
    for code in (Prequential((FrequencyLearner(),)), TwoPart(NetLearner("linear", training=training)), Variational()):
        if isinstance(code, Variational):
            code = Variational(type(code.learner)(training=training))
        length = code.codelength(few)
        message = code.encode(few)
        assert message == code.transmitted(few)[0]
        assert within_tolerance(payload_bits(message), length.total_bits)


def test_other_labels_inputs_threads_or_codes_are_run_anew(few: Data) -> None:
    code = Prequential((Counted(),))
    before = code.codelength(few).total_bits
    FITS.clear()
    Prequential((Counted(),)).codelength(few)  # equal, and another object, whose class may hold anything
    assert len(FITS) == 3
    code.codelength(few)
    few.labels[:] = np.sort(few.labels)
    assert code.codelength(few).total_bits != before
    assert (code.decode(few.shared, code.encode(few)) == few.labels).all()
    FITS.clear()
    few.shared.inputs[0] += 1
    code.codelength(few)
    assert len(FITS) == 3
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    code.encode(few)  # else its header would tell Bob the wrong number
    torch.set_num_threads(threads)
    assert len(FITS) == 6


def test_what_is_remembered_is_bounded_and_goes_with_its_code(few: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    code = Prequential((Counted(),))
    code.codelength(few)
    held = weakref.ref(code._remembered(few, last_run.MOST_BYTES))
    assert held() is not None
    del code
    gc.collect()
    assert held() is None
    monkeypatch.setattr("mdlcode.codes.base.MOST_BYTES", 100)
    large = Prequential((Counted(),))
    FITS.clear()
    bits = large.codelength(few).total_bits
    assert within_tolerance(payload_bits(large.encode(few)), bits)
    assert len(FITS) == 6


def test_an_answer_that_is_changed_changes_no_other(few: Data) -> None:
    code = Prequential((FrequencyLearner(),))
    before = code.codelength(few)
    total = before.bits_by_label.sum()
    before.bits_by_label[:] = 0
    assert code.codelength(few).bits_by_label.sum() == total
