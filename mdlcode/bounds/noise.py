"""Noise robustness (Zhou et al. 2019, Theorem 4.3): the nats that noise on quantised weights gains back.

The posterior puts N(w_i, s^2) on each of the k non-zero weights w_i, which are entries of a codebook of r values c_j.
The prior of such a weight is the sum of N(c_j, t^2) over the codebook. The sum is not divided by r, because the
message already pays k log2 r bits for saying which values the weights have:
KL(Q || P) <= message bits ln 2 + sum_i KL(N(w_i, s^2) || sum_j N(c_j, t^2)),
and the sum is negative where the noise saves bits. One object, `NoisyWeights`, holds s, so that the KL and the random
draws belong to the same posterior.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from mdlcode.bounds.numbers import Array, Numbers, plain, positive, reals, require, sizes
from mdlcode.errors import MdlError

# The trapezoidal rule under a Gaussian: its error falls exponentially with the nodes, and faster than that
# of Gauss-Hermite nodes where the prior is narrower than the noise.
NODES = np.linspace(-8.5, 8.5, 513)
NODE_WEIGHTS = np.exp(-0.5 * NODES**2) / np.sum(np.exp(-0.5 * NODES**2))


def mixture_kl_nats(
    means: npt.ArrayLike,
    noise_sd: float,
    codebook: npt.ArrayLike,
    prior_sd: float,
    mixture: npt.ArrayLike = 1.0,
) -> Array:
    """KL(N(mean, s^2) || sum_j m_j N(c_j, t^2)) in nats for each mean; negative where the noise gains.

    means (k,), codebook (r,), mixture weights m (r,) or 1 for all (the values are paid as log2 r bits each;
    with entropy-coded values give the code's probabilities and do not count the value bits), both sds above
    0, else MdlError. The quadrature is good to 1e-7 nats from t = s / 4 up, to rounding from t = s / 2.
    -ln(s sqrt(2 pi e)) - E ln sum_j m_j N(x; c_j, t^2), x ~ N(mean, s^2) (Zhou et al. 2019, Theorem 4.3).

    >>> mixture_kl_nats([0.0], 1.0, [0.0], 2.0).round(6)
    array([0.318147])
    """
    centres, entries, s, t = reals(means, "means"), reals(codebook, "codebook"), *_scales(noise_sd, prior_sd)
    log_weights = np.log(np.broadcast_to(positive(mixture, "mixture"), entries.shape))

    def expected_log(centre: float) -> float:
        points = centre + s * NODES[:, None]  # (nodes, 1)
        return float(NODE_WEIGHTS @ logsumexp(log_weights - 0.5 * ((points - entries) / t) ** 2, axis=1))

    return np.asarray([np.log(t / s) - 0.5 - expected_log(float(centre)) for centre in centres])


@dataclass(frozen=True, eq=False)
class NoisyWeights:
    """The posterior N(w, s^2) on the non-zero weights of one tensor: its KL and its draws.

    weights (k,), each of them an entry of codebook (r,); noise_sd above 0; else MdlError.

    >>> posterior = NoisyWeights(np.array([1.0, -1.0, 1.0]), np.array([-1.0, 1.0]), noise_sd=1.0)
    >>> round(posterior.kl_nats(prior_sd=1.0), 4)  # half of the 3 bits of signs is gained back
    -1.0689
    >>> posterior.draw(np.random.default_rng(0)).shape
    (3,)
    """

    weights: Array
    codebook: Array
    noise_sd: float

    def __post_init__(self) -> None:
        """Raises MdlError for a weight that the codebook does not hold, or a scale that is not above 0."""
        inside = np.isin(reals(self.weights, "weights"), reals(self.codebook, "codebook"))
        require(inside, self.weights, "weights", "must be entries of the codebook: give the decoded ones")
        positive(self.noise_sd, "noise_sd")

    def kl_nats(self, prior_sd: float) -> float:
        """The sum in Theorem 4.3, in nats: added to the message's nats it bounds KL(posterior || prior)."""
        means, repeats = np.unique(self.weights, return_counts=True)
        return float(repeats @ mixture_kl_nats(means, self.noise_sd, self.codebook, prior_sd))

    def draw(self, rng: np.random.Generator) -> Array:
        """One set of weights from the posterior, (k,): what the evaluated error must be measured with."""
        return np.asarray(rng.normal(self.weights, self.noise_sd), dtype=np.float64)


@dataclass(frozen=True)
class PaidScale:
    """A prior scale chosen from a grid, and the KL term with ln(grid size) nats for the choice included."""

    prior_sd: float
    kl_nats: float


def best_prior_scale(posterior: NoisyWeights, grid: npt.ArrayLike) -> PaidScale:
    """The prior scale of the grid with the least KL term, its index paid for with ln J nats.

    grid (J,) of sds above 0, fixed before the data or computed from what is already in the message (such as
    the codebook's step), else MdlError. One choice for each tensor costs ln J each (a union over the grid).

    >>> posterior = NoisyWeights(np.array([1.0]), np.array([1.0]), noise_sd=1.0)
    >>> paid = best_prior_scale(posterior, [0.5, 1.0, 2.0])
    >>> paid.prior_sd, round(paid.kl_nats, 4)
    (1.0, 1.0986)
    """
    scales = positive(grid, "grid")
    if scales.ndim != 1 or scales.size == 0:
        raise MdlError(f"grid must be a list of one or more prior scales, got shape {scales.shape}")
    terms = [posterior.kl_nats(float(scale)) for scale in scales]
    best = int(np.argmin(terms))
    return PaidScale(float(scales[best]), terms[best] + float(np.log(scales.size)))


def countable_grid_nats(index: npt.ArrayLike) -> Numbers:
    """The nats of choosing point j = 1, 2, ... of an endless grid of scales, 2 ln j + ln(pi^2 / 6).

    Any shape, whole j >= 1, else MdlError. Minus the log of the prior 6 / (pi j)^2, which sums to 1
    (Dziugaite and Roy 2017, with the scale c e^(-j / b)).

    >>> round(countable_grid_nats(1), 4)
    0.4977
    """
    return plain(2 * np.log(sizes(index, "index")) + np.log(np.pi**2 / 6))


def gaussian_kl_nats(
    mean: npt.ArrayLike, sd: npt.ArrayLike, prior_mean: npt.ArrayLike, prior_sd: npt.ArrayLike
) -> float:
    """KL(N(mean, sd^2) || N(prior_mean, prior_sd^2)) in nats, summed over independent coordinates.

    Shapes broadcast; sds above 0, else MdlError.
    sum_i ln(t_i / s_i) + (s_i^2 + (w_i - v_i)^2) / (2 t_i^2) - 1/2.

    >>> gaussian_kl_nats([1.0, 0.0], 1.0, 0.0, 1.0)
    0.5
    """
    shift = reals(mean, "mean") - reals(prior_mean, "prior_mean")
    s, t = positive(sd, "sd"), positive(prior_sd, "prior_sd")
    return float(np.sum(np.log(t / s) + (s**2 + shift**2) / (2 * t**2) - 0.5))


def _scales(noise_sd: float, prior_sd: float) -> tuple[Array, Array]:
    return positive(noise_sd, "noise_sd"), positive(prior_sd, "prior_sd")
