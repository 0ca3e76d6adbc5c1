"""A user's weights, bounded under the weight code that serves best."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from mdlcode.certify.certificate import Certificate, certify, tightest
from mdlcode.certify.hypothesis import from_tensors
from mdlcode.data.base import Data
from mdlcode.errors import MdlError
from mdlcode.weights import WeightCode


def certify_tensors(
    tensors: Mapping[str, Tensor],
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
            hypothesis = from_tensors(tensors, arch, code, data.shared)
        except MdlError as error:
            problem = error
            continue
        found.append(certify(hypothesis, data, delta, candidates * len(codes)))
    if not found:
        raise problem
    return tightest(found)
