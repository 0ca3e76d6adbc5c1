"""Risks that were sampled and not computed: what the sampling costs, in delta and in the bound."""

import numpy as np
import numpy.typing as npt

from mdlcode.bounds.inverse import kl_inverse
from mdlcode.bounds.numbers import Numbers, deltas, nonnegative, plain, require, sizes
from mdlcode.bounds.occam import LN2
from mdlcode.bounds.pac_bayes import maurer


def sample_convergence(mc_risk: npt.ArrayLike, draws: npt.ArrayLike, mc_delta: npt.ArrayLike) -> Numbers:
    """An upper bound on the mean empirical risk of Q, from the mean over independent draws from Q; at most 1.

    Shapes broadcast; mc_risk in [0, 1], draws >= 1, mc_delta in (0, 1), else MdlError.
    kl^-1(mc_risk, ln(2 / mc_delta) / draws), with probability 1 - mc_delta over the draws (Langford and
    Caruana 2002). A draw is one set of weights with all its examples, or one random example with weights of
    its own; examples that share weights count once.

    >>> round(sample_convergence(0.028, 150_000, 0.01), 6)
    0.029409
    """
    return kl_inverse(mc_risk, (np.log(2) - np.log(deltas(mc_delta, "mc_delta"))) / sizes(draws, "draws"))


def certificate(
    mc_risk: npt.ArrayLike,
    draws: npt.ArrayLike,
    n: npt.ArrayLike,
    kl_nats: npt.ArrayLike,
    delta: npt.ArrayLike,
    mc_delta: npt.ArrayLike,
) -> Numbers:
    """Maurer's bound on a net whose empirical risk was sampled; it fails with delta + mc_delta at most.

    Shapes broadcast; mc_risk in [0, 1], draws and n >= 1, kl_nats 0 or more, delta, mc_delta and their sum in
    (0, 1), else MdlError. kl^-1(kl^-1(mc_risk, ln(2 / mc_delta) / draws), c) (Dziugaite and Roy 2017).
    The draws must come from the posterior of which kl_nats was computed.

    >>> round(certificate(0.028, 150_000, 55_000, 5144, 0.025, 0.01), 4)
    0.1633
    """
    total = deltas(delta) + deltas(mc_delta, "mc_delta")
    require(total < 1, total, "delta + mc_delta", "is the failure probability and must be below 1")
    return maurer(sample_convergence(mc_risk, draws, mc_delta), n, kl_nats, delta)


def subsampled(
    sample_risk: npt.ArrayLike,
    sample_size: npt.ArrayLike,
    n: npt.ArrayLike,
    code_bits: npt.ArrayLike,
    delta: npt.ArrayLike,
    loss_range: npt.ArrayLike = 1.0,
) -> Numbers:
    """The Occam bound when only m of the n training examples were evaluated; above the range where vacuous.

    Shapes broadcast; sample_risk any mean of a loss whose values span loss_range, sample_size m >= 1 examples
    drawn at random after training, n >= 1, code_bits 0 or more, delta in (0, 1), else MdlError.
    q + range (sqrt((L ln 2 - ln(r delta)) / (2 n)) + sqrt(-ln((1 - r) delta) / (2 m))), r = m / (m + n): the
    failure probability is split between the two samples (Lotfi et al. 2024).

    >>> round(subsampled(0.1, 10_000, 1_000_000, 5000, 0.05), 5)
    0.15393
    """
    m, size, chance = sizes(sample_size, "sample_size"), sizes(n), deltas(delta)
    share = m / (m + size)
    over_data = (nonnegative(code_bits, "code_bits") * LN2 - np.log(share * chance)) / (2 * size)
    over_sample = -np.log((1 - share) * chance) / (2 * m)
    span = nonnegative(loss_range, "loss_range")
    return plain(nonnegative(sample_risk, "sample_risk") + span * (np.sqrt(over_data) + np.sqrt(over_sample)))
