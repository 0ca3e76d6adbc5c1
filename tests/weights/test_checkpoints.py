"""Weights as people keep them: in checkpoints, behind prefixes, as safetensors, of many values."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from mdlcode.cli.app import app
from mdlcode.config import kind_of
from mdlcode.errors import MdlError
from mdlcode.nets import build
from mdlcode.nets.tensors import load_weights, read_tensors
from mdlcode.weights.net_file import decode_net, tensors_checksum

SHAPE = (1, 8, 8)
State = dict[str, torch.Tensor]


def under(prefix: str, state: State) -> State:
    return {f"{prefix}{name}": value for name, value in state.items()}


WRAPPED: dict[str, Callable[[State], Any]] = {
    "plain": lambda state: state,
    "state_dict": lambda state: {"state_dict": state, "epoch": 3},
    "model": lambda state: {"model": state, "optimizer": {"state": {}, "lr": 0.1}},
    "both": lambda state: {"model": {"state_dict": state}, "step": 1},
    "data parallel": lambda state: under("module.", state),
    "lightning": lambda state: {"state_dict": under("model.", state), "pytorch-lightning_version": "2.4", "epoch": 1},
    "lightning with a loss": lambda state: {"state_dict": {**under("net.", state), "loss.weight": torch.ones(10)}},
    "compiled and parallel": lambda state: {"model_state_dict": under("module._orig_mod.", state)},
}


@pytest.mark.parametrize("name", WRAPPED)
def test_a_net_is_found_in_checkpoints_and_behind_prefixes(name: str, tmp_path: Path) -> None:
    net, other = build("mlp", SHAPE, 10), build("mlp", SHAPE, 10)
    torch.save(WRAPPED[name](net.state_dict()), tmp_path / "net.ckpt")
    load_weights(other, read_tensors(tmp_path / "net.ckpt"))
    assert tensors_checksum(other) == tensors_checksum(net)


def test_averages_and_safetensors(tmp_path: Path) -> None:
    net, other = build("linear", SHAPE, 10), build("linear", SHAPE, 10)
    load_weights(other, AveragedModel(net).state_dict())
    assert tensors_checksum(other) == tensors_checksum(net)
    safe = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    more = build("linear", SHAPE, 10)
    safe.save_file(net.state_dict(), tmp_path / "net.safetensors")
    load_weights(more, read_tensors(tmp_path / "net.safetensors"))
    assert tensors_checksum(more) == tensors_checksum(net)


def test_a_net_that_stands_there_twice_is_not_guessed() -> None:
    state = build("linear", SHAPE, 10).state_dict()
    with pytest.raises(MdlError, match=r"several times, under student\., teacher\.: keep one"):
        load_weights(build("linear", SHAPE, 10), {**under("student.", state), **under("teacher.", state)})


def zipped(path: Path) -> bytes:
    torch.save(nn.Linear(20, 20).state_dict(), path)
    return path.read_bytes()


def saved(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


BAD: dict[str, tuple[str, Callable[[Path], bytes], str]] = {
    "truncated": ("a.pt", lambda path: zipped(path)[:900], "damaged"),
    "altered": ("a.pt", lambda path: zipped(path).replace(b"PK", b"QK"), "damaged"),
    "text": ("a.pt", lambda path: b"these are no weights", "damaged"),
    "empty": ("a.pt", lambda path: b"", "damaged"),
    "a whole net": ("a.pt", lambda path: saved(nn.Linear(2, 2)), "objects of Python are not opened"),
    "no tensors": ("a.pt", lambda path: saved({"state_dict": {"epoch": 3}}), "hold no state dict"),
    "no mapping": ("a.pt", lambda path: saved([torch.zeros(3)]), "hold no state dict"),
    "sparse": ("a.pt", lambda path: saved({"a": torch.eye(3).to_sparse()}), "'a' of weights .* no plain dense tensor"),
    "meta": ("a.pt", lambda path: saved({"a": torch.zeros(3, device="meta")}), "'a' of weights .* a meta tensor"),
    "no archive": ("a.npz", lambda path: b"PK no archive", "of plain arrays"),
    "no safetensors": ("a.safetensors", lambda path: b"not so safe", r"no \.safetensors file"),
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_hold_no_weights_are_one_line_without_advice_to_open_them(name: str, tmp_path: Path) -> None:
    file, content, message = BAD[name]
    if file.endswith("safetensors"):
        pytest.importorskip("safetensors", reason="safetensors is not installed")
    (tmp_path / file).write_bytes(content(tmp_path / file))
    with pytest.raises(MdlError, match=message) as caught:
        read_tensors(tmp_path / file)
    for word in ("\n", "weights_only", "pickle", "trust"):
        assert word not in str(caught.value)


def test_safetensors_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    with pytest.raises(MdlError, match=r"pip install 'mdlcode\[safetensors\]'"):
        read_tensors(tmp_path / "net.safetensors")


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A net as training leaves it: every weight another value."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "ordinary.pt"
    torch.save({"state_dict": under("model.", build("mlp-1x64", SHAPE, 10).state_dict())}, path)
    return path


@pytest.mark.parametrize(
    ("given", "kind", "most_bytes"),
    [
        ((), "quantised", 3_500),
        (("--weight-code", "grid"), "quantised", 3_500),
        (("--code", "float32"), "float32", 20_000),
    ],
)
def test_an_ordinary_net_is_quantised_unless_another_way_is_named(
    given: tuple[str, ...], kind: str, most_bytes: int, ordinary: Path, tmp_path: Path
) -> None:
    common = [
        "--arch",
        "mlp-1x64",
        "--weights",
        str(ordinary),
        "--limit",
        "50",
        "--threads",
        "1",
        "-o",
        str(tmp_path / "n"),
    ]
    app(["compress", "digits", *common, *given], standalone_mode=False)
    packed = (tmp_path / "n").read_bytes()
    assert most_bytes / 2 < len(packed) < most_bytes  # 4,810 weights: 19,240 bytes in float32
    from mdlcode.weights.net_file import unpack_net

    assert kind_of(unpack_net(packed)[0].weights) == kind
    exact = build("mlp-1x64", SHAPE, 10)
    load_weights(exact, read_tensors(ordinary))
    assert (tensors_checksum(decode_net(packed).net) == tensors_checksum(exact)) == (kind == "float32")


def test_the_way_may_stand_in_a_config(ordinary: Path, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        f"arch: mlp-1x64\nweights: {ordinary}\nweight_code: float16\nlimit: 50\nthreads: 1\n"
    )
    arguments = ["compress", "digits", "--config", str(tmp_path / "c.yaml"), "-o", str(tmp_path / "n")]
    app(arguments, standalone_mode=False)
    assert 9_620 < (tmp_path / "n").stat().st_size < 10_000
    with pytest.raises(MdlError, match="in place of a --code"):
        app([*arguments, "--code", "float32"], standalone_mode=False)


def test_show_reads_a_table_as_its_test_set(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    generator = np.random.default_rng(0)
    pandas.DataFrame({"a": generator.random(40), "b": generator.random(40), "kind": [0, 1] * 20}).to_csv(
        tmp_path / "t.csv", index=False
    )
    torch.save(build("linear", (2,), 2).state_dict(), tmp_path / "w.pt")
    common = ["--target", "kind", "--threads", "1"]
    own = ["--arch", "linear", "--weights", str(tmp_path / "w.pt"), "-o", str(tmp_path / "net.mdl")]
    app(["compress", str(tmp_path / "t.csv"), *own, *common], standalone_mode=False)
    app(["show", str(tmp_path / "net.mdl"), "--test", str(tmp_path / "t.csv"), *common], standalone_mode=False)
    with pytest.raises(MdlError, match="Name it with `target`"):
        app(["show", str(tmp_path / "net.mdl"), "--test", str(tmp_path / "t.csv")], standalone_mode=False)
