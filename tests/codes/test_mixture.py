import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdlcode.codes import Bayes, FixedShare, Prequential, Switch
from mdlcode.codes.mixture import Weights, sums_of
from mdlcode.codes.schedule import Listed
from mdlcode.data import Data, load
from mdlcode.learn import FrequencyLearner
from mdlcode.typing import FloatArray


def mixture_bits(rule: Switch | Bayes | FixedShare, likelihood: FloatArray) -> float:  # (n, M)
    num_experts = likelihood.shape[1]
    weights = Weights(rule, np.full((1, num_experts), 1 / num_experts)).learn(likelihood.T[None])  # (1, M, n)
    return -float(np.log2((weights[0] * likelihood.T).sum(axis=0)).sum())


def label_by_label(likelihood: FloatArray) -> float:  # (n, M)
    """Bits under the switch distribution, shared after each label as the head of mixture.py has it."""
    num_experts = likelihood.shape[1]
    a = b = np.full(num_experts, 0.5 / num_experts)
    bits = 0.0
    for number, row in enumerate(likelihood, start=1):
        given = float((a + b) @ row)
        bits -= math.log2(given)
        a, b = a * row / given, b * row / given
        pool = a.sum() / (number + 1)
        a, b = a * number / (number + 1) + 0.5 * pool / num_experts, b + 0.5 * pool / num_experts
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


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    cuts=st.lists(st.integers(0, 2000), max_size=5),
    rule=st.sampled_from([Switch(), Bayes(), FixedShare()]),
)
def test_weights_are_the_same_to_the_bit_however_labels_are_cut(
    seed: int, cuts: list[int], rule: Switch | Bayes | FixedShare
) -> None:
    """Alice learns from all at once, Bob from one label at a time; from 512 labels on a run has several."""
    random = np.random.default_rng(seed)
    likelihood = random.random((2, 5, 2000)) ** random.integers(1, 8)
    likelihood[0, 3, random.integers(2000, size=20)] = 0.0
    prior = np.tile([0.1, 0.2, 0.3, 0.4, 0.0], (2, 1))
    at_once, by_piece, one_by_one = (Weights(rule, prior) for _ in range(3))
    whole = at_once.learn(likelihood)
    pieces = [by_piece.learn(each) for each in np.split(likelihood, sorted(cuts), axis=2)]
    assert np.array_equal(whole, np.concatenate(pieces, axis=2))
    assert np.array_equal(at_once.now, by_piece.now)
    for number in range(800):
        assert np.array_equal(one_by_one.now, whole[..., number])
        one_by_one.learn(likelihood[..., number : number + 1])
    assert whole.sum(axis=1) == pytest.approx(np.ones((2, 2000)))
    assert (whole[:, 4] == 0.0).all()  # it had no prior weight


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), num_labels=st.integers(1, 9), size=st.integers(1, 60))
def test_a_sum_has_the_same_bits_for_one_label_and_for_many(seed: int, num_labels: int, size: int) -> None:
    values = np.random.default_rng(seed).random((3, size, num_labels)) ** 9
    singly = [sums_of(values[..., i : i + 1]) for i in range(num_labels)]
    assert np.array_equal(sums_of(values), np.concatenate(singly, axis=-1))


def test_weights_keep_their_digits_over_many_labels() -> None:
    """Against the definition label by label: sums of logarithms start anew in each era."""
    random = np.random.default_rng(3)
    likelihood = random.random((500, 6)) ** 20
    weights = Weights(Switch(), np.full((1, 6), 1 / 6)).learn(likelihood.T[None])[0]
    assert -np.log2((weights * likelihood.T).sum(axis=0)).sum() == pytest.approx(label_by_label(likelihood), rel=1e-11)


def test_switches_that_wait_for_the_end_of_a_run_take_about_as_many_bits_as_those_after_each_label() -> None:
    """Against the definition label by label, of 3,000 labels: runs are up to 11 labels long."""
    random = np.random.default_rng(0)
    better = np.arange(3000) // 700 % 2  # the better expert changes after each 700 labels
    likelihood = np.where(better[:, None] == [0, 1], 0.7, 0.4) * random.uniform(0.9, 1.1, (3000, 2))
    assert mixture_bits(Switch(), likelihood[:512]) == pytest.approx(label_by_label(likelihood[:512]), abs=1e-6)
    assert mixture_bits(Switch(), likelihood) == pytest.approx(label_by_label(likelihood), abs=3)


def test_an_expert_that_was_far_behind_comes_back() -> None:
    """By 2^2000: weights are held as logarithms, in which nothing becomes 0."""
    likelihood = np.array([[1.0, 0.25]] * 1000 + [[0.25, 1.0]] * 1100)
    assert mixture_bits(Bayes(), likelihood) == pytest.approx(2001)


def test_dropped_experts_leave_their_weight_to_the_others() -> None:
    weights = Weights(Switch(), np.full((1, 3), 1 / 3))
    weights.learn(np.array([[[0.2], [0.7], [0.1]]]))
    kept = weights.now[0, [0, 2]]
    weights.drop(np.array([[False, True, False]]))
    assert weights.now[0, 1] == 0.0
    assert weights.now[0, [0, 2]] == pytest.approx(kept / kept.sum())
    weights.learn(np.array([[[0.5], [0.5], [0.5]]]))
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
