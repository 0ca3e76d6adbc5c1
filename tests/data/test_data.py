import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from mdlcode.data import Data, Shared, View, from_arrays, from_dataset, load, load_shared
from mdlcode.errors import MdlError

ROOT = Path(os.environ.get("MDLCODE_DATA", "/nonexistent"))


def test_digits_are_the_embedded_images() -> None:
    data = load("digits", View(order_seed=None))
    assert data.shared.inputs.shape == (1797, 1, 8, 8)
    assert data.shared.inputs.dtype == torch.uint8
    assert data.labels[:5].tolist() == [0, 1, 2, 3, 4]
    theirs = load_digits()
    assert np.array_equal(data.labels, theirs.target)
    assert np.array_equal(data.shared.inputs[:, 0].numpy(), (theirs.images * 15.9375).astype(np.uint8))


def test_a_code_of_digits_is_measured_without_scikit_learn() -> None:
    """Its import takes half as long as all else together."""
    code = (
        "import mdlcode, sys; mdlcode.compare(mdlcode.load('digits'), 'uniform'); print({*sys.modules} & {*sys.argv})"
    )
    unwanted = ("sklearn", "pandas", "scipy.stats", "torchvision", "pyro", "matplotlib")
    ran = subprocess.run([sys.executable, "-c", code, *unwanted], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


def test_views() -> None:
    whole, part = load("digits"), load("digits", View(limit=50))
    assert np.array_equal(part.labels, whole.labels[:50])
    assert torch.equal(load_shared("digits", 10, View(limit=50)).inputs, part.shared.inputs)
    other = load("digits", View(limit=50, order_seed=1))
    assert not np.array_equal(other.labels, part.labels)
    shuffled = load("digits", View(limit=50, shuffle_pixels=True))
    assert not torch.equal(shuffled.shared.inputs, part.shared.inputs)
    assert torch.equal(shuffled.shared.inputs.flatten(1).sort(1)[0], part.shared.inputs.flatten(1).sort(1)[0])
    noisy = load("digits", View(label_noise=0.5))
    assert 0.40 < (noisy.labels != whole.labels).mean() < 0.50
    with pytest.raises(MdlError, match="more than the 1797"):
        load("digits", View(limit=2000))


def test_moments_standardise(digits: Data) -> None:
    mean, deviation = digits.shared.moments
    values = (digits.shared.inputs.float() - mean) / deviation
    assert float(values.mean()) == pytest.approx(0, abs=1e-5)
    assert float(values.std()) == pytest.approx(1, abs=1e-3)
    constant = Shared(torch.ones(5, 3), 2).moments
    assert constant[1].tolist() == [[1.0, 1.0, 1.0]]


def test_npz_is_read_key_by_key(tmp_path: Path) -> None:
    inputs, labels = np.random.default_rng(0).random((10, 4)), np.arange(10) % 3
    np.savez(tmp_path / "mine.npz", x_train=inputs, y_train=labels, x_test=inputs[:4], y_test=labels[:4])
    data = load(str(tmp_path / "mine.npz"), View(order_seed=None))
    assert data.shared.num_classes == 3
    assert data.test_labels is not None
    assert data.test_labels.tolist() == [0, 1, 2, 0]
    np.savez(tmp_path / "bob.npz", x_train=inputs)  # Bob has no labels at all
    shared = load_shared(str(tmp_path / "bob.npz"), 3, View(order_seed=None))
    assert shared.fingerprint() == data.shared.fingerprint()
    with pytest.raises(MdlError, match="no array 'y_train'"):
        load(str(tmp_path / "bob.npz"))


def test_npz_with_pickles_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", x_train=np.array([{"a": 1}], dtype=object), y_train=np.array([0, 1]))
    with pytest.raises(MdlError, match="plain arrays"):
        load(str(tmp_path / "evil.npz"))
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 no")
    with pytest.raises(MdlError, match=r"no readable \.npz"):
        load(str(tmp_path / "broken.npz"))


def test_image_folder_has_the_same_order_without_its_classes(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for i in range(12):
        for folder in (tmp_path / "tree" / "abc"[i % 3], tmp_path / "flat"):
            folder.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(256, size=(6, 6, 3), dtype=np.uint8)
        for file in (tmp_path / "tree" / "abc"[i % 3] / f"{i}.png", tmp_path / "flat" / f"other{i}.png"):
            Image.fromarray(pixels).save(file)
    data = load(str(tmp_path / "tree"))
    assert data.shared.inputs.shape == (12, 3, 6, 6)
    assert np.bincount(data.labels).tolist() == [4, 4, 4]
    assert load_shared(str(tmp_path / "flat"), 3).fingerprint() == data.shared.fingerprint()
    Image.fromarray(pixels[:3]).save(tmp_path / "tree" / "a" / "small.png")
    with pytest.raises(MdlError, match="differ in size"):
        load(str(tmp_path / "tree"))


def test_torch_data_set() -> None:
    data = from_dataset([(torch.full((1, 4, 4), float(i)), i % 2) for i in range(6)])
    assert (len(data), data.shared.shape) == (6, (1, 4, 4))


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        ([[1.0], [2.0]], [0, 0], "one class only"),
        ([[1.0], [2.0]], [1, 1], "one class only"),
        ([[1.0], [2.0]], [0.5, 1.0], "whole numbers"),
        ([[1.0], [2.0]], [0, 1, 1], "2 inputs but 3 labels"),
        ([[float("nan")], [2.0]], [0, 1], "NaN or infinite"),
        ([[float("inf")], [2.0]], [0, 1], "NaN or infinite"),
        ([], [], "non-empty"),
        ([[], []], [0, 1], "empty"),
        ([["x"], ["y"]], [0, 1], "no array of numbers"),
        ([[1.0], [2.0]], [[0, 1], [1, 0]], "one label each"),
        ([[1.0], [2.0]], [0.0, float("nan")], "missing"),
    ],
)
def test_bad_data_is_one_clear_line(inputs: object, labels: object, message: str) -> None:
    with pytest.raises(MdlError, match=message) as caught:
        from_arrays(inputs, labels)
    assert "\n" not in str(caught.value)


def test_unknown_and_missing_data_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDLCODE_DATA", str(tmp_path / "a file"))
    (tmp_path / "a file").write_text("")
    with pytest.raises(MdlError, match="did you mean 'cifar10'"):
        load("cifar1")
    with pytest.raises(MdlError, match="MDLCODE_DATA"):
        load("mnist")


def test_named_set_as_npz_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDLCODE_DATA", str(tmp_path))
    images = np.zeros((4, 32, 32, 3), dtype=np.uint8)
    np.savez(tmp_path / "cifar10.npz", x_train=images, y_train=np.arange(4, dtype=np.uint8))
    data = load("cifar10")
    assert (data.shared.shape, data.shared.num_classes) == ((3, 32, 32), 10)


@pytest.mark.skipif(not (ROOT / "MNIST" / "raw").is_dir(), reason="MNIST is not in MDLCODE_DATA")
def test_mnist_in_torchvisions_layout() -> None:
    data = load("mnist", View(order_seed=None))
    assert data.shared.inputs.shape == (60_000, 1, 28, 28)
    assert data.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.test_labels is not None
    assert len(data.test_labels) == 10_000


@pytest.mark.skipif(not (ROOT / "cifar10.npz").is_file(), reason="cifar10.npz is not in MDLCODE_DATA")
def test_cifar10_as_npz() -> None:
    data = load("cifar10", View(limit=100))
    assert data.shared.inputs.shape == (100, 3, 32, 32)
    assert data.shared.inputs.dtype == torch.uint8
