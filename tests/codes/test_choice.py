"""The choice among conversations: rehearsed once, paid for, repeated word for word."""

import math
from dataclasses import replace

import numpy as np
import pytest
from codes_table import BAYES, CODES

from mdlcode import parallel
from mdlcode.bayes.bits_back import BitsBack
from mdlcode.codes import BestOf, Code, Prequential, TwoPart, Uniform, Variational
from mdlcode.codes.base import PreparedCode
from mdlcode.codes.choice import rehearse
from mdlcode.coding.channel import Ledger, Sender
from mdlcode.coding.message import unpack
from mdlcode.data import Data, Shared
from mdlcode.errors import MdlError, PrunedError
from mdlcode.learn import FrequencyLearner, NetLearner, NetPredictor, Predictor, RateAware, Steps
from mdlcode.typing import IntArray
from mdlcode.weights import AsTrained, Quantised

LINEAR = NetLearner(arch="linear", training=Steps(min_steps=40))
FITS: list[str] = []


class CountedNet(NetLearner):
    def fit(self, shared: Shared, labels: IntArray) -> NetPredictor:
        FITS.append("net")
        return super().fit(shared, labels)


class CountedFrequencies(FrequencyLearner):
    def fit(self, shared: Shared, labels: IntArray) -> Predictor:
        FITS.append("frequencies")
        return super().fit(shared, labels)


def test_no_candidate_is_trained_twice(digits: Data) -> None:
    """Whichever wins, a code that prepares or one that only transmits."""
    two_part = TwoPart(CountedNet(arch="linear", training=Steps(min_steps=40)))
    blocks = Prequential((CountedFrequencies(),))
    blocks.codelength(digits)
    once = len(FITS)
    for code in (BestOf((two_part, blocks)), BestOf((two_part, TwoPart(LINEAR)))):
        FITS.clear()
        code.encode(digits)
        assert FITS.count("net") == 1
        assert FITS.count("frequencies") in (0, once)
    assert once > 3


@pytest.mark.parametrize("name", ["best-of", "subspace-best-of", "compressed", "bits-back"])
def test_the_winner_says_what_it_says_alone(name: str, digits: Data) -> None:
    """Beside a code of 20,000 bits it follows the number of the choice, bit for bit."""
    code = CODES[name]
    alone, chosen = code.codelength(digits), BestOf((TwoPart(LINEAR), code)).codelength(digits)
    assert np.array_equal(chosen.bits_by_label, alone.bits_by_label)
    assert chosen.total_bits == pytest.approx(alone.total_bits + 1)


def test_candidates_run_side_by_side_and_say_the_same(digits: Data) -> None:
    code = BestOf((Prequential((FrequencyLearner(),)), TwoPart(LINEAR), CODES["compressed"]))
    words = unpack(code.encode(digits))[1]
    with parallel.processes(2, after_cpu_seconds=0) as pool, parallel.using(pool):
        assert np.array_equal(unpack(code.encode(digits))[1], words)


def test_a_choice_among_draws_from_ones_own_spare_bits_is_repeated(digits: Data) -> None:
    """The rehearsal borrows from the very bits that the message is made of."""
    spare = np.random.default_rng(3).integers(1, 2**32, size=6000, dtype=np.uint32)
    code = BestOf((Variational(BAYES, BitsBack(tries=3)), Variational(replace(BAYES, seed=1))))
    sent, transmission = code.transmitted(digits, spare=spare)
    assert np.array_equal(code.decode(digits.shared, sent), digits.labels)
    choices = math.exp2(transmission.codelength.bits_by_part["choice"])
    assert round(choices, 3) in (2, 6)


def test_the_chosen_draw_is_the_shortest(digits: Data) -> None:
    code = Variational(BAYES, BitsBack(tries=4))
    inferred = code.prepare(digits.shared, digits.labels)
    inference = code.learner.continued(inferred.posterior, digits.shared, digits.labels)
    lengths = []
    for number in range(4):
        ledger = Ledger()
        code.draw(ledger, inference, digits.shared, digits.labels, number)
        lengths.append(ledger.codelength(10).total_bits)
    ledger = Ledger()
    code.speak(ledger, inferred, digits.shared, digits.labels)
    assert len(set(lengths)) == 4
    assert ledger.codelength(10).total_bits == pytest.approx(min(lengths) + 2)


def test_only_a_measurement_makes_extra_draws(digits: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a length, a message, a choice among codes nor Bob pays for them."""
    draws: list[int] = []

    def counted(self: Variational, *arguments: object, **named: object) -> object:
        draws.append(1)
        return honest(self, *arguments, **named)  # type: ignore[arg-type]

    honest = Variational.draw
    monkeypatch.setattr(Variational, "draw", counted)
    code = Variational(BAYES, extra_draws=5)
    sent = code.encode(digits)
    code.codelength(digits)
    code.decode(digits.shared, sent)
    BestOf((Uniform(), code)).measure(digits)
    assert len(draws) == 3  # `codelength` after `encode` is the same run
    notes = code.measure(digits).received.notes
    assert len(draws) == 3 + 1 + 5
    assert len(notes) == 1 + 5
    assert replace(code, extra_draws=0).measure(digits).received.notes == ()
    assert len(draws) == 3 + 1 + 5 + 1
    with pytest.raises(MdlError, match="`extra_draws` to 0, or to 2"):
        replace(code, extra_draws=1)


def test_what_is_prepared_is_not_changed_by_speaking(digits: Data) -> None:
    for code in (TwoPart(LINEAR, Quantised()), CODES["subspace"], CODES["compressed"]):
        assert isinstance(code, PreparedCode)
        prepared, words = code.prepare(digits.shared, digits.labels), []
        before = [each.clone() for net in prepared for each in net.net.state_dict().values()]
        for _ in range(2):
            sender = Sender()
            code.speak(sender, prepared, digits.shared, digits.labels)
            words.append(sender.words())
        assert np.array_equal(words[0], words[1])
        after = [each for net in prepared for each in net.net.state_dict().values()]
        assert all(bool((one == other).all()) for one, other in zip(before, after, strict=True))


def test_candidates_that_can_not_be_sent_drop_out(digits: Data) -> None:
    learner = RateAware(LINEAR, training=Steps(min_steps=100), bit_price=1e4)
    nothing: Code = TwoPart(learner, Quantised(AsTrained()))
    length = BestOf((nothing, Uniform())).codelength(digits)
    assert length.total_bits == pytest.approx(length.uniform_bits + 1)
    with pytest.raises(PrunedError, match="every candidate"):
        BestOf((nothing, nothing)).codelength(digits)


def test_of_equally_short_ones_the_first_is_chosen(digits: Data) -> None:
    ledger = Ledger()
    speak = [lambda channel: Uniform().transmit(channel, digits.shared, digits.labels)] * 3
    found = rehearse(ledger, speak)
    assert found.number == 0
    assert found.bits.shape == (3, 2)
    assert ledger.codelength(10).total_bits == 0
