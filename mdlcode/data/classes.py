"""Labels of any kind as numbers 0 .. K-1, by one class list that both sides know."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mdlcode.errors import MdlError
from mdlcode.typing import IntArray
from mdlcode.validation import listed, short, shown

_MOST_CLASSES = 2**17  # what the entropy coder's 24-bit probabilities tell apart with room to spare
_MANY_CLASSES = 50
_FEW_LABELS_A_CLASS = 4  # below which many classes look like measured values
_STATE_BINS = "state the `precision` and `range` of measured values (in Python: bins=Bins(low, high, precision))"
# Kinds of numpy's types that are no class labels.
_UNFIT = {"c": "complex", "m": "time differences", "M": "dates", "V": "records"}


@dataclass(frozen=True)
class ClassList:
    """The classes, by name and in order: label k stands for the k-th of them.

    The list is shared knowledge, as the inputs are: whoever states more classes than there are pays log2 K for
    each label under the uniform code, and whoever lets them be read off the labels has told Bob which there are.

    >>> ClassList.of(np.array(["cat", "dog", "cat"])).encode(np.array(["dog", "cat"]))
    array([1, 0])
    """

    names: tuple[str, ...]

    @classmethod
    def of(
        cls, labels: NDArray[Any], classes: Sequence[Any] | None = None, num_classes: int | None = None
    ) -> "ClassList":
        """The stated classes, or 0 .. `num_classes` - 1, or else those seen in the labels, sorted by value.

        Raises MdlError for a class stated twice, lists of two lengths, labels of a single class where nothing is
        stated, and labels with so many values for their number that they look measured, not classes.
        """
        if isinstance(classes, str) or not isinstance(classes, Iterable | None):
            raise MdlError(f"`classes` is {shown(classes)}: a list of all classes is needed")
        if not isinstance(num_classes, int | np.integer | None):
            raise MdlError(f"`num_classes` is {shown(num_classes)}: a whole number is needed")
        if classes is not None:
            names = tuple(str(each) for each in classes)
            if len(set(names)) < len(names):
                raise MdlError("a class is named twice in the list of classes: name each once")
            if num_classes not in (None, len(names)):
                raise MdlError(f"{len(names)} classes are named but the number of classes is said to be {num_classes}")
            return cls(names)
        if num_classes is not None:
            require_few(num_classes)  # before each gets a name
            return cls(tuple(map(str, range(num_classes))))
        seen = np.unique(labels)
        if len(seen) == 1:
            raise MdlError("labels of one class only hold no bits: at least two classes are needed, or name them all")
        if len(seen) > _MANY_CLASSES and len(labels) < _FEW_LABELS_A_CLASS * len(seen):
            raise MdlError(
                f"{len(seen):,} different values among {len(labels):,} labels look like measured values, not classes:"
                f" {_STATE_BINS}, or name the classes if they are some"
            )
        return cls(tuple(str(each) for each in seen))

    @property
    def display_names(self) -> tuple[str, ...]:
        """The names, or none where they are the numbers 0 .. K-1 themselves."""
        return () if self.names == tuple(map(str, range(len(self.names)))) else self.names

    def encode(self, labels: NDArray[Any], what: str = "the labels") -> IntArray:
        """The place of each label in the list (n,). Raises MdlError for a label that is not in it."""
        values, inverse = np.unique(labels, return_inverse=True)
        places = {name: place for place, name in enumerate(self.names)}
        if unknown := [str(each) for each in values if str(each) not in places]:
            raise MdlError(
                f"{what} hold the class {short(unknown[0])!r}, which is not among the {len(self.names)} classes"
                f" ({listed(self.names)}): name all classes, or leave those examples out"
            )
        return np.array([places[str(each)] for each in values], dtype=np.int64)[inverse.reshape(-1)]


def require_few(num_classes: int) -> None:
    """Raises MdlError for more classes than the coder tells apart."""
    if num_classes > _MOST_CLASSES:
        raise MdlError(f"{num_classes:,} classes: at most {_MOST_CLASSES:,} can be told apart")


def as_values(labels: Any) -> NDArray[Any]:
    """Labels as an array (n,) of whole numbers or texts, from any list, array, tensor or column of a table.

    Raises MdlError for no labels, more than one a row, missing and masked ones, fractions, and types that are no
    classes.

    >>> as_values([[2.0], [7.0]]), as_values([True, False])
    (array([2, 7]), array([ True, False]))
    """
    array = labels.detach().cpu().numpy() if isinstance(labels, Tensor) else _as_array(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or len(array) == 0:
        raise MdlError(f"labels must be a non-empty list with one label each, not of shape {array.shape}")
    if isinstance(array, np.ma.MaskedArray):
        if np.ma.getmaskarray(array).any():
            raise MdlError("some labels are masked: drop those examples first")
        array = array.data
    if array.dtype.kind in _UNFIT:
        raise MdlError(f"labels are {_UNFIT[array.dtype.kind]}: classes are texts or whole numbers")
    if array.dtype.kind in "OTS":
        return _from_objects(array)
    if array.dtype.kind == "f":
        if np.isnan(array).any():
            raise MdlError("some labels are missing (NaN): drop those examples first")
        if not np.array_equal(array, np.floor(array)) or np.abs(array).max() >= 2.0**53:
            raise MdlError(f"labels must be classes, texts or whole numbers: {_STATE_BINS}")
        return array.astype(np.int64)
    return array


def _as_array(labels: Any) -> NDArray[Any]:
    if isinstance(labels, np.ma.MaskedArray):
        return labels
    try:
        array = np.asarray(labels)
        # numpy makes texts of a list's numbers where one of its members is a text.
        return np.asarray(labels, dtype=object) if array.dtype.kind == "U" and isinstance(labels, list) else array
    except (TypeError, ValueError) as error:
        raise MdlError(f"labels are no plain list: {error}") from None


def _from_objects(array: NDArray[Any]) -> NDArray[Any]:
    """Texts, or numbers that lie in an array of objects (as columns of tables give them)."""
    values = [each.decode(errors="replace") if isinstance(each, bytes) else each for each in array.tolist()]
    if any(each is None or each != each or type(each).__name__ in ("NAType", "NaTType") for each in values):
        raise MdlError("some labels are missing: drop those examples first")
    kinds = {type(each) for each in values}
    if kinds == {str}:
        return np.array(values, dtype=np.str_)
    if kinds <= {bool, int, float}:
        return as_values(np.array(values))
    raise MdlError(f"labels are of mixed kinds ({', '.join(sorted(each.__name__ for each in kinds))}): make them one")
