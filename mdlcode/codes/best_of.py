"""The best of several codes, with the choice paid for."""

from functools import partial
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from mdlcode.codes.base import Code, Received, parse_code
from mdlcode.codes.choice import hold_shortest
from mdlcode.coding.channel import Channel
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.typing import IntArray


@dataclass(frozen=True, config=STRICT)
class BestOf(Code):
    """The shortest of m codes for these labels: its index costs log2 m bits, then it speaks.

    >>> from mdlcode.codes import Uniform
    >>> from mdlcode.data import load
    >>> data = load("digits")
    >>> BestOf((Uniform(), Uniform())).codelength(data).bits_by_part["choice"]
    1.0
    """

    kind: Literal["best-of"] = Field(default="best-of", kw_only=True)
    codes: tuple[Annotated[Code, BeforeValidator(parse_code)], ...] = Field(min_length=2)

    @property
    def sends_net(self) -> bool:
        """Whether each of the codes does."""
        return all(code.sends_net for code in self.codes)

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """The number of the shortest code, then what that code says."""
        candidates = [partial(code.transmit, shared=shared, labels=labels) for code in self.codes]
        return hold_shortest(channel, candidates)[0]
