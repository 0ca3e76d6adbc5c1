"""Files that are damaged or odd: one line each, status 2, and nothing hangs."""

import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import Run
from mdlcode.data import View, load, load_shared
from mdlcode.errors import MdlError

X, Y = np.random.default_rng(0).random((20, 3)), [0, 1] * 10


def folder(path: Path, mode: str = "L", count: int = 20) -> Path:
    """An image folder of two classes, with a gradient in each image."""
    for i in range(count):
        (place := path / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        values = np.add.outer(np.arange(6), np.arange(5)) * 3 + i
        if mode == "I;16":
            Image.fromarray((1000 * values).astype(np.uint16)).save(place / f"{i}.png")
        else:
            Image.fromarray(values.astype(np.uint8)).convert(mode).save(place / f"{i}.png")
    return path


def refused(path: Path, message: str) -> None:
    with pytest.raises(MdlError, match=message) as caught:
        load(str(path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_images_of_16_bits_keep_their_values(tmp_path: Path) -> None:
    inputs = load(str(folder(tmp_path, "I;16"))).shared.inputs
    assert (inputs.shape, inputs.dtype) == ((20, 1, 6, 5), torch.float32)
    assert (float(inputs.min()), float(inputs.max())) == (0.0, 46_000.0)
    assert len(inputs.unique()) == 47


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA", "1"])
def test_images_of_every_mode(tmp_path: Path, mode: str) -> None:
    shared = load(str(folder(tmp_path, mode))).shared
    assert shared.shape == ((1, 6, 5) if mode == "1" else (3, 6, 5))
    assert shared.inputs.dtype == torch.uint8


def test_grey_among_colour_images_become_colour(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((6, 5, 3), dtype=np.uint8)).save(folder(tmp_path) / "a" / "colour.png")
    assert load(str(tmp_path)).shared.shape == (3, 6, 5)


def test_ragged_images_are_resized_only_if_asked(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((9, 9), dtype=np.uint8)).save(folder(tmp_path) / "a" / "large.png")
    refused(tmp_path, "differ in size.*`resize`")
    assert load(str(tmp_path), resize=(8, 4)).shared.shape == (1, 8, 4)
    assert (
        load_shared(str(tmp_path), 2, resize=(8, 4)).fingerprint()
        == load(str(tmp_path), resize=(8, 4)).shared.fingerprint()
    )
    with pytest.raises(MdlError, match="1 to 4096 pixels"):
        load(str(tmp_path), resize=(10**6, 10**6))


@pytest.mark.parametrize("name", ["test", "val"])
def test_a_test_folder_is_the_test_set(tmp_path: Path, name: str) -> None:
    folder(tmp_path / "train")
    folder(tmp_path / name, count=4)
    data = load(str(tmp_path))
    assert data.test_labels is not None
    assert sorted(data.test_labels) == [0, 0, 1, 1]
    elsewhere = load(str(tmp_path / "train"), test=str(tmp_path / name))
    assert elsewhere.test_labels is not None
    assert np.array_equal(elsewhere.test_labels, data.test_labels)
    (tmp_path / name / "a").rename(tmp_path / name / "c")
    refused(tmp_path, "test labels hold the class 'c'")


def test_pictures_that_cannot_be_read(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(256, size=(6, 5), dtype=np.uint8)).save(file, "png")
    good, _ = file.getvalue(), folder(tmp_path)
    odd = tmp_path / "b" / "odd.png"
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 6\n%%EndComments\nshowpage\n"
    for content in (b"", b"no image", good[:40], good[:60], eps, b"GIF89a"):
        odd.write_bytes(content)
        refused(tmp_path, r"odd\.png can't be read")
    odd.unlink()
    odd.symlink_to(tmp_path / "nowhere.png")
    refused(tmp_path, r"odd\.png is no file")
    odd.unlink()
    os.mkfifo(odd)
    refused(tmp_path, r"odd\.png is no file")
    odd.unlink()
    odd.mkdir()  # a folder with an image's name is a folder
    assert len(load(str(tmp_path))) == 20
    Image.fromarray(np.zeros((6, 5), dtype=np.uint8)).save(tmp_path / "bare.png")
    refused(tmp_path, "lies in no class folder")
    (tmp_path / "none").mkdir()
    refused(tmp_path / "none", "no images under")


def claiming(shape: tuple[int, ...]) -> bytes:
    """A `.npy` whose header claims a shape that its few bytes do not hold."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(64)


def test_archives_that_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, x_train=X, y_train=Y)
    good = path.read_bytes()
    at = good.index(X.tobytes()[:64])
    path.write_bytes(good[:at] + b"\x00" + good[at + 1 :])
    refused(path, "Bad CRC-32")
    path.write_bytes(good[:200])
    refused(path, r"no readable \.npz")
    for rows in (10**12, 10**7):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x_train.npy", claiming((rows, 3)))
            labels = io.BytesIO()
            np.save(labels, np.array(Y))
            archive.writestr("y_train.npy", labels.getvalue())
        refused(path, "far shorter")
    (tmp_path / "x_train.npy").write_bytes(claiming((10**12, 3)))
    np.save(tmp_path / "y_train.npy", Y)
    refused(tmp_path, r"no readable \.npy")
    np.save(tmp_path / "x_train.npy", np.array([{"a": 1}] * 20), allow_pickle=True)
    refused(tmp_path, r"no readable \.npy")


def test_names_of_5000_characters(tmp_path: Path) -> None:
    for name in ("n" * 5000, str(tmp_path / ("n" * 5000)), "n\x1b[31m\x00"):
        refused(Path(name), "no data set named")
    np.savez(tmp_path / "mine.npz", x_train=X, y_train=np.array(["c" * 5000, "d" * 5000] * 10))
    shown = load(str(tmp_path / "mine.npz"), View(limit=10)).shared.classes_text
    assert len(shown) < 80


def test_the_command_ends_with_one_line_and_status_2(mdlcode: Run, tmp_path: Path) -> None:
    os.mkfifo(folder(tmp_path) / "a" / "pipe.png")
    np.savez(tmp_path / "mine.npz", x_train=X, y_train=np.array(Y) * 1j)
    for name, says in ((tmp_path, "pipe"), (tmp_path / "mine.npz", "complex"), ("n" * 5000, "no data set")):
        ran = mdlcode("compare", name, "--codes", "uniform")
        assert ran.returncode == 2
        assert says in ran.stderr
        assert len(ran.stderr.strip().splitlines()) == 1
