"""Published and derived values: how far the bounds are apart, and what others' numbers were made of."""

import numpy as np
import pytest
from scipy.special import entr, gammaln

from mdlcode import bounds

LN2 = np.log(2)
KIB = 8192 * LN2  # nats
IMAGENET, MNIST, DELTA = 1_281_167, 60_000, 0.05


@pytest.mark.parametrize(
    ("q", "c", "inverse", "quadratic", "relaxed", "pinsker"),
    [
        (0, 0.001, 0.0009995002, 0.002000, 0.002000, 0.022361),
        (1e-4, 1e-4, 0.0003145856, 0.000373, 0.000441, 0.007171),
        (0.01, 0.002, 0.0176540721, 0.018633, 0.020325, 0.041623),
        (0.02, 0.05, 0.0985721677, 0.137082, 0.164721, 0.178114),
        (0.3, 0.2, 0.6126327240, 0.900000, 1.046410, 0.616228),
        (0.5, 0.5, 0.8975300488, 1.866025, 2.207107, 1.000000),
    ],
)
def test_gaps_at_one_complexity(
    q: float, c: float, inverse: float, quadratic: float, relaxed: float, pinsker: float
) -> None:
    n = 10**6
    given = (q, n, n * c - np.log(2 * np.sqrt(n) / DELTA), DELTA)  # the K at which c is the complexity
    assert bounds.kl_inverse(q, c) == pytest.approx(inverse, abs=6e-11)
    assert bounds.maurer(*given) == pytest.approx(inverse, abs=6e-11)
    assert bounds.quadratic(*given) == pytest.approx(quadratic, abs=6e-7)
    assert bounds.thiemann(*given, bounds.best_lambda(*given)) == pytest.approx(quadratic, abs=6e-7)
    assert bounds.tolstikhin_seldin(*given) == pytest.approx(relaxed, abs=6e-7)
    assert bounds.mcallester(*given) == pytest.approx(pinsker, abs=6e-7)


@pytest.mark.parametrize(
    ("n", "k", "bits", "binomial", "chernoff", "maurer", "hoeffding"),
    [
        (60_000, 470, 33_174, 0.345584, 0.345629, 0.345698, 0.445607),
        (60_000, 1_200, 8_860, 0.153089, 0.153160, 0.153260, 0.246279),
        (60_000, 300, 1_000, 0.024249, 0.024322, 0.024449, 0.081166),
        (50_000, 16_080, 8_260, 0.559081, 0.559187, 0.559313, 0.560941),
        (1_000, 10, 100, 0.099000, 0.100978, 0.105098, 0.200145),
        (1_000, 0, 100, 0.069758, 0.069758, 0.073608, 0.190145),
        (10_000, 100, 0, 0.011797, 0.012635, 0.014610, 0.022239),
    ],
)
def test_gaps_on_decoded_nets(
    n: int, k: int, bits: int, binomial: float, chernoff: float, maurer: float, hoeffding: float
) -> None:
    assert bounds.exact_binomial(k, n, bits, DELTA) == pytest.approx(binomial, abs=6e-7)
    assert bounds.chernoff_kl(k / n, n, bits, DELTA) == pytest.approx(chernoff, abs=6e-7)
    assert bounds.maurer(k / n, n, bits * LN2, DELTA) == pytest.approx(maurer, abs=6e-7)
    assert bounds.hoeffding(k / n, n, bits, DELTA) == pytest.approx(hoeffding, abs=6e-7)


@pytest.mark.parametrize(("k", "percent"), [(80, 0.963), (100, 1.180), (150, 1.716), (231, 2.573)])
def test_test_set_baselines(k: int, percent: float) -> None:
    assert 100 * bounds.held_out(k, 10_000, DELTA) == pytest.approx(percent, abs=6e-4)


