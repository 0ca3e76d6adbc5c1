"""Messages of strangers: headers that no sender writes, of any size and depth, and odd words."""

import re
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mdlcode.codes import Frequencies, TwoPart, Uniform, decode
from mdlcode.coding.message import opened, pack, seal, unpack
from mdlcode.data import Data, from_arrays
from mdlcode.errors import MdlError, MessageError
from mdlcode.experiments.tasks import source_of
from mdlcode.learn import NetLearner, Steps

MESSAGE = b"MDLCODE1"


@pytest.fixture
def data() -> Data:
    return from_arrays(np.arange(24.0).reshape(12, 2), [0, 1] * 6)


def of_message(message: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    fields, words = opened(MESSAGE, message, "message")
    change(fields)
    return seal(MESSAGE, fields, words)


FIELDS: list[dict[str, Any]] = [
    {"num_classes": 10**6},
    {"num_classes": "10"},
    {"num_classes": True},
    {"num_labels": -1},
    {"num_labels": 1e300},
    {"code": "uniform"},
    {"code": {"kind": "uniform", "__dataclass_self__": 1}},
    {"inputs": "\x1b[31m"},
    {"labels_checksum": None},
    {"environment": {"torch": "1"}},
    {"environment": 3},
    {"spare_words": 2**40},
    {"more": 1},
]


@pytest.mark.parametrize("fields", FIELDS, ids=str)
def test_headers_are_held_to_their_schema(fields: dict[str, Any], data: Data) -> None:
    begin = time.process_time()
    with pytest.raises(MdlError) as error:
        decode(data.shared, of_message(Uniform().encode(data), lambda header: header.update(fields)))
    assert "\n" not in str(error.value)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    "made", [3, [], {"view": {"limit": -1}}, {"view": 3}, {"reading": {"resize": [1]}}, {"x": 1}], ids=str
)
def test_what_a_header_says_of_its_data_is_held_to_a_schema(made: Any, data: Data) -> None:
    with pytest.raises(MdlError):
        source_of(unpack(of_message(Uniform().encode(data), lambda header: header.update(data=made)))[0])


def test_a_text_of_a_header_is_no_format(data: Data) -> None:
    net = TwoPart(NetLearner(arch="linear", training=Steps(min_steps=1, max_steps=1)))
    wide = "{torch:>1000000000}{theirs}"
    message = of_message(net.encode(data), lambda header: header["environment"].update(torch=wide))
    with pytest.raises(MessageError, match=re.escape(f"install torch {wide}")):
        net.decode(data.shared, message)


def nested(depth: int) -> Any:
    value: Any = {"kind": "uniform"}
    for _ in range(depth):
        value = {"kind": "best-of", "codes": [{"kind": "uniform"}, value]}
    return value


def test_deep_and_large_headers(data: Data) -> None:
    message = Uniform().encode(data)
    with pytest.raises(MessageError, match="takes more than 8,388,608 bytes"):
        unpack(_with_head(b'{"a": "' + b"0" * 10**7 + b'"}'))
    with pytest.raises(MessageError, match="another version"):
        unpack(_with_head(b"[" * 10**6))
    with pytest.raises(MessageError, match="another version"):
        unpack(_with_head(b'{"a": ' + b"9" * 10**6 + b"}"))
    with pytest.raises(MdlError, match="nested more than 32 deep"):
        unpack(of_message(message, lambda header: header.update(code=nested(300))))
    with pytest.raises(MdlError, match="more than 1,000,000 values"):
        unpack(_with_head(b"[" + b"0," * 1_100_000 + b"0]"))
    assert unpack(of_message(message, lambda header: header.update(code=nested(5))))[0].code == nested(5)


def _with_head(text: bytes) -> bytes:
    """A message with these bytes as its header."""
    body = zlib.compress(text)
    body = len(body).to_bytes(4, "little") + body
    return MESSAGE + zlib.crc32(body).to_bytes(4, "little") + body


def test_words_that_no_sender_writes(data: Data) -> None:
    code = Frequencies()
    header, words = unpack(code.encode(data))
    for odd in (np.append(words, np.uint32(0)), words[:0], np.zeros(3, dtype=np.uint32)):
        with pytest.raises(MessageError):
            code.decode(data.shared, pack(header, odd.astype(np.uint32)))


def test_many_classes_take_little_memory_where_the_code_is_uniform() -> None:
    import tracemalloc

    wide = from_arrays(np.arange(2000.0).reshape(1000, 2), [0, 1] * 500, num_classes=2**13)
    message = Uniform().encode(wide)
    tracemalloc.start()
    decoded = decode(wide.shared, message)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(decoded, wide.labels)
    assert peak < 8 * 1000 * 2**13 * 2  # bytes of all rows at once
