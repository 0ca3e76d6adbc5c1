"""Nets as files: decoded in a fresh process to the very tensors, refused in one line where that can't be."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from conftest import Run
from mdlcode.cli.app import app
from mdlcode.data import Shared, load
from mdlcode.data.load import data_root
from mdlcode.errors import MdlError, MessageError
from mdlcode.learn import Affine, NetPredictor, Views, fold_batch_norm
from mdlcode.nets import build
from mdlcode.nets.tensors import load_weights, read_tensors
from mdlcode.weights import AsTrained, Float16, Float32, Grid, Quantised, general_compressors
from mdlcode.weights.net_file import decode_net, pack_net, tensors_checksum, unpack_net

SHAPE = (1, 8, 8)
DIGITS = load("digits").shared
STORED = data_root() / "zhou_lenet5.npz"


def predictor(arch: str = "mlp") -> NetPredictor:
    torch.manual_seed(1)
    return NetPredictor(fold_batch_norm(build(arch, SHAPE, 10)), DIGITS, bf16=False)


FILE = pack_net(predictor(), "mlp", SHAPE, 10, Quantised(Grid(5)))


@pytest.mark.parametrize("weights", [Float32(), Float16(), Quantised(Grid(7), units="sorted")], ids=str)
@pytest.mark.parametrize("arch", ["mlp", "convnet"])
def test_the_decoded_net_predicts_as_the_packed_one(arch: str, weights: Float32 | Float16 | Quantised) -> None:
    net = predictor(arch)
    before = tensors_checksum(net.net)
    file = pack_net(net, arch, SHAPE, 10, weights)
    assert tensors_checksum(net.net) == before
    one, other = decode_net(file), decode_net(file)
    assert tensors_checksum(one.net) == tensors_checksum(other.net) == unpack_net(file)[0].tensors_checksum
    inputs = DIGITS.inputs[:50]
    assert np.array_equal(one.predict(inputs), other.predict(inputs))
    if weights == Float32():
        assert np.array_equal(one.predict(inputs), net.predict(inputs))


def test_views_and_scales_are_kept() -> None:
    net = NetPredictor(predictor().net, DIGITS, bf16=False, views=Views(Affine(shift_pixels=1.0), count=3))
    net.moments = torch.full((1, 1, 1, 1), 3.25), torch.full((1, 1, 1, 1), 0.1)
    decoded = decode_net(pack_net(net, "mlp", SHAPE, 10, Float32()))
    assert np.array_equal(decoded.predict(DIGITS.inputs[:9]), net.predict(DIGITS.inputs[:9]))


def test_a_fresh_process_decodes_the_same_tensors(tmp_path: Path) -> None:
    (tmp_path / "net").write_bytes(FILE)
    script = "import sys; from mdlcode.weights.net_file import decode_net, tensors_checksum;"
    script += "print(tensors_checksum(decode_net(open(sys.argv[1], 'rb').read()).net))"
    ran = subprocess.run([sys.executable, "-c", script, tmp_path / "net"], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == tensors_checksum(decode_net(FILE).net)


@settings(max_examples=30)
@given(place=st.integers(0, len(FILE) - 1), flip=st.integers(1, 255))
def test_an_altered_file_is_refused(place: int, flip: int) -> None:
    altered = bytearray(FILE)
    altered[place] ^= flip
    with pytest.raises(MessageError):
        decode_net(bytes(altered))


@settings(max_examples=10)
@given(length=st.integers(0, len(FILE) - 1))
def test_a_file_cut_short_is_refused(length: int) -> None:
    with pytest.raises(MessageError):
        decode_net(FILE[:length])


def test_a_net_is_packed_under_its_own_architecture_alone() -> None:
    with pytest.raises(MdlError, match="not those of its architecture"):
        pack_net(predictor("mlp"), "linear", SHAPE, 10, Float32())


def test_general_compressors_give_back_what_they_took() -> None:
    assert next(iter(general_compressors())) == "gzip"
    assert all(0 < len(pack(bytes(5000))) < 200 for pack in general_compressors().values())


@pytest.mark.parametrize(
    ("tensors", "line"),
    [
        ({"a": torch.zeros(10, 64, dtype=torch.complex64), "b": torch.zeros(10)}, "'a' of the file is torch.complex64"),
        ({"a": torch.zeros(10, 64), "b": torch.zeros(10, dtype=torch.int64)}, "'b' of the file is torch.int64"),
        ({"a": torch.zeros(10, 63), "b": torch.zeros(10)}, r"do not fit the net: it has a \(10, 63\)"),
        ({}, "do not fit the net: it has none"),
    ],
)
def test_tensors_that_do_not_fit(tensors: dict[str, torch.Tensor], line: str) -> None:
    with pytest.raises(MdlError, match=line):
        load_weights(build("linear", SHAPE, 10), tensors)


def test_tensors_fit_by_name_or_by_order(tmp_path: Path) -> None:
    net, other = build("mlp", SHAPE, 10), build("mlp", SHAPE, 10)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    np.savez(tmp_path / "net.npz", **{f"x{name}": value.numpy() for name, value in net.state_dict().items()})
    for file in ("net.pt", "net.npz"):
        load_weights(other, read_tensors(tmp_path / file))
        assert tensors_checksum(other) == tensors_checksum(net)
        other[1].weight.data.zero_()


def test_files_that_hold_no_tensors(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("no weights")
    (tmp_path / "text.npz").write_text("no weights")
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save(nn.Linear(2, 2), tmp_path / "module.pt")
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    for name in ("text.pt", "text.npz", "module.pt", "objects.npz", "missing.pt"):
        with pytest.raises(MdlError, match="can't be read as plain tensors") as error:
            read_tensors(tmp_path / name)
        assert "\n" not in str(error.value)
    with pytest.raises(MdlError, match="hold no state dict"):
        read_tensors(tmp_path / "list.pt")


def test_compress_and_show(mdlcode: Run, tmp_path: Path) -> None:
    packed = mdlcode("compress", "digits", "--limit", 300, "-o", tmp_path / "net.mdl", "--threads", 1)
    assert packed.returncode == 0, packed.stderr
    shown = mdlcode("show", tmp_path / "net.mdl", "--test", "digits", "--limit", 300, "--threads", 1)
    assert shown.returncode == 0, shown.stderr
    [line] = [line for line in packed.stdout.splitlines() if line.startswith("training labels")]
    assert line in shown.stdout
    size = 4 * len(unpack_net((tmp_path / "net.mdl").read_bytes())[1])
    assert f"{size:,} bytes of weights" in packed.stdout
    assert "linear for inputs (1, 8, 8), 10 classes" in shown.stdout


def test_compress_takes_a_net_of_ones_own(mdlcode: Run, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = build("mlp", SHAPE, 10)
    for parameter in net.parameters():
        parameter.data = torch.where(parameter.abs() > 0.04, 0.125 * parameter.sign(), 0.0)
    torch.save(net.state_dict(), tmp_path / "own.pt")
    own = ("compress", "digits", "--arch", "mlp", "--weights", tmp_path / "own.pt", "--threads", 1)
    ran = mdlcode(*own, "--mean", 0.25, "--std", 0.5, "-o", tmp_path / "net.mdl")
    assert ran.returncode == 0, ran.stderr
    assert "1,797 of 1,797 predictions are those of the net given" in ran.stdout
    decoded = decode_net((tmp_path / "net.mdl").read_bytes())
    assert [float(each) for each in decoded.moments] == [0.25 * 255, 0.5 * 255]  # on the scale of the bytes


def arrays(path: Path, weight: np.ndarray, bias: np.ndarray) -> None:
    np.savez(path, weight=weight, bias=bias)


LINEAR = ("compress", "digits", "--arch", "linear", "--weights")
BAD = {
    "sends no net that a file could hold": ("compress", "digits", "--code", "uniform"),
    "can't be read as plain tensors": ("compress", "digits", "--arch", "mlp", "--weights", "missing.pt"),
    "--weights need --arch": ("compress", "digits", "--weights", "good.npz"),
    "name one, with --weights": ("compress", "digits", "--weight-code", "grid"),
    "did you mean 'k-means'?": (*LINEAR, "good.npz", "--weight-code", "kmeans"),
    "`mean` and `std` go together": ("compress", "digits", "--mean", "1"),
    "do not fit the net": ("compress", "digits", "--arch", "mlp", "--weights", "good.npz"),
    "'weight' of the file is torch.int64": ("compress", "digits", "--arch", "linear", "--weights", "integers.npz"),
    "'weight' of the file is torch.complex128": ("compress", "digits", "--arch", "linear", "--weights", "complex.npz"),
    "'1.weight' of the net is not finite": ("compress", "digits", "--arch", "linear", "--weights", "nan.npz"),
    "'1.weight' is pruned to nothing": ("compress", "digits", "--arch", "linear", "--weights", "zeros.npz"),
    "over 255: quantise it": (*LINEAR, "many.npz", "--weight-code", "as-trained"),
    "no net of mdlcode": ("show", "good.npz"),
    "can't be read: No such file": ("show", "missing.mdl"),
    "asks to import 'nets_of_mine:tiny'": ("show", "mine.mdl"),
    "not for small.npz": ("show", "good.mdl", "--test", "small.npz"),
}


@pytest.fixture
def bad_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    ones, zeros = np.ones((10, 64), dtype=np.float32), np.zeros(10, dtype=np.float32)
    arrays(tmp_path / "good.npz", ones, zeros)
    arrays(tmp_path / "integers.npz", ones.astype(np.int64), zeros)
    arrays(tmp_path / "complex.npz", ones.astype(np.complex128), zeros)
    arrays(tmp_path / "nan.npz", ones * np.float32(np.nan), zeros)
    arrays(tmp_path / "zeros.npz", 0 * ones, zeros)
    arrays(tmp_path / "many.npz", np.random.default_rng(0).normal(size=(10, 64)).astype(np.float32), zeros)
    np.savez(tmp_path / "small.npz", x_train=np.zeros((4, 3), dtype=np.float32), y_train=np.array([0, 1, 0, 1]))
    mine = NetPredictor(build("nets_of_mine:tiny", SHAPE, 10), DIGITS, bf16=False)
    (tmp_path / "mine.mdl").write_bytes(pack_net(mine, "nets_of_mine:tiny", SHAPE, 10, Float32()))
    (tmp_path / "good.mdl").write_bytes(FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_clear_line(line: str, bad_files: Path) -> None:
    command = list(BAD[line])
    if command[0] == "compress":
        command += ["-o", "net.mdl", "--limit", "100"]
    with pytest.raises(MdlError) as error:
        app([*command, "--threads", "1"], standalone_mode=False)
    assert line in str(error.value)
    assert "\n" not in str(error.value)
    assert not (bad_files / "net.mdl").exists()


@pytest.mark.skipif(not STORED.is_file(), reason="needs zhou_lenet5.npz in MDLCODE_DATA")
def test_the_published_lenet_is_short() -> None:
    net = build("lenet5", (1, 28, 28), 10)
    load_weights(net, read_tensors(STORED))
    images = Shared(torch.randint(256, (40, 1, 28, 28), dtype=torch.uint8), 10)
    given = NetPredictor(net, images, bf16=False)
    file = pack_net(given, "lenet5", (1, 28, 28), 10, Quantised(AsTrained(), units="sorted"))
    assert 4 * len(unpack_net(file)[1]) <= 4140
    assert np.array_equal(decode_net(file).predict(images.inputs).argmax(1), given.predict(images.inputs).argmax(1))
