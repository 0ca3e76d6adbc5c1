"""Values as dicts, tuples, texts, numbers and tensors, which a file holds without any object of Python, and back."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Generic, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

T = TypeVar("T")


class Packing(Generic[T]):
    """How values are packed that are made of arrays, tensors and dataclasses of these kinds.

    >>> from mdlcode.coding.binned import Pieces
    >>> packing = Packing[Pieces](Pieces)
    >>> packed = packing.pack(Pieces(np.array([0, 4]), np.ones((1, 1))))
    >>> packing.unpack(packed).masses(np.array([3])).tolist()
    [0.25]
    >>> Packing[object]().pack(object()) is None
    True
    """

    def __init__(self, *kinds: type) -> None:
        self._kinds = {each.__name__: each for each in kinds}

    def pack(self, value: T) -> Any:
        """The value as plain ones; None where it holds an object of another kind."""
        try:
            return self._packed(value)
        except TypeError:
            return None

    def unpack(self, packed: Any) -> T:
        """The value that was packed."""
        return cast(T, self._unpacked(packed))

    def _packed(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            return float(value)  # also those of numpy
        if isinstance(value, Tensor):
            return value.detach().cpu().clone()  # alone, without what it is a view of
        if isinstance(value, np.ndarray):
            return {"array": torch.tensor(value)}
        if isinstance(value, tuple | list):
            return tuple(map(self._packed, value))
        if isinstance(value, Mapping):
            return {"mapping": {key: self._packed(each) for key, each in value.items()}}
        if is_dataclass(value) and self._kinds.get(type(value).__name__) is type(value):
            said = {each.name: self._packed(getattr(value, each.name)) for each in fields(value)}
            return {"kind": type(value).__name__, "fields": said}
        raise TypeError

    def _unpacked(self, packed: Any) -> Any:
        if isinstance(packed, tuple):
            return tuple(map(self._unpacked, packed))
        if not isinstance(packed, dict):
            return packed
        if "array" in packed:
            return packed["array"].numpy()
        if "mapping" in packed:
            return {key: self._unpacked(each) for key, each in packed["mapping"].items()}
        return self._kinds[packed["kind"]](**{key: self._unpacked(each) for key, each in packed["fields"].items()})
