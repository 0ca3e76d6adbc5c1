"""Limits on compressibility (Zhou et al. 2019, section 6): nets that memorise random labels can't be made small."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mdlcode import bounds
from mdlcode.certify.certificate import certify
from mdlcode.certify.errors import count_errors
from mdlcode.certify.hypothesis import sent
from mdlcode.codes.two_part import TwoPart
from mdlcode.config import shifted_seeds
from mdlcode.data.base import Data
from mdlcode.data.view import View
from mdlcode.errors import MdlError

NOISES = (0.0, 0.3, 0.5, 0.7, 1.0)


@dataclass(frozen=True)
class Limit:
    """One net on labels of which the share `label_noise` was redrawn: its size beside the least entropy.

    `test_error` is that on new labels with the same noise. `least_bits` is n g of Theorem C.1, which no code
    of such nets goes below on average over training sets; `code_bits` is the size of this net's message.
    """

    label_noise: float
    seed: int
    n: int
    train_error: float
    test_error: float
    code_bits: float
    least_bits: float
    bound: float


def limits(data: Data, code: TwoPart, noises: Sequence[float] = NOISES, seeds: Sequence[int] = (0,)) -> Iterator[Limit]:
    """One `Limit` for each seed and noise, as soon as it is known.

    `data` needs a test set, whose labels are clean: with noise rho and K classes a net that misses the share
    e of them misses (1 - rho) e + rho (K - 1) / K of noisy ones. Raises MdlError for data without one.
    """
    if data.test_inputs is None or data.test_labels is None:
        raise MdlError("limits on compressibility need test errors: give data with a test set")
    classes = data.shared.num_classes
    for seed in seeds:
        for noise in noises:
            noisy = View(label_noise=noise, order_seed=seed).of(data)
            seeded = shifted_seeds(code, seed)
            learned = sent(seeded, seeded.encode(noisy), noisy.shared)
            missed = count_errors(learned.predictor, data.test_inputs, data.test_labels) / len(data.test_labels)
            made = certify(learned, noisy)
            test_error = (1 - noise) * missed + noise * (classes - 1) / classes
            yield Limit(
                label_noise=noise,
                seed=seed,
                n=made.n,
                train_error=made.risk,
                test_error=test_error,
                code_bits=made.total_bits,
                least_bits=float(bounds.least_entropy_bits(made.n, made.risk, test_error)),
                bound=made.tightest.value,
            )
