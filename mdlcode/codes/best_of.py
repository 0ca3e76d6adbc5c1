"""The best of several codes, with the choice paid for."""

from functools import partial
from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode import parallel
from mdlcode.codes.base import AnyCode, Code, Received
from mdlcode.codes.choice import hold_shortest, rehearse
from mdlcode.codes.two_part import NetCode
from mdlcode.coding.channel import Channel, Ledger
from mdlcode.config import STRICT, to_config
from mdlcode.data.base import Shared
from mdlcode.errors import MdlError
from mdlcode.learn import NetPredictor
from mdlcode.typing import IntArray


@dataclass(frozen=True, config=STRICT)
class BestOf(Code):
    """The shortest of m codes for these labels: its index, at log2 m bits, and then its own message.

    >>> from mdlcode.codes import Uniform
    >>> from mdlcode.data import load
    >>> data = load("digits")
    >>> BestOf((Uniform(), Uniform())).codelength(data).bits_by_part["choice"]
    1.0
    """

    kind: Literal["best-of"] = Field(default="best-of", kw_only=True)
    codes: tuple[AnyCode, ...] = Field(min_length=2)

    @property
    def has_parts(self) -> bool:
        """True: the candidates."""
        return True

    @property
    def sends_net(self) -> bool:
        """Whether each of the codes does."""
        return all(code.sends_net for code in self.codes)

    def transmit(self, channel: Channel, shared: Shared, labels: IntArray | None) -> Received:
        """The number of the shortest code, then what that code says."""
        candidates = [partial(code.transmit, shared=shared, labels=labels) for code in self.codes]
        return hold_shortest(channel, candidates)[0]


def net_codes(code: Code) -> list[NetCode]:
    """The codes of one net each that a code chooses among, or the code itself.

    Raises MdlError for a code that sends another thing.
    """
    if isinstance(code, BestOf):
        return [found for each in code.codes for found in net_codes(each)]
    if not isinstance(code, NetCode):
        kind = to_config(code)["kind"]
        raise MdlError(f"code '{kind}' sends no net that a file could hold: name 'compressed', 'subspace' or 'float32'")
    return [code]


def best_net(codes: list[NetCode], shared: Shared, labels: IntArray) -> tuple[NetCode, NetPredictor]:
    """The net whose two-part code is the shortest, before its weights are rounded, and the code that sends it.

    Raises PrunedError where all nets were pruned to nothing.
    """
    pending = [parallel.submit(code.prepare, shared, labels) for code in codes]
    nets = [(code, net) for code, each in zip(codes, pending, strict=True) for net in each.result()]
    if len(nets) == 1:
        return nets[0]
    candidates = [partial(code.send, learned=net, shared=shared, labels=labels) for code, net in nets]
    return nets[rehearse(Ledger(), candidates).number]
