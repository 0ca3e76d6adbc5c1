"""What a generalization measure is: a number read off a trained net, its direction, and why it may be missing."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from mdlcode.errors import MdlError
from mdlcode.measures.trained import Trained

_NEEDS = {
    "init": "needs the weights before training",
    "history": "needs the losses along the training",
    "twin": "needs the same net trained from another seed",
    "learner": "needs what trained the net, as it trains again",
}


@dataclass(frozen=True)
class Value:
    """A measure's value, its standard error where it is an estimate, seconds, and what is to be said of it.

    `value` is NaN where `reason` says why there is none; a value with a reason is a limit of its search.
    """

    value: float
    error: float = math.nan
    seconds: float = 0.0
    reason: str = ""


class Measure(ABC):
    """A number of a trained net. `sign` is +1 where more of it should mean a larger generalization gap, -1 where a
    smaller one; values are never turned around. `needs` names what `Trained` must hold."""

    sign: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def of(self, trained: Trained) -> Value:
        """The value for one net; `seconds` are filled in by `measure`."""


def measure(trained: Trained, measures: Mapping[str, Measure]) -> dict[str, Value]:
    """The value of each of the named measures, in their order; one that can't be had says why.

    >>> from mdlcode.data import View, load
    >>> from mdlcode.measures.speed import SumOfLosses
    >>> from mdlcode.nets import build
    >>> trained = Trained(build("linear", (1, 8, 8), 10), load("digits", View(limit=100)))
    >>> measure(trained, {"sotl": SumOfLosses()})["sotl"].reason
    'needs the losses along the training'
    """
    return {name: _timed(each, trained) for name, each in measures.items()}


def _timed(each: Measure, trained: Trained) -> Value:
    missing = [need for need in each.needs if getattr(trained, need) is None]
    if missing:
        return Value(math.nan, reason=_NEEDS[missing[0]])
    begin = time.perf_counter()
    try:
        found = each.of(trained)
    except MdlError as error:
        found = Value(math.nan, reason=str(error))
    return replace(found, seconds=time.perf_counter() - begin)


def chosen(known: Mapping[str, Measure], names: Iterable[str]) -> dict[str, Measure]:
    """The measures of these names. Raises MdlError for an unknown one, with all names."""
    wanted = list(names)
    if unknown := [name for name in wanted if name not in known]:
        raise MdlError(f"no measure named '{unknown[0]}': names: {', '.join(known)}")
    return {name: known[name] for name in wanted}
