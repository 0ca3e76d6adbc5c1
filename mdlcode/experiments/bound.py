"""Certificates of what codes learn: of the nets they send, and of what they make of a part of the data."""

from mdlcode.codes.base import Code
from mdlcode.data.base import Data
from mdlcode.errors import MdlError
from mdlcode.experiments.certificate import Certificate, certify, rest
from mdlcode.experiments.hypothesis import from_code, from_prefix


def certify_code(code: Code, data: Data, delta: float = 0.05, candidates: int = 1) -> Certificate:
    """The certificate of the net that the code's message decodes to, learnt from all of the data.

    Raises MdlError for a code that sends no net, and as `certify` does.
    """
    return certify(from_code(code, data), data, delta, candidates)


def certify_prefix(code: Code, data: Data, share: float, delta: float = 0.05, candidates: int = 1) -> Certificate:
    """The certificate of what any code learns from the first `share` of the data, on the rest of them.

    n counts the rest alone; no bit is paid for the predictor, as it was fixed before them. Raises MdlError
    for a share outside (0, 1).

    >>> from mdlcode.codes import Prequential
    >>> from mdlcode.data import load
    >>> from mdlcode.learn import FrequencyLearner
    >>> made = certify_prefix(Prequential((FrequencyLearner(),)), load("digits"), share=0.5)
    >>> made.n, made.total_bits, made.tightest.name
    (899, 0.0, 'exact binomial')
    """
    if not 0 < share < 1:
        raise MdlError(f"--prior {share:g} is a share of the examples: between 0 and 1")
    seen = round(share * len(data))
    unseen = rest(data, seen)  # before anything is trained
    return certify(from_prefix(code, data, seen), unseen, delta, candidates)
