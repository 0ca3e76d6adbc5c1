"""The envelope of a message: what it was made with, checksums, and the coded words.

The words are what a codelength counts. The envelope (a few hundred bytes) is not charged: it tells Bob
which code, inputs and software to use, and lets him notice an altered message or a failed decoding.
"""

import hashlib
import json
import struct
import zlib
from dataclasses import asdict
from typing import Annotated, Literal, TypeVar

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from mdlcode.coding.channel import Words
from mdlcode.environment import SCHEMA, Environment, Whole
from mdlcode.errors import MdlError, MessageError
from mdlcode.limits import require_plain
from mdlcode.typing import Config, IntArray
from mdlcode.validation import one_line

_MAGIC = b"MDLCODE1"
_LARGEST_HEADER_BYTES = 8 << 20
T = TypeVar("T")
Classes = Annotated[int, Field(strict=True, ge=2, le=2**17)]
Checksum = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
_NUMBER = struct.Struct("<I")  # first the CRC-32 of all that follows it, then the bytes of the header


@dataclass(frozen=True, config=SCHEMA)
class Header:
    """What a message says of itself; a schema that messages of others are held to.

    `data` names the data set and view where a command made it. `spare_words` of its words are the sender's spare
    bits, which the receiver gets besides the labels.
    """

    code: Config
    inputs: Checksum
    num_labels: Whole
    num_classes: Classes
    labels_checksum: Checksum
    environment: Environment
    data: Config | None = None
    spare_words: Whole = 0
    spare_checksum: Checksum | Literal[""] = ""


def checksum(labels: IntArray) -> str:
    """Eight bytes of SHA-256 of the labels, in hex: a wrong decoding passes with probability 2^-64.

    >>> checksum(np.array([0, 1]))
    '9d34149fbd1fe777'
    """
    return hashlib.sha256(np.ascontiguousarray(labels, dtype="<i8").data).hexdigest()[:16]


def words_checksum(words: Words) -> str:
    """Eight bytes of SHA-256 of the words, in hex.

    >>> words_checksum(np.array([1], dtype=np.uint32))
    '67abdd721024f0ff'
    """
    return hashlib.sha256(words.astype("<u4").tobytes()).hexdigest()[:16]


def pack(header: Header, words: Words) -> bytes:
    """The bytes of a message."""
    return seal(_MAGIC, asdict(header), words)


def unpack(message: bytes) -> tuple[Header, Words]:
    """Header and words of a message. Raises MessageError where it is none, cut short or altered."""
    fields, words = opened(_MAGIC, message, "message")
    header = held_to(Header, fields, "message")
    if header.spare_words > len(words):
        raise MessageError("the message claims more spare bits than it has: encode it again")
    return header, words


def held_to(schema: type[T], fields: Config, what: str) -> T:
    """The header that these fields are. Raises MessageError for keys and values that the schema has not."""
    try:
        return TypeAdapter(schema).validate_python(fields)
    except ValidationError as error:
        raise MessageError(f"the {what}'s header is of another version of mdlcode: {one_line(error)}") from None


def seal(magic: bytes, fields: Config, words: Words) -> bytes:
    """The bytes of a file: what it is, a checksum, `fields` as compressed JSON, and the coded words.

    Raises MdlError where the fields take more than `opened` reads.
    """
    text = json.dumps(fields, sort_keys=True).encode()
    if len(text) > _LARGEST_HEADER_BYTES:
        raise MdlError(f"a header of {len(text):,} bytes is too long: fewer settings, or `standardise` per-channel")
    head = zlib.compress(text)
    body = _NUMBER.pack(len(head)) + head + words.astype("<u4").tobytes()
    return magic + _NUMBER.pack(zlib.crc32(body)) + body


def opened(magic: bytes, file: bytes, what: str) -> tuple[Config, Words]:
    """Fields and words of a file that `seal` made. Raises MessageError where it is none, cut short or altered.

    The fields may be anybody's: they are plain values, and hold no more than `require_plain` says.
    """
    start = len(magic) + _NUMBER.size
    if file[: len(magic)] != magic or len(file) < start + _NUMBER.size:
        raise MessageError(f"this is no {what} of mdlcode (or only its first few bytes): make it again")
    [crc], body = _NUMBER.unpack(file[len(magic) : start]), file[start:]
    if zlib.crc32(body) != crc:
        raise MessageError(f"the {what} is cut short or altered (its checksum does not fit): copy it again")
    end = _NUMBER.size + _NUMBER.unpack(body[: _NUMBER.size])[0]
    try:
        text = zlib.decompressobj().decompress(body[_NUMBER.size : end], _LARGEST_HEADER_BYTES + 1)
        if len(text) > _LARGEST_HEADER_BYTES:
            raise MessageError(f"the {what}'s header takes more than {_LARGEST_HEADER_BYTES:,} bytes")
        fields = json.loads(text)
        require_plain(fields, f"the {what}'s header")
        return dict(fields), np.frombuffer(body[end:], dtype="<u4").astype(np.uint32)
    except (TypeError, ValueError, RecursionError, zlib.error):
        raise MessageError(f"the {what}'s header is of another version of mdlcode: make it again") from None


def envelope_bits(header: Header) -> int:
    """Bits of a message beside its words: of the header, its length and the checksums."""
    return 8 * len(pack(header, np.zeros(0, dtype=np.uint32)))


def payload_bits(message: bytes) -> int:
    """Bits of the coded words alone, less the spare bits: what the reported codelength is held to."""
    header, words = unpack(message)
    return 32 * (len(words) - header.spare_words)
