"""Limits on compressibility (Zhou et al. 2019, section 6): nets that overfit have, on average, no short code."""

import numpy as np
import numpy.typing as npt

from mdlcode.bounds.inverse import binary_kl
from mdlcode.bounds.numbers import Numbers, plain, risks, sizes
from mdlcode.bounds.occam import LN2


def overfitting_bits(train_error: npt.ArrayLike, test_error: npt.ArrayLike) -> Numbers:
    """g in bits per example: the Jensen-Shannon divergence of the two error rates, in [0, 1].

    Shapes broadcast; error rates in [0, 1], expected over training sets, else MdlError.
    g = 1 - l h(p) - (1 - l) h(q), l the mean of the two rates, p and q the posteriors of "was in the training
    set" after an error and after none, h the entropy of a coin (Theorem C.1; its proof's last line has the
    sign of the third term wrong). Computed as (kl(train || l) + kl(test || l)) / 2, what one loss tells of
    that coin.

    >>> overfitting_bits(0.0, 1.0), overfitting_bits(0.3, 0.3)
    (1.0, 0.0)
    """
    train, test = np.broadcast_arrays(risks(train_error), risks(test_error))
    middle = (train + test) / 2
    return plain(np.asarray(binary_kl(train, middle) + np.asarray(binary_kl(test, middle))) / (2 * LN2))


def least_entropy_bits(n: npt.ArrayLike, train_error: npt.ArrayLike, test_error: npt.ArrayLike) -> Numbers:
    """The least entropy in bits, n g, of a classifier learnt from n examples with these expected error rates.

    Shapes broadcast; n >= 1, error rates in [0, 1], else MdlError.
    H(h) >= n g (Theorem C.1), for a learner that ignores the order of its examples and discrete inputs and
    hypotheses. No prefix-free code is shorter than this on average over training sets; one net may be.

    >>> round(least_entropy_bits(50_000, 0.0, 0.9))
    37914
    """
    return plain(sizes(n) * np.asarray(overfitting_bits(train_error, test_error)))
