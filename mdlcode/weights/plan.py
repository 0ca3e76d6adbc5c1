"""Which units of a net are sent, and what both sides know of their order."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mdlcode.coding.channel import Channel
from mdlcode.coding.integers import send_choice
from mdlcode.errors import MdlError
from mdlcode.typing import FloatArray, IntArray
from mdlcode.weights.canonical import RULES, choose_rules, order_of, sorted_units
from mdlcode.weights.hidden import Hidden
from mdlcode.weights.masks import UNORDERED, Order, send_mask
from mdlcode.weights.units import Arrays, Picks, live_units, picks

Units = Literal["all", "live", "sorted"]
_PART = "units"


@dataclass(frozen=True)
class Plan:
    """The units that are sent: `layers` of live units alone, their places on Alice's and on Bob's side.

    `taken` says where Alice takes the entries that she sends, `placed` where they stand in the decoded
    net; `rules` are those of the canonical order, none where units keep their own.
    """

    layers: list[Hidden]
    taken: Picks
    placed: Picks
    rules: list[int]

    def shape(self, name: str, full: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of what is sent of a tensor."""
        rows, columns = self.placed.rows.get(name), self.placed.columns.get(name)
        lengths = [full[0] if rows is None else len(rows), *full[1:]]
        if columns is not None:
            lengths[1] = len(columns)
        return tuple(lengths)

    def order(self, name: str, sent: dict[str, FloatArray]) -> Order:
        """What both sides know of a tensor's order, once the tensors of later layers are sent."""
        return order_of(name, self.layers, self.rules, sent) if self.rules else UNORDERED


def send_units(channel: Channel, layers: list[Hidden], tensors: Arrays | None, units: Units) -> Plan:
    """The plan that both sides follow; `tensors` are Alice's, zero where they are zero.

    "all" sends nothing, "live" which units are live, "sorted" how many and by which rule they are sorted.
    """
    if units == "all" or not layers:
        return Plan([], Picks(), Picks(), [])
    live = None if tensors is None else live_units(tensors, layers)
    if units == "live":
        kept = [
            send_mask(channel, None if live is None else live[index], (layer.units,), _PART)
            for index, layer in enumerate(layers)
        ]
        if not all(len(units) for units in kept):
            raise MdlError("the message leaves a layer without units: is it of another architecture?")
        meant = picks(layers, kept)
        return Plan([], meant, meant, [])
    return _sorted_plan(channel, layers, tensors, live)


def _sorted_plan(channel: Channel, layers: list[Hidden], tensors: Arrays | None, live: list[IntArray] | None) -> Plan:
    counts = [
        1 + send_choice(channel, None if live is None else len(live[index]) - 1, layer.units, _PART)
        for index, layer in enumerate(layers)
    ]
    small = [replace(layer, units=count) for layer, count in zip(layers, counts, strict=True)]
    placed = picks(layers, [np.arange(count) for count in counts])
    taken, rules = placed, None
    if tensors is not None and live is not None:
        meant = picks(layers, live)
        parts = {name: meant.take(name, tensor) for name, tensor in tensors.items()}
        rules = choose_rules(parts, small)
        orders = sorted_units(parts, small, rules)
        taken = picks(layers, [units[order] for units, order in zip(live, orders, strict=True)])
    chosen = [
        send_choice(channel, None if rules is None else rules[index], len(RULES), _PART) for index in range(len(layers))
    ]
    return Plan(small, taken, placed, chosen)