@pytest.mark.parametrize(
    ("kl_nats", "q", "n", "catoni", "maurer"),
    [
        (45_564.72, 0.015, MNIST, 0.5691, 0.5690),  # LeNet-5 as written, 8,217 B
        (34_931.97, 0.015, MNIST, 0.4829, 0.4827),  # the code's default scale, smoothed: 48.3 %
        (32_129.83, 0.015, MNIST, 0.4574, 0.4572),  # and with the symmetry term: the paper's "< 46 %"
        (37_173.12, 0.015, MNIST, 0.5025, 0.5023),
        (34_370.98, 0.015, MNIST, 0.4779, 0.4777),
        (350 * KIB, 0.35, IMAGENET, 0.9654, 0.9654),  # MobileNet, top-1
        (350 * KIB, 0.13, IMAGENET, 0.8903, 0.8903),  # top-5
        (452 * KIB, 0.35, IMAGENET, 0.9829, 0.9829),
        (452 * KIB, 0.13, IMAGENET, 0.9352, 0.9352),
        (0.47 * 1024 * KIB, 0.35, IMAGENET, 0.9860, 0.9860),  # SqueezeNet, if its train error is 35 %
        (0.47 * 1024 * KIB, 0.425, IMAGENET, 0.9925, 0.9925),
        (30 * KIB, 0.10, IMAGENET, 0.3171, 0.3170),  # the remark in the discussion
    ],
)
def test_zhou_et_al(kl_nats: float, q: float, n: int, catoni: float, maurer: float) -> None:
    assert bounds.catoni(q, n, kl_nats, DELTA) == pytest.approx(catoni, abs=6e-5)
    assert bounds.maurer(q, n, kl_nats, DELTA) == pytest.approx(maurer, abs=6e-5)


def test_zhou_percentages() -> None:
    """45.7, 48.3 and 56.9 % from (nats, train error 1.5 %); their 72-bit length prior would add 50 nats."""
    percent = [round(100 * float(bounds.catoni(0.015, MNIST, k, DELTA)), 1) for k in (32_129.83, 34_931.97, 45_564.72)]
    assert percent == [45.7, 48.3, 56.9]
    with_lengths = bounds.occam_kl_nats(8217 * 8, bounds.UNIFORM_LENGTH_PRIOR_BITS)
    assert with_lengths - 45_564.72 == pytest.approx(72 * LN2, abs=0.02)


def test_dziugaite_and_roy() -> None:
    """T-600 on binary MNIST: 0.161 from (0.028, 5,144 nats), whichever way their 0.035 is split."""
    assert bounds.maurer(0.028, 55_000, 5144, 0.035) == pytest.approx(0.16065, abs=6e-6)
    assert bounds.maurer(0.028, 55_000, 5144, 0.025) == pytest.approx(0.16065, abs=6e-6)
    assert bounds.mcallester(0.028, 55_000, 5144, 0.035) == pytest.approx(0.24445, abs=6e-6)


@pytest.mark.parametrize(
    ("q", "draws", "bound"),
    [
        (0.0127, 150_000, 0.013664),
        (0.028, 150_000, 0.029409),
        (0.30, 150_000, 0.303861),
        (0.03, 1_000, 0.05097),
        (0.03, 10_000, 0.03589),
    ],
)
def test_sample_convergence(q: float, draws: int, bound: float) -> None:
    assert bounds.sample_convergence(q, draws, 0.01) == pytest.approx(bound, abs=6e-6)


@pytest.mark.parametrize(
    ("bits", "q", "n", "percent"),
    [
        (8_000, 0.01, MNIST, 12.1),
        (4_000, 0.02, MNIST, 9.5),
        (4_000, 0.01, MNIST, 7.5),
        (8_260, 0.322, 50_000, 56.0),
        (8_000, 0.10, 50_000, 29.5),
        (4_140 * 8, 470 / MNIST, MNIST, 34.55),
    ],
)
def test_what_a_length_buys(bits: int, q: float, n: int, percent: float) -> None:
    kl_nats = bounds.occam_kl_nats(bits, bounds.length_prior_bits(bits))
    assert 100 * bounds.maurer(q, n, kl_nats, DELTA) == pytest.approx(percent, abs=0.051)


def test_exponential_moment_of_the_pac_bayes_theorem() -> None:
    """E exp(n kl(k / n || p)) <= 2 sqrt(n) also below n = 8, where Maurer's proof does not reach."""
    for n in (*range(1, 9), 100, 1000):
        k = np.arange(n + 1.0)
        moment = np.sum(np.exp(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) - n * entropy_nats(k / n)))
        assert 1 <= moment <= 2 * np.sqrt(n)


def entropy_nats(q: np.ndarray) -> np.ndarray:
    return np.asarray(entr(q) + entr(1 - q))
