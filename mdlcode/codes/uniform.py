"""The uniform code."""

from typing import ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode.codes.base import Code, Received, say_uniformly
from mdlcode.coding.channel import Channel
from mdlcode.config import STRICT
from mdlcode.data.base import Shared
from mdlcode.typing import IntArray


@dataclass(frozen=True, config=STRICT)
class Uniform(Code):
    """Every label costs log2 K bits, K classes or bins, whatever the inputs (Blier & Ollivier 2018, section 3.1)."""

    needs_same_environment: ClassVar[bool] = False
    kind: Literal["uniform"] = Field(default="uniform", kw_only=True)

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """The labels, one by one, at 1 / K each."""
        return Received(say_uniformly(channel, labels, shared.num_labels, shared))
