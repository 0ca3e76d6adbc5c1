"""Certificates: a hypothesis that decodes, its errors, everything that was paid, and all bounds that hold."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from mdlcode import bounds
from mdlcode.bounds import Bound
from mdlcode.bounds.numbers import Numbers
from mdlcode.certify.errors import count_errors
from mdlcode.codelength import CHOICE
from mdlcode.errors import MdlError
from mdlcode.typing import Config, IntArray

if TYPE_CHECKING:  # numbers alone are certified without torch
    from mdlcode.certify.hypothesis import Hypothesis
    from mdlcode.data.base import Data


@dataclass(frozen=True)
class HeldOut:
    """Errors on examples that nothing was chosen by, and the bound that they give without any code."""

    errors: int
    n: int
    bound: float


@dataclass(frozen=True)
class Certificate:
    """A guarantee: with probability 1 - delta - mc_delta over the n examples, the risk is below each bound.

    `errors` of `evaluated` were wrong: of the n examples for a decoded net, of so many draws (weights of
    their own and a random example each) for a stochastic one. `risk` is what the bounds take: the error rate,
    for draws its upper limit at mc_delta. `bits_by_part` is all that was paid, `total_bits` their sum and for
    a stochastic net KL(posterior || prior). Where the net is one of several `candidates`, log2 of their number is
    paid; `unpaid_bound` is what the tightest bound would be without that price, and guarantees nothing.
    """

    dataset: str
    source: str
    n: int
    errors: int
    evaluated: int
    risk: float
    delta: float
    mc_delta: float
    bits_by_part: Mapping[str, float]
    total_bits: float
    bounds: tuple[Bound, ...]
    test: HeldOut | None = None
    coded_bits: int | None = None
    candidates: int = 1
    unpaid_bound: float | None = None

    @property
    def tightest(self) -> Bound:
        """The least of the bounds."""
        return next(each for each in self.bounds if each.tightest)

    def to_config(self) -> Config:
        """Plain values for JSON; each bound says whether it is vacuous."""
        shown = [{**asdict(each), "vacuous": each.vacuous} for each in self.bounds]
        return {**asdict(self), "bits_by_part": dict(self.bits_by_part), "bounds": shown}


def certify(
    hypothesis: "Hypothesis", data: "Data", delta: float = 0.05, candidates: int = 1, test: "Data | None" = None
) -> Certificate:
    """The certificate of a decoded net on `data`, which must hold no example that its prior saw.

    `candidates` says among how many alternatives of equal right it was chosen outside of its message (nets,
    settings, seeds): log2 of it is paid as "choice". A net drawn from a posterior pays as well: Theorem 1 of
    Rivasplata et al. 2020 is for one fixed rule that makes the posterior. The test set of `test`, else of `data`,
    gives the bound to compare with. Raises MdlError for candidates below 1 and delta outside (0, 1).
    """
    data.require_one_class_each("a bound")
    bits = {**hypothesis.bits_by_part, **choice_bits(candidates)}
    total_bits, net_bits = (math.fsum(each.values()) for each in (bits, hypothesis.bits_by_part))
    errors = count_errors(hypothesis.predictor, data.shared.inputs, data.labels)
    values = bounds.draw_bounds if hypothesis.drawn else bounds.occam_bounds
    return Certificate(
        dataset=data.name,
        source=hypothesis.source,
        n=len(data),
        errors=errors,
        evaluated=len(data),
        risk=errors / len(data),
        delta=delta,
        mc_delta=0.0,
        bits_by_part=bits,
        total_bits=total_bits,
        bounds=bounds.side_by_side(values(errors, len(data), total_bits, delta)),
        test=held_out(hypothesis, test or data, delta),
        coded_bits=hypothesis.coded_bits,
        candidates=candidates,
        unpaid_bound=unpaid(candidates, lambda: values(errors, len(data), net_bits, delta)),
    )


def certify_numbers(errors: int, n: int, code_bits: float, delta: float = 0.05, candidates: int = 1) -> Certificate:
    """The certificate that published or own numbers give: errors of a decoded net among n, and its bits.

    Whether a net of so many bits decodes and makes these errors is not looked at. Raises MdlError for errors
    above n, n below 1, negative bits, delta outside (0, 1) and numbers that are not finite.

    >>> made = certify_numbers(errors=448_408, n=1_281_167, code_bits=350 * 8192)
    >>> [f"{each.value:.3f}" for each in made.bounds if each.name in ("exact binomial", "Catoni 1.2.6")]
    ['0.965', '0.965']
    """
    bits = {"code": code_bits, **choice_bits(candidates)}
    total_bits = math.fsum(bits.values())
    values = bounds.occam_bounds(errors, n, total_bits, delta)
    return Certificate(
        dataset="numbers",
        source="as they were given; no net was decoded or evaluated",
        n=n,
        errors=errors,
        evaluated=n,
        risk=errors / n,
        delta=delta,
        mc_delta=0.0,
        bits_by_part=bits,
        total_bits=total_bits,
        bounds=bounds.side_by_side(values),
        candidates=candidates,
        unpaid_bound=unpaid(candidates, lambda: bounds.occam_bounds(errors, n, code_bits, delta)),
    )


def unpaid(candidates: int, values: Callable[[], Mapping[str, Numbers]]) -> float | None:
    """The least of the bounds as they are without a choice that is paid for; None where there was no choice."""
    return min(float(each) for each in values().values()) if candidates > 1 else None


def choice_bits(candidates: int) -> dict[str, float]:
    """log2 of the number of candidates as a part of its own; none for a single one, MdlError below 1.

    >>> choice_bits(8), choice_bits(1)
    ({'choice': 3.0}, {})
    """
    if candidates < 1:
        raise MdlError(f"`candidates` {candidates}: count the candidates that were tried, 1 or more")
    return {CHOICE: math.log2(candidates)} if candidates > 1 else {}


def held_out(hypothesis: "Hypothesis", data: "Data", delta: float) -> HeldOut | None:
    """The test-set bound (Langford 2005, Theorem 3.3) of a decoded net; None for data without a test set."""
    if data.test_inputs is None or data.test_labels is None:
        return None
    return tested(count_errors(hypothesis.predictor, data.test_inputs, data.test_labels), data.test_labels, delta)


def tested(errors: int, labels: IntArray, delta: float) -> HeldOut:
    """The test-set bound of so many errors on these labels."""
    return HeldOut(errors, len(labels), float(bounds.held_out(errors, len(labels), delta)))


def rest(data: "Data", seen: int) -> "Data":
    """The examples after the first `seen`, with the same test set: all that a learnt prior leaves to a bound.

    Raises MdlError where the prior saw nothing or everything.

    >>> from mdlcode.data import load
    >>> len(rest(load("digits"), 1000))
    797
    """
    if seen < 2:
        raise MdlError(f"a learnt prior needs at least two examples, not {seen}: give it a larger share")
    bounds.unseen_size(len(data), seen)
    shared = replace(data.shared, inputs=data.shared.inputs[seen:])
    return replace(data, shared=shared, labels=data.labels[seen:])


def tightest(certificates: list[Certificate]) -> Certificate:
    """The one whose tightest bound is least. The choice among them must be paid in each beforehand."""
    return min(certificates, key=lambda each: each.tightest.value)
