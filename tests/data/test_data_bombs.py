"""Files that claim more than memory holds are refused by their headers, before they are read."""

import io
import struct
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mdlcode import limits
from mdlcode.data import from_arrays, load
from mdlcode.errors import MdlError


def png(width: int, height: int, rows: bytes = b"") -> bytes:
    """A grey PNG of that size by its header, whatever its rows hold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.MEMORY, str(1 / 64))


@pytest.mark.usefixtures("little")
def test_images_are_refused_by_their_size(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    begin = time.perf_counter()
    for width, height, says in (
        (9_000, 9_000, r"of 9000 x 9000 takes 0\.1 GiB of memory, over 0\.0156: allow more \(`max_memory`\)"),
        (15_000, 15_000, "225000000 pixels"),
        (2**31 - 1, 2**29, "1152921504069976064 pixels"),
    ):
        (tmp_path / "a" / "0.png").write_bytes(png(width, height))
        with pytest.raises(MdlError, match=says):
            load(str(tmp_path), resize=(8, 8))
    assert time.perf_counter() - begin < 2


@pytest.mark.usefixtures("little")
def test_many_images_are_refused_together(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    whole = np.zeros((1800, 1800), dtype=np.uint8)
    for i in range(3):
        Image.fromarray(whole).save(tmp_path / "a" / f"{i}.png")
    with pytest.raises(MdlError, match=r"the 3 images under .* take.*max_memory"):
        load(str(tmp_path))


@pytest.mark.usefixtures("little")
def test_arrays_are_refused_by_their_headers(tmp_path: Path) -> None:
    """Zeros that compress by a thousand: the archive is small, and honest about its arrays."""
    few = io.BytesIO()
    np.save(few, np.zeros(2_000_000))
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", few.getvalue())
        archive.writestr("y_train.npy", few.getvalue())
    assert (tmp_path / "bomb.npz").stat().st_size < 50_000
    with pytest.raises(MdlError, match=r"array x_train\.npy of .* takes 0\.0 GiB .*max_memory"):
        load(str(tmp_path / "bomb.npz"))
    np.save(tmp_path / "x_train.npy", np.zeros(2_000_000))
    np.save(tmp_path / "y_train.npy", np.zeros(2))
    with pytest.raises(MdlError, match=r"x_train\.npy takes"):
        load(str(tmp_path))


def test_labels_and_classes_of_100_million() -> None:
    assert from_arrays(np.zeros((4, 2)), [0, 10**8, 0, 10**8]).shared.num_classes == 2
    with pytest.raises(MdlError, match="100,000,000 classes: at most 131,072"):
        from_arrays(np.zeros((4, 2)), [0, 1, 0, 1], num_classes=10**8)
