"""Certificates of Gibbs classifiers that are a linear readout of fixed features: no draw is needed for their error."""

import math

import torch
from torch import Generator, Tensor

from mdlcode import bounds
from mdlcode.bounds.occam import LN2
from mdlcode.certify.certificate import Certificate, HeldOut, choice_bits, tested, unpaid
from mdlcode.certify.linear_gibbs import Coordinates, ReadoutPosterior, gibbs_error
from mdlcode.certify.readout import GaussianReadout
from mdlcode.data.base import Data
from mdlcode.typing import IntArray


def certify_readout(readout: GaussianReadout, data: Data, delta: float = 0.05, candidates: int = 1) -> Certificate:
    """The certificate of the Gibbs classifier whose weights are drawn anew for each input from the fitted posterior.

    Its error is an integral that is known to 1e-8, so that no part of delta goes to draws: `errors` is the expected
    number, rounded up. KL(posterior, prior) is paid, and log2 of `candidates`. The test set's misses are of one draw
    of the weights for each input. Raises MdlError as `certify` does, and as `GaussianReadout.fit` does.
    """
    data.require_one_class_each("a bound")
    posterior, at = readout.fit(data.shared.inputs, data.labels, data.shared.num_classes)
    targets = _targets(data.labels, at)
    risk, n = gibbs_error(posterior, at, targets), len(data)
    paid = {f"KL {part}": nats / LN2 for part, nats in posterior.kl_nats().items()}
    bits = {**paid, **choice_bits(candidates)}
    total_bits, readout_bits = math.fsum(bits.values()), math.fsum(paid.values())
    test, source = _test(readout, posterior, data, delta)
    return Certificate(
        dataset=data.name,
        source=f"Gibbs classifier, a Gaussian readout of {len(posterior.basis):,} fixed features along"
        f" {posterior.basis.shape[1]:,} directions; its mean weights miss {_missed(posterior, at, targets):.2%} of the"
        f" training examples{source}",
        n=n,
        errors=math.ceil(risk * n),
        evaluated=n,
        risk=risk,
        delta=delta,
        mc_delta=0.0,
        bits_by_part=bits,
        total_bits=total_bits,
        bounds=bounds.side_by_side(bounds.stochastic_bounds(risk, n, total_bits * LN2, delta)),
        test=test,
        candidates=candidates,
        unpaid_bound=unpaid(candidates, lambda: bounds.stochastic_bounds(risk, n, readout_bits * LN2, delta)),
    )


def _test(
    readout: GaussianReadout, posterior: ReadoutPosterior, data: Data, delta: float
) -> tuple[HeldOut | None, str]:
    """The test-set bound of one draw of the weights for each input, and what the mean weights miss, in words."""
    labels: IntArray | None = data.test_labels
    if data.test_inputs is None or labels is None:
        return None, ""
    at = readout.coordinates(data.test_inputs, posterior.basis)
    mean, sd = posterior.logits(at)
    noise = torch.randn(mean.shape, generator=Generator().manual_seed(0)).to(mean)
    targets = _targets(labels, at)
    wrong = ((mean + sd[:, None] * noise).argmax(1) != targets).sum()
    return tested(int(wrong), labels, delta), f" and {_missed(posterior, at, targets):.2%} of the test examples"


def _missed(posterior: ReadoutPosterior, at: Coordinates, targets: Tensor) -> float:
    """The error rate of the mean weights."""
    return float((posterior.logits(at)[0].argmax(1) != targets).double().mean())


def _targets(labels: IntArray, at: Coordinates) -> Tensor:
    return torch.from_numpy(labels).to(at.within.device)
