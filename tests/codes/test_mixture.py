import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdlcode.codes import Bayes, FixedShare, Prequential, Switch
from mdlcode.codes.mixture import Weights
from mdlcode.codes.schedule import Listed
from mdlcode.data import Data, load
from mdlcode.learn import FrequencyLearner
from mdlcode.typing import FloatArray


def mixture_bits(rule: Switch | Bayes | FixedShare, likelihood: FloatArray) -> float:  # (n, M)
    num_experts = likelihood.shape[1]
    weights = Weights(rule, np.full((1, num_experts), 1 / num_experts))
    bits = 0.0
    for row in likelihood:
        bits -= math.log2(float(weights.now[0] @ row))
        weights.learn(row[None])
    return bits


def brute_force_probability(theta: float, likelihood: FloatArray) -> float:
    """The sum over all expert sequences under the switch distribution's prior, by enumeration.

    A run either stays for good (1 - theta, at its start) or may switch, after n labels with hazard 1/(n+1).
    """
    n, num_experts = likelihood.shape

    def runs(start: int, paid: float) -> float:
        total = 0.0
        for k in range(num_experts):
            stay = float(np.prod(likelihood[start:, k]))
            total += paid / num_experts * (1 - theta) * stay
            alive = paid / num_experts * theta
            for end in range(start + 1, n + 1):
                alive *= likelihood[end - 1, k]
                if end == n:
                    total += alive
                else:
                    total += runs(end, alive / (end + 1))
                    alive *= 1 - 1 / (end + 1)
        return total

    return runs(0, 1.0)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), theta=st.floats(0.05, 0.95), num_experts=st.integers(1, 3))
def test_switch_recursion_is_the_sum_over_all_expert_sequences(seed: int, theta: float, num_experts: int) -> None:
    likelihood = np.random.default_rng(seed).random((6, num_experts)) + 0.01
    expected = -math.log2(brute_force_probability(theta, likelihood))
    assert mixture_bits(Switch(theta=theta), likelihood) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), theta=st.floats(0.05, 0.95), num_experts=st.integers(1, 4))
def test_switch_regret_is_at_most_what_it_states(seed: int, theta: float, num_experts: int) -> None:
    """Against every division of 12 labels into at most three segments, each with its best expert."""
    likelihood = np.random.default_rng(seed).random((12, num_experts)) ** 4 + 1e-3
    rule = Switch(theta=theta)
    spent = mixture_bits(rule, likelihood)
    costs = -np.log2(likelihood)
    for count in (0, 1, 2):
        for switches in itertools.combinations(range(1, 12), count):
            edges = [0, *switches, 12]
            best = sum(costs[a:b].sum(axis=0).min() for a, b in itertools.pairwise(edges))
            assert spent <= best + rule.regret_bits(num_experts, 12, switches) + 1e-9


def test_bayes_mixture_is_within_log2_m_of_the_best_expert() -> None:
    likelihood = np.random.default_rng(0).random((200, 5)) + 0.01
    evidence = -math.log2(float(np.exp(np.log(likelihood).sum(axis=0)).mean()))
    assert mixture_bits(Bayes(), likelihood) == pytest.approx(evidence, abs=1e-6)
    assert mixture_bits(Bayes(), likelihood) <= float(-np.log2(likelihood).sum(axis=0).min()) + math.log2(5)


def test_fixed_share_follows_a_change_that_bayes_does_not() -> None:
    likelihood = np.array([[0.9, 0.1]] * 100 + [[0.1, 0.9]] * 100)
    assert mixture_bits(FixedShare(), likelihood) < mixture_bits(Bayes(), likelihood) / 2
    assert mixture_bits(Switch(), likelihood) < mixture_bits(Bayes(), likelihood) / 2


def test_dropped_experts_leave_their_weight_to_the_others() -> None:
    weights = Weights(Switch(), np.full((1, 3), 1 / 3))
    weights.learn(np.array([[0.2, 0.7, 0.1]]))
    kept = weights.now[0, [0, 2]]
    weights.drop(np.array([[False, True, False]]))
    assert weights.now[0, 1] == 0.0
    assert weights.now[0, [0, 2]] == pytest.approx(kept / kept.sum())
    weights.learn(np.array([[0.5, 0.5, 0.5]]))
    assert weights.now[0, 1] == 0.0
    assert weights.now.sum() == pytest.approx(1.0)


def test_class_frequencies_label_by_label_are_the_dirichlet_evidence() -> None:
    """-log2 of G(K/2)/G(n+K/2) prod_k G(c_k+1/2)/G(1/2), but for the smoothing's 2e-5 bits a label."""
    data = load("digits")
    some = Data("some", type(data.shared)(data.shared.inputs[:60], 10), data.labels[:60] % 3)
    code = Prequential((FrequencyLearner(),), schedule=Listed(tuple(range(1, 60))))
    counts = np.bincount(some.labels, minlength=10)
    log_gamma = math.lgamma
    nats = log_gamma(65) - log_gamma(5) - sum(log_gamma(c + 0.5) - log_gamma(0.5) for c in counts)
    assert code.codelength(some).total_bits == pytest.approx(nats / math.log(2), abs=0.01)
