"""The laws of the design, for every code there is."""

import math
import pickle

import numpy as np
import pytest
from codes_table import CODES

from mdlcode.codes import Code, Prequential, Received, Uniform
from mdlcode.codes.base import parse_code, uniform_rows
from mdlcode.codes.presets import PRESETS
from mdlcode.coding import message
from mdlcode.coding.channel import Channel
from mdlcode.coding.entropy_models import PARTS
from mdlcode.config import to_config
from mdlcode.data import Data, Shared, View, load
from mdlcode.errors import MessageError
from mdlcode.proof.bob import Bob
from mdlcode.proof.checks import LawBrokenError, audit, check_code
from mdlcode.proof.proof import within_tolerance
from mdlcode.typing import IntArray


@pytest.mark.parametrize("name", CODES)
def test_code_keeps_the_laws(name: str, digits: Data, bob: Bob) -> None:
    check_code(CODES[name], digits, bob=bob)


@pytest.mark.parametrize("name", CODES)
def test_code_is_a_frozen_value_that_prints_as_config_and_back(name: str) -> None:
    code = CODES[name]
    assert parse_code(to_config(code)) == code
    assert pickle.loads(pickle.dumps(code)) == code
    assert hash(code) == hash(parse_code(to_config(code)))
    with pytest.raises(AttributeError):
        code.kind = "other"  # type: ignore[attr-defined]


def test_uniform_code_is_n_log2_k() -> None:
    """But for the coder's rounding of 1 / K, which moves each probability by less than one part of 2^24."""
    data = load("digits")
    rounding_bits = 1797 * 10 / (PARTS - 10) * math.log2(math.e)
    assert Uniform().codelength(data).total_bits == pytest.approx(1797 * math.log2(10), abs=rounding_bits)
    assert rounding_bits < 0.002


class Peeks(Code):
    """Reads the labels where it should predict them."""

    kind = "peeks"

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        rows = uniform_rows(len(shared), shared.num_classes).copy()
        if labels is not None:
            rows[np.arange(len(labels)), labels] += 1.0
            rows /= 2.0
        return Received(channel.send(labels, rows))


def test_a_code_that_peeks_neither_decodes_nor_passes_the_audit(digits: Data, bob: Bob) -> None:
    code = Peeks()
    findings = {each.check: each for each in audit(code, digits, bob=bob)}
    broken = [name for name, each in findings.items() if not each.holds]
    assert broken == ["decodes", "random_labels", "permuted_labels"]
    with pytest.raises(MessageError):
        code.decode(digits.shared, code.encode(digits))


class Leaks(Uniform):
    """Charges a tenth of a bit less a label than it sends."""

    def measure(self, data: Data):  # type: ignore[no-untyped-def]
        from dataclasses import replace

        honest = super().measure(data)
        bits = honest.codelength.bits_by_label - 1.0
        length = replace(honest.codelength, bits_by_label=bits, bits_by_part={"labels": float(bits.sum())})
        return replace(honest, codelength=length)


def test_check_code_names_the_law_that_is_broken(digits: Data, bob: Bob) -> None:
    with pytest.raises(LawBrokenError, match="other bits"):
        check_code(Leaks(), digits, bob=bob)


@pytest.mark.parametrize("name", ["uniform", "prequential"])
def test_message_of_all_digits_is_as_long_as_reported(name: str) -> None:
    data = load("digits", View(limit=600))
    code = CODES[name]
    sent, transmission = code.transmitted(data)
    assert within_tolerance(message.payload_bits(sent), transmission.codelength.total_bits)


def test_presets_are_codes_with_defaults_that_fit_images_and_features() -> None:
    assert all(isinstance(code, Code) for code in PRESETS.values())
    features = Shared(load("digits").shared.inputs[:40].flatten(1).float(), 10)
    data = Data("features", features, load("digits", View(limit=40, order_seed=None)).labels)
    quick = Prequential(schedule=CODES["prequential-listed"].schedule.__class__((20,)))  # type: ignore[attr-defined]
    assert quick.codelength(data).num_labels == 40
