"""The best of several codes, with the choice paid for."""

from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from mdlcode.codelength import CHOICE
from mdlcode.codes.base import Code, Received, parse_code
from mdlcode.coding.channel import Channel
from mdlcode.config import STRICT
from mdlcode.data.base import Data, Shared
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
        """The index of the shortest code under a uniform distribution, then the labels under that code."""
        index = None
        if labels is not None:
            data = Data("candidates", shared, labels)
            index = np.array([np.argmin([code.codelength(data).total_bits for code in self.codes])])
        [chosen] = channel.send_uniform(index, 1, len(self.codes), CHOICE)
        code: Code = self.codes[chosen]
        return code.transmit(channel, shared, labels)
