"""A user's own weights: read from a file without unpickling, and put into a net."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mdlcode.errors import MdlError

# What torch.load and np.load raise on files of another kind.
_UNREADABLE = (OSError, EOFError, TypeError, ValueError, RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """A user's tensors by name, from a state dict (.pt, .pth) or a .npz of plain arrays; nothing is unpickled.

    Raises MdlError for a file of another kind, or one that can't be read.
    """
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MdlError(f"weights {path} can't be read as plain tensors: {line}") from None
    if not isinstance(loaded, Mapping) or not all(isinstance(each, Tensor) for each in loaded.values()):
        raise MdlError(f"weights {path} hold no state dict: write them with torch.save(net.state_dict(), ...)")
    return dict(loaded)


def load_weights(net: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Fills a net with a user's tensors, by name, or in order where the names differ but all shapes agree.

    Raises MdlError for tensors that are not of the net, or not real numbers.
    """
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() and not name.endswith("num_batches_tracked"):
            raise MdlError(f"'{name}' of the file is {tensor.dtype}: only real parameters and buffers have a code")
    own = net.state_dict()
    named = dict(tensors) if tensors.keys() == own.keys() else dict(zip(own, tensors.values(), strict=False))
    if len(tensors) != len(own) or any(named[name].shape != own[name].shape for name in own):
        theirs = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())
        ours = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in own.items())
        raise MdlError(f"the file's tensors do not fit the net: it has {theirs or 'none'}; the net needs {ours}")
    net.load_state_dict(named)
