import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mdlcode.codes import Prequential, Uniform
from mdlcode.coding import message
from mdlcode.data import Data, View, load
from mdlcode.errors import MessageError
from mdlcode.learn import EstimatorLearner, FrequencyLearner

CODE = Prequential((FrequencyLearner(),))
SENT = CODE.encode(load("digits", View(limit=120)))


@settings(max_examples=40)
@given(length=st.integers(0, len(SENT) - 1))
def test_truncated_message_is_refused(length: int) -> None:
    with pytest.raises(MessageError):
        message.unpack(SENT[:length])


@settings(max_examples=60)
@given(place=st.integers(0, len(SENT) - 1), flip=st.integers(1, 255))
def test_flipped_byte_is_refused(place: int, flip: int) -> None:
    altered = bytearray(SENT)
    altered[place] ^= flip
    with pytest.raises(MessageError):
        message.unpack(bytes(altered))


def test_message_for_other_inputs_is_refused(digits: Data) -> None:
    other = load("digits", View(limit=120, order_seed=1))
    with pytest.raises(MessageError, match="other inputs"):
        CODE.decode(other.shared, SENT)


def test_message_of_another_code_is_refused(digits: Data) -> None:
    with pytest.raises(MessageError, match="another code"):
        Uniform().decode(digits.shared, SENT)


def _repacked(sent: bytes, **changes: object) -> bytes:
    header, words = message.unpack(sent)
    return message.pack(dataclasses.replace(header, **changes), words)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value", "hint"),
    [
        ("torch", "1.0", "install torch 1.0"),
        ("threads", 7, "`threads` to 7"),
        ("processor", "abacus", "same kind of processor"),
        ("device", "NVIDIA H100", "same kind of device"),
    ],
)
def test_message_from_another_environment_names_the_difference(field: str, value: Any, hint: str, digits: Data) -> None:
    environment = dataclasses.replace(message.unpack(SENT)[0].environment, **{field: value})
    with pytest.raises(MessageError, match=f"made with {field} {value}.*{hint}"):
        CODE.decode(digits.shared, _repacked(SENT, environment=environment))


def test_uniform_message_decodes_in_any_environment(digits: Data) -> None:
    sent = Uniform().encode(digits)
    environment = dataclasses.replace(message.unpack(sent)[0].environment, torch="1.0", threads=64)
    decoded = Uniform().decode(digits.shared, _repacked(sent, environment=environment))
    assert np.array_equal(decoded, digits.labels)


def test_thread_count_is_part_of_the_environment(digits: Data) -> None:
    torch.set_num_threads(2)
    try:
        with pytest.raises(MessageError, match="threads 1, here it is 2"):
            CODE.decode(digits.shared, SENT)
    finally:
        torch.set_num_threads(1)


def test_wrong_words_never_give_wrong_labels(digits: Data) -> None:
    """With intact checksums, words that say something else are noticed by the labels' checksum."""
    header, words = message.unpack(SENT)
    refused, flips = 0, range(0, 32 * len(words), 37)
    for flip in flips:
        wrong = words.copy()
        wrong[flip // 32] ^= np.uint32(1 << (flip % 32))
        try:
            decoded = CODE.decode(digits.shared, message.pack(header, wrong))
        except MessageError:
            refused += 1
        else:  # a bit of the last word that no label hangs on
            assert np.array_equal(decoded, digits.labels)
    assert refused >= len(flips) - 2


def test_other_version_of_the_header_is_refused() -> None:
    import json
    import struct
    import zlib

    head = zlib.compress(json.dumps({"code": {}}).encode())
    body = struct.pack("<I", len(head)) + head
    old = b"MDLCODE1" + struct.pack("<I", zlib.crc32(body)) + body
    with pytest.raises(MessageError, match="another version"):
        message.unpack(old)


def test_envelope_is_small(digits: Data) -> None:
    sent = Prequential((EstimatorLearner(),)).encode(digits)
    assert len(sent) - message.payload_bits(sent) / 8 < 1000
    assert Path(sys.executable).name.encode() not in sent
