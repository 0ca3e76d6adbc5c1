"""Bounds on risk from (errors, n, bits or nats, delta): numbers in, numbers out, no torch.

Scalars give a float, arrays broadcast and give arrays. Code lengths are given in bits (`code_bits`), divergences in
nats (`kl_nats`); delta is the failure probability; KL is KL(posterior || prior). Bounds that are inverses of a tail
or of a divergence are rounded up and are at most 1. The others are returned as they are, above 1 where they are
vacuous. Bad input raises MdlError.

>>> from mdlcode import bounds
>>> round(bounds.exact_binomial(errors=470, n=60_000, code_bits=33_174, delta=0.05), 4)
0.3456
>>> round(bounds.maurer(risk=0.028, n=55_000, kl_nats=5144, delta=0.035), 5)
0.16065
"""

from mdlcode.bounds.binomial import binomial_inverse
from mdlcode.bounds.catoni_bounds import catoni, catoni_uniform
from mdlcode.bounds.inverse import binary_kl, kl_inverse, kl_inverse_lower, kl_inverse_slopes
from mdlcode.bounds.limits import least_entropy_bits, overfitting_bits
from mdlcode.bounds.losses import bounded_loss, smoothed_log_loss_bits, smoothed_range_bits, top_k_errors
from mdlcode.bounds.noise import (
    NoisyWeights,
    PaidScale,
    best_prior_scale,
    countable_grid_nats,
    gaussian_kl_nats,
    mixture_kl_nats,
)
from mdlcode.bounds.occam import (
    UNIFORM_LENGTH_PRIOR_BITS,
    chernoff_kl,
    empirical_bernstein,
    error_variance,
    exact_binomial,
    held_out,
    hoeffding,
    length_prior_bits,
    occam_kl_nats,
    unseen_size,
)
from mdlcode.bounds.pac_bayes import (
    best_lambda,
    maurer,
    mcallester,
    mcallester_1999,
    mcallester_2003,
    one_draw,
    quadratic,
    thiemann,
    tolstikhin_seldin,
)
from mdlcode.bounds.report import Bound, draw_bounds, occam_bounds, side_by_side, stochastic_bounds
from mdlcode.bounds.stochastic import certificate, sample_convergence, subsampled

__all__ = [
    "UNIFORM_LENGTH_PRIOR_BITS",
    "Bound",
    "NoisyWeights",
    "PaidScale",
    "best_lambda",
    "best_prior_scale",
    "binary_kl",
    "binomial_inverse",
    "bounded_loss",
    "catoni",
    "catoni_uniform",
    "certificate",
    "chernoff_kl",
    "countable_grid_nats",
    "draw_bounds",
    "empirical_bernstein",
    "error_variance",
    "exact_binomial",
    "gaussian_kl_nats",
    "held_out",
    "hoeffding",
    "kl_inverse",
    "kl_inverse_lower",
    "kl_inverse_slopes",
    "least_entropy_bits",
    "length_prior_bits",
    "maurer",
    "mcallester",
    "mcallester_1999",
    "mcallester_2003",
    "mixture_kl_nats",
    "occam_bounds",
    "occam_kl_nats",
    "one_draw",
    "overfitting_bits",
    "quadratic",
    "sample_convergence",
    "side_by_side",
    "smoothed_log_loss_bits",
    "smoothed_range_bits",
    "stochastic_bounds",
    "subsampled",
    "thiemann",
    "tolstikhin_seldin",
    "top_k_errors",
    "unseen_size",
]
