"""Function-preserving simplification: dead units, and the canonical order of the live ones.

Arrays stand for the tensors of a net by name; only where they are zero matters here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mdlcode.errors import PrunedError
from mdlcode.typing import IntArray
from mdlcode.weights.base import coded_tensors
from mdlcode.weights.hidden import Hidden, hidden_layers

Arrays = Mapping[str, NDArray[Any]]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Picks:
    """Which rows (axis 0) and columns (axis 1) of each tensor are meant, in which order; all by default."""

    rows: dict[str, IntArray] = field(default_factory=dict)
    columns: dict[str, IntArray] = field(default_factory=dict)

    def take(self, name: str, tensor: NDArray[Any]) -> NDArray[Any]:
        """The picked part of a tensor."""
        rows = tensor[self.rows[name]] if name in self.rows else tensor
        return rows[:, self.columns[name]] if name in self.columns else rows

    def put(self, name: str, part: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """A tensor of this shape with `part` at the picked places, and 0 elsewhere."""
        full = np.zeros(shape, dtype=part.dtype)
        rows = self.rows.get(name, np.arange(shape[0]))
        if name in self.columns:
            full[np.ix_(rows, self.columns[name])] = part
        else:
            full[rows] = part
        return full


def picks(layers: list[Hidden], chosen: list[IntArray]) -> Picks:
    """What the chosen units of each hidden layer mean for the tensors around it."""
    rows = {
        name: units for layer, units in zip(layers, chosen, strict=True) for name in (layer.weight, *layer.companions)
    }
    columns = {
        layer.outgoing: (units[:, None] * layer.repeat + np.arange(layer.repeat)).reshape(-1)
        for layer, units in zip(layers, chosen, strict=True)
    }
    return Picks(rows, columns)


def live_units(tensors: Arrays, layers: list[Hidden]) -> list[IntArray]:
    """The units of each hidden layer that a path from an input or a bias to an output runs through.

    A unit is dead that no live unit of the next layer reads, or that is always 0: no weight, no bias and
    no batch norm feeds it. Without dead units no prediction changes: each of them adds 0 to every sum.
    Raises PrunedError for a layer with no live unit.
    """
    alive = [np.ones(layer.units, dtype=bool) for layer in layers]
    while True:
        before = sum(int(each.sum()) for each in alive)
        meant = picks(layers, [np.flatnonzero(each) for each in alive])
        for index, layer in enumerate(layers):
            alive[index] = alive[index] & _read(tensors, layer, meant)
            if not layer.normed:
                alive[index] &= _fed(tensors, layer, meant)
            if not alive[index].any():
                raise PrunedError(f"layer '{layer.weight}' is pruned to nothing: prune less of it")
        if sum(int(each.sum()) for each in alive) == before:
            return [np.flatnonzero(each) for each in alive]


def _read(tensors: Arrays, layer: Hidden, meant: Picks) -> Mask:
    weight = tensors[layer.outgoing]
    rows = weight[meant.rows[layer.outgoing]] if layer.outgoing in meant.rows else weight
    return _any(_any(rows.swapaxes(0, 1)).reshape(layer.units, layer.repeat))


def _fed(tensors: Arrays, layer: Hidden, meant: Picks) -> Mask:
    weight = tensors[layer.weight]
    inputs = weight[:, meant.columns[layer.weight]] if layer.weight in meant.columns else weight
    fed = _any(inputs)
    for name in layer.companions:
        fed = fed | np.asarray(tensors[name] != 0)
    return fed


def _any(rows: NDArray[Any]) -> Mask:
    return np.asarray((rows != 0).reshape(len(rows), -1).any(axis=1))


def drop_dead_units(net: nn.Module) -> int:
    """How many dead units a sequential net had; their weights, biases and statistics are set to 0.

    The net's predictions stay exactly as they are. Where a batch norm follows, its statistics are set to
    0 too, so that the whole unit is silent.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> _ = net[2].weight.data[:, 1].zero_()
    >>> drop_dead_units(net), net[0].weight[1].tolist()
    (1, [0.0, 0.0])
    """
    layers, tensors = hidden_layers(net), coded_tensors(net)
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    live = live_units(arrays, layers)
    meant = picks(layers, live)
    with torch.no_grad():
        for name, array in arrays.items():
            kept = meant.put(name, meant.take(name, array), array.shape)
            tensors[name].copy_(torch.from_numpy(kept))
    return sum(layer.units - len(units) for layer, units in zip(layers, live, strict=True))
