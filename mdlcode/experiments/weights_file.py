"""A user's weights: read from a file without unpickling, and bounded under the weight code that serves best."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from torch import Tensor

from mdlcode.data.base import Data
from mdlcode.errors import MdlError
from mdlcode.experiments.certificate import Certificate, certify, tightest
from mdlcode.experiments.hypothesis import from_state
from mdlcode.weights import AsTrained, Float16, Float32, Grid, KMeans, Quantised, WeightCode

NAMED: dict[str, WeightCode] = {
    "as-trained": Quantised(AsTrained(), units="sorted"),
    "k-means": Quantised(KMeans(16), units="sorted"),
    "grid": Quantised(Grid(15), units="sorted"),
    "float16": Float16(),
    "float32": Float32(),
}


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors in a `.npz` of plain arrays or a `.pt` of a state dict, by name in their order, as float32.

    Raises MdlError for a file that is neither, is damaged, or holds objects that only unpickling could make.
    """
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                found = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, ValueError, EOFError, RuntimeError, TypeError, UnpicklingError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or "it holds more than plain tensors, or is damaged"
        raise MdlError(f"weights {path} can't be read: {reason}; give a .npz of arrays or a .pt state dict") from None
    if not isinstance(found, Mapping) or not found or not all(isinstance(each, Tensor) for each in found.values()):
        raise MdlError(f"weights {path} hold no plain tensors by name: save net.state_dict(), not the net")
    return {str(name): value if value.dtype == torch.int64 else value.float() for name, value in found.items()}


def certify_state(
    state: Mapping[str, Tensor],
    arch: str,
    codes: Sequence[WeightCode],
    data: Data,
    delta: float = 0.05,
    candidates: int = 1,
) -> Certificate:
    """The tightest certificate of these weights among several weight codes, log2 of their number paid.

    Codes that can't send these weights drop out (they still count); raises the last one's MdlError where all
    do, and MdlError as `certify` does.
    """
    found, problem = [], MdlError("no weight code was named")
    for code in codes:
        try:
            hypothesis = from_state(state, arch, code, data.shared)
        except MdlError as error:
            problem = error
            continue
        found.append(certify(hypothesis, data, delta, candidates * len(codes)))
    if not found:
        raise problem
    return tightest(found)
