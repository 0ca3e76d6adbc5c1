"""The expected length's upper limit holds as often as it says, also where the KL is a mean over draws."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.polynomial.hermite_e import hermegauss

from mdlcode.bayes import ExpectedLength, Layout
from mdlcode.bayes.expected import label_bits
from mdlcode.bayes.posterior import Sampled
from mdlcode.data import Shared
from mdlcode.learn import Predictor
from mdlcode.typing import FloatArray

RUNS, KEPT, CONFIDENCE, WEIGHTS = 500, 16, 0.95, 1000
TOSSES = np.array([1, 1, 1, 0])  # of each coin
LABELS = np.tile(TOSSES, WEIGHTS)
SHARED = Shared(torch.zeros(len(LABELS), 1), 2)
LAYOUT = Layout(("w",), ((WEIGHTS,),))
# How often a limit that holds with probability 0.95 may be seen to fail in so many runs, at three deviations.
FEWEST = CONFIDENCE - 3 * math.sqrt(CONFIDENCE * (1 - CONFIDENCE) / RUNS)


@dataclass(frozen=True)
class Coins:
    """P(label 1) = 1 / (1 + e^-w) for each coin, under the prior w ~ N(0, 1) and the posterior N(mean, sd^2)."""

    mean: float
    sd: float

    def log_ratio_bits(self, w: FloatArray) -> FloatArray:
        nats: FloatArray = w**2 / 2 - ((w - self.mean) / self.sd) ** 2 / 2 - math.log(self.sd)
        return nats / math.log(2)

    def total_bits(self) -> float:
        """KL and expected label bits of all coins, by quadrature."""
        nodes, weights = hermegauss(64)
        w = self.mean + self.sd * nodes
        bits = [label_bits(rows(np.array([each])), TOSSES) for each in w]
        return WEIGHTS * float(weights @ (self.log_ratio_bits(w) + bits) / weights.sum())


def rows(w: FloatArray) -> FloatArray:
    """Probabilities of all tosses of coins with these weights."""
    one = np.repeat(1 / (1 + np.exp(-w)), len(TOSSES))
    return np.stack([1 - one, one], axis=1)


@dataclass(frozen=True)
class Inferred:
    """What `ExpectedLength.of` asks of a predictor, with draws kept as those of a full or flow guide are."""

    posterior: Sampled

    @classmethod
    def drawn(cls, coins: Coins, random: np.random.Generator) -> "Inferred":
        w = random.normal(coins.mean, coins.sd, (KEPT, WEIGHTS))
        return cls(Sampled(LAYOUT, w, coins.log_ratio_bits(w).sum(axis=1), 0.0))

    def weights(self, draws: int) -> list[FloatArray]:
        return self.posterior.draws(draws, 0)

    def one(self, weights: FloatArray) -> "Net":
        return Net(weights)


@dataclass(frozen=True, eq=False)
class Net(Predictor):
    """The coins with one draw of the weights."""

    drawn: FloatArray

    def predict(self, inputs: torch.Tensor) -> FloatArray:
        return rows(self.drawn)


def over_all_draws(made: Inferred, length: ExpectedLength) -> ExpectedLength:
    """The mutant: the KL over all draws that are kept, its noise over those whose labels were counted."""
    return replace(length, kl_bits_by_tensor={"all weights": float(made.posterior.log_ratio_bits.mean())})


# Nearly the posterior (label bits and log q/p cancel), too narrow, too wide, too far.
COINS = [Coins(0.5, 0.72), Coins(0.5, 0.2), Coins(0.5, 1.0), Coins(-1.0, 0.6)]


@pytest.mark.parametrize("coins", COINS)
@pytest.mark.parametrize("draws", [2, 4])
def test_the_upper_limit_covers_with_a_sampled_kl(coins: Coins, draws: int) -> None:
    random, truth = np.random.default_rng(draws), coins.total_bits()
    made = [ExpectedLength.of(Inferred.drawn(coins, random), SHARED, LABELS, draws) for _ in range(RUNS)]  # type: ignore[arg-type]
    assert np.mean([each.upper_bits >= truth for each in made]) >= FEWEST


def test_a_kl_over_other_draws_does_not_cover() -> None:
    random, truth = np.random.default_rng(0), COINS[0].total_bits()
    made = [Inferred.drawn(COINS[0], random) for _ in range(RUNS)]
    lengths = [over_all_draws(each, ExpectedLength.of(each, SHARED, LABELS, 4)) for each in made]  # type: ignore[arg-type]
    assert np.mean([each.upper_bits >= truth for each in lengths]) < 0.75
