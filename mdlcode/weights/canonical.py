"""Canonical order of hidden units: every order predicts the same, so the one with the shortest code is used."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdlcode.typing import IntArray
from mdlcode.weights.groups import Mask, group_sizes
from mdlcode.weights.hidden import Hidden
from mdlcode.weights.masks import UNORDERED, Order, contexts, mask_bits, patterns
from mdlcode.weights.units import Arrays, picks

# How the units of a layer are sorted: by the pattern of the weights that read them and, within one
# pattern, by how many weights feed them; by the latter alone; by how many weights read them; by the
# pattern of the weights that feed them from the first unit of the layer before.
PATTERN, FED, READ, FIRST = RULES = range(4)


def choose_rules(tensors: Arrays, layers: list[Hidden]) -> list[int]:
    """The rule for each hidden layer that goes with the contexts in which its tensors are cheapest."""

    @cache
    def cheapest(name: str) -> str:
        tensor = tensors[name]
        taken = np.flatnonzero(tensor)
        return min(contexts(tensor.shape), key=lambda context: mask_bits(taken, tensor.shape, context))

    rules = [_choose(tensors, layer, cheapest) for layer in layers]
    # A layer sorted by FIRST would stir the patterns by which PATTERN sorts the layer before it.
    stirred = zip([None, *rules], rules, strict=False)
    return [FED if before == PATTERN and rule == FIRST else rule for before, rule in stirred]


def sorted_units(tensors: Arrays, layers: list[Hidden], rules: list[int]) -> list[IntArray]:
    """The units of each layer in canonical order; the last layer is sorted first, then what it reads."""
    chosen = [np.arange(layer.units) for layer in layers]
    for index in reversed(range(len(layers))):
        layer, meant = layers[index], picks(layers, chosen)
        reads = _reads(meant.take(layer.outgoing, tensors[layer.outgoing]), layer)
        keys = [-(reads.sum(axis=0) if rules[index] == READ else _row_counts(tensors[layer.weight]))]
        if rules[index] == FIRST:
            continue  # sorted below, once the layer before has its order
        if rules[index] == PATTERN:
            keys += [~feature for feature in reads[::-1]]  # np.lexsort takes its chief key last
        chosen[index] = np.lexsort(keys)
    for index in (index for index, rule in enumerate(rules) if rule == FIRST):
        meant = picks(layers, chosen)
        first = meant.take(layers[index].weight, tensors[layers[index].weight])[:, 0] != 0
        chosen[index] = np.lexsort(~first.reshape(len(first), -1).T[::-1])
    return chosen


def order_of(name: str, layers: list[Hidden], rules: list[int], sent: Arrays) -> Order:
    """What both sides know of a tensor's order, once the tensors of later layers are `sent`."""
    order = UNORDERED
    for layer, rule in zip(layers, rules, strict=True):
        if name == layer.weight and rule != READ:
            order = replace(order, rows=_runs(layer, rule, sent), sorted_rows=rule == FIRST)
        if name == layer.outgoing and layer.repeat == 1:
            falling = np.array([layer.units]) if rule == READ else None
            order = replace(order, columns=falling, sorted_columns=rule == PATTERN)
    return order


def _runs(layer: Hidden, rule: int, sent: Arrays) -> IntArray | None:
    if rule == PATTERN:
        return group_sizes(_reads(sent[layer.outgoing], layer))
    return np.array([layer.units]) if rule == FED else None


def _choose(tensors: Arrays, layer: Hidden, cheapest: Callable[[str], str]) -> int:
    kinds = len(group_sizes(_in_order(_reads(tensors[layer.outgoing], layer))))
    if layer.repeat == 1 and 2 * kinds <= layer.units:
        return PATTERN
    if cheapest(layer.weight) == "rows":
        return FED
    if layer.repeat == 1 and cheapest(layer.outgoing) == "columns":
        return READ
    return FIRST if cheapest(layer.weight) == "columns" else FED


def _reads(outgoing: NDArray[Any], layer: Hidden) -> Mask:
    """Which features (m, units) of the next layer read a unit."""
    whole = (outgoing != 0).reshape(len(outgoing), layer.units, -1)
    return patterns(whole)


def _in_order(mask: Mask) -> Mask:
    return mask[:, np.lexsort(mask)]


def _row_counts(tensor: NDArray[Any]) -> IntArray:
    return np.asarray((tensor != 0).reshape(len(tensor), -1).sum(axis=1), dtype=np.int64)
