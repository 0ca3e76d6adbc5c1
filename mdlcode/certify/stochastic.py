"""Certificates of stochastic nets: each example meets weights of its own, drawn from a Gaussian posterior."""

import math

import torch
from torch import Generator

from mdlcode import bounds
from mdlcode.bounds.occam import LN2
from mdlcode.certify.certificate import Certificate, HeldOut, choice_bits, tested, unpaid
from mdlcode.certify.hypothesis import INPUTS
from mdlcode.certify.stochastic_net import BATCH, StochasticNet
from mdlcode.codelength import CHOICE
from mdlcode.data.base import Data
from mdlcode.typing import IntArray

DRAWS = 150_000  # of a random example and weights each, as in Dziugaite & Roy 2017


def certify_stochastic(
    net: StochasticNet,
    data: Data,
    source: str,
    delta: float = 0.04,
    mc_delta: float = 0.01,
    candidates: int = 1,
    mc_draws: int = DRAWS,
    seed: int = 0,
) -> Certificate:
    """The certificate of a stochastic net, one that draws new weights for each input it sees.

    Its mean empirical risk is bounded from `mc_draws` random examples with weights of their own, at `mc_delta`;
    the posterior that they are drawn from is the one whose KL is paid, with the prior's learned scales,
    moments read off the inputs, and log2 `candidates`; `mc_delta` is split among these, as each has draws of
    its own. Raises MdlError as `certify` does, and for delta + mc_delta of 1 or more.
    """
    data.require_one_class_each("a bound")
    bits = {f"KL {name}": each for name, each in net.posterior.kl_bits_by_tensor().items()}
    bits |= {"prior scales": net.posterior.prior_bits, INPUTS: data.shared.moment_bits, **choice_bits(candidates)}
    bits = {part: each for part, each in bits.items() if each}
    total_bits, n = math.fsum(bits.values()), len(data)
    errors = _drawn_errors(net, data, mc_draws, seed)
    # Checks delta, mc_delta and their sum before it answers.
    bounds.certificate(errors / mc_draws, mc_draws, n, total_bits * LN2, delta, mc_delta)
    risk, alone = (
        float(bounds.sample_convergence(errors / mc_draws, mc_draws, mc_delta / tried)) for tried in (candidates, 1)
    )
    net_bits = math.fsum(each for part, each in bits.items() if part != CHOICE)
    return Certificate(
        dataset=data.name,
        source=source,
        n=n,
        errors=errors,
        evaluated=mc_draws,
        risk=risk,
        delta=delta,
        mc_delta=mc_delta,
        bits_by_part=bits,
        total_bits=total_bits,
        bounds=bounds.side_by_side(bounds.stochastic_bounds(risk, n, total_bits * LN2, delta)),
        test=_test(net, data, delta, seed),
        candidates=candidates,
        unpaid_bound=unpaid(candidates, lambda: bounds.stochastic_bounds(alone, n, net_bits * LN2, delta)),
    )


def _drawn_errors(net: StochasticNet, data: Data, mc_draws: int, seed: int) -> int:
    """Errors on examples drawn at random with replacement."""
    chosen = torch.randint(len(data), (mc_draws,), generator=Generator().manual_seed(seed + 1))
    labels, inputs = torch.from_numpy(data.labels), data.shared.inputs
    # In pieces: a copy of all drawn inputs would be larger than the data.
    pieces = enumerate(torch.split(chosen, 100 * BATCH))
    return sum(
        net.errors(inputs[piece.to(inputs.device)], labels[piece].to(inputs.device), seed + 2 + index)
        for index, piece in pieces
    )


def _test(net: StochasticNet, data: Data, delta: float, seed: int) -> HeldOut | None:
    """The test-set bound on the same stochastic net: its misses on new inputs are independent coins."""
    labels: IntArray | None = data.test_labels
    if data.test_inputs is None or labels is None:
        return None
    targets = torch.from_numpy(labels).to(data.test_inputs.device)
    return tested(net.errors(data.test_inputs, targets, seed), labels, delta)
