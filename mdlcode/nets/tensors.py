"""A user's own weights: read from a file without unpickling, and put into a net."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mdlcode.errors import MdlError

# Under which checkpoints keep the state dict beside other things.
_WRAPPINGS = ("state_dict", "model_state_dict", "model", "net", "module")
_COUNTER = "num_batches_tracked"


def read_tensors(path: Path) -> dict[str, Tensor]:
    """A user's tensors by name; nothing is unpickled.

    The file is a state dict (.pt, .pth, .ckpt), alone or in a checkpoint under "state_dict" or "model", a
    .safetensors file, or a .npz of plain arrays. Raises MdlError for a file of another kind, one that can't be read,
    and tensors without values of their own.
    """
    tensors = _read(path)
    for name, tensor in tensors.items():
        if tensor.is_meta:
            raise MdlError(f"'{name}' of weights {path} is a meta tensor, which holds no values: save the net itself")
        if tensor.layout != torch.strided or tensor.is_quantized:
            raise MdlError(f"'{name}' of weights {path} is no plain dense tensor: save it as one (`to_dense`)")
    return tensors


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return _read_safetensors(path)
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sparse tensors, which are refused below
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        why = error.strerror or "is the file damaged?"
        raise MdlError(f"weights {path} can't be read as plain tensors: {why}") from None
    except MdlError:
        raise
    except Exception:  # a damaged file may raise anything, and torch's words advise to open it unsafely
        kind = "of plain arrays" if path.suffix == ".npz" else "of tensors alone"
        raise MdlError(
            f"weights {path} can't be read as plain tensors: the file is damaged, or none {kind} (objects of Python are"
            " not opened): write net.state_dict() with torch.save"
        ) from None
    return _unwrapped(loaded, path)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise MdlError(".safetensors files need a library: pip install 'mdlcode[safetensors]'") from None
    try:
        return dict(load_file(path))
    except SafetensorError:
        raise MdlError(
            f"weights {path} can't be read as plain tensors: the file is damaged, or no .safetensors file"
        ) from None


def _unwrapped(loaded: Any, path: Path) -> dict[str, Tensor]:
    """The state dict in what a file holds."""
    while isinstance(loaded, Mapping) and not _is_state_dict(loaded):
        inner = next((loaded[key] for key in _WRAPPINGS if isinstance(loaded.get(key), Mapping)), None)
        if inner is None:
            break
        loaded = inner
    if not isinstance(loaded, Mapping) or not _is_state_dict(loaded):
        raise MdlError(f"weights {path} hold no state dict: write them with torch.save(net.state_dict(), ...)")
    return dict(loaded)


def _is_state_dict(loaded: Mapping[Any, Any]) -> bool:
    return bool(loaded) and all(isinstance(each, Tensor) for each in loaded.values())


def load_weights(net: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Fills a net with a user's tensors, by name, or in order where the names differ but all shapes agree.

    The names may stand behind a prefix, such as "module." or "model."; then tensors without it are passed over.
    Raises MdlError for tensors that are not of the net, or not real numbers.
    """
    own = net.state_dict()
    named = _under_prefix(tensors, own) or dict(zip(own, tensors.values(), strict=False))
    if len(named) != len(own) or any(named[name].shape != own[name].shape for name in own):
        raise MdlError(
            f"the file's tensors do not fit the net: it has {_listed(tensors)}; the net needs {_listed(own)}"
        )
    taken = {id(each) for each in named.values()}
    for name, tensor in tensors.items():
        if id(tensor) in taken and not tensor.is_floating_point() and not name.endswith(_COUNTER):
            raise MdlError(f"'{name}' of the file is {tensor.dtype}: only real parameters and buffers have a code")
    net.load_state_dict(named)


def _under_prefix(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors by the net's names, where they are those behind one prefix; else none.

    Raises MdlError for several prefixes that serve, as in a checkpoint of a net and its average.
    """
    if tensors.keys() == own.keys():
        return dict(tensors)
    first = next(iter(own), "")
    prefixes = {name.removesuffix(first) for name in tensors if name.endswith(f".{first}")}
    behind = {each: {name.removeprefix(each) for name in tensors if name.startswith(each)} for each in sorted(prefixes)}
    fitting = [each for each, names in behind.items() if names == own.keys()]
    if len(fitting) > 1:
        raise MdlError(f"the file holds the net several times, under {', '.join(fitting)}: keep one")
    return {name: tensors[f"{each}{name}"] for each in fitting for name in own}


def _listed(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items()) or "none"
