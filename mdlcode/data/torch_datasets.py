"""Data sets that give one example after the other: torch's, Hugging Face's and any list of pairs."""

from collections.abc import Iterator, Mapping, Sequence, Sized
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdlcode.data.arrays import as_inputs, from_arrays
from mdlcode.data.base import Data
from mdlcode.data.bins import Bins
from mdlcode.data.classes import as_values
from mdlcode.data.standardise import Standardise
from mdlcode.errors import MdlError
from mdlcode.mapped import Rows, is_large, parts, size_bytes
from mdlcode.validation import listed

Key = int | str
_INPUT_NAMES = (
    "image",
    "img",
    "pixel_values",
    "inputs",
    "input",
    "input_ids",
    "features",
    "x",
    "data",
    "audio",
    "text",
)
_LABEL_NAMES = ("label", "labels", "target", "targets", "class", "y", "fine_label")


def from_dataset(
    dataset: Any,
    name: str = "dataset",
    *,
    test: Any = None,
    inputs: Key | None = None,
    target: Key | None = None,
    classes: Sequence[Any] | None = None,
    num_classes: int | None = None,
    bins: Bins | None = None,
    standardise: Standardise = "auto",
    order_seed: int | None = 0,
) -> Data:
    """A data set from a torch `Dataset`, a Hugging Face `Dataset` or a list of examples, read once.

    Inputs of more than 1 GiB go to a file that is mapped, others into memory.

    An example is a tuple, of which the first two members are input and label, or a mapping, of which the keys are
    known by name; `inputs` and `target` name others (a place in the tuple, or a key). The data set's own transform
    is applied once to each example. `test` is another such set. A list of names `classes` that the data set carries
    gives its labels their names. The rest is as in `from_arrays`.

    >>> from_dataset([(np.zeros(2), 0), (np.ones(2), 1)], order_seed=None).labels
    array([0, 1])
    """
    train_inputs, train_labels = _columns(dataset, inputs, target)
    test_inputs, test_labels = (None, None) if test is None else _columns(test, inputs, target)
    names = _class_names(dataset, target)
    if names is not None and classes is None and num_classes is None:
        train, tested = as_values(train_labels), None if test_labels is None else as_values(test_labels)
        if _are_places(train, names) and (tested is None or _are_places(tested, names)):
            classes = [names[place] for place in np.unique(train)]
            train_labels = [names[place] for place in train]
            test_labels = None if tested is None else [names[place] for place in tested]
    settings: dict[str, Any] = {
        "classes": classes,
        "num_classes": num_classes,
        "bins": bins,
        "standardise": standardise,
    }
    return from_arrays(train_inputs, train_labels, test_inputs, test_labels, name, order_seed=order_seed, **settings)


def _columns(dataset: Any, inputs: Key | None, target: Key | None) -> tuple[Any, list[Any]]:
    """All inputs (n, ...) and labels of a data set. Raises MdlError for one that has no length, or none in it."""
    if hasattr(dataset, "dataset") and hasattr(dataset, "batch_size"):
        raise MdlError("this is a DataLoader, which gives batches: give its data set, `loader.dataset`")
    if isinstance(dataset, Mapping):
        raise MdlError(f"this is a mapping of data sets ({listed(list(map(str, dataset)))}): give one of them")
    if not isinstance(dataset, Sized) or not len(dataset):
        raise MdlError("the data set is empty or has no length: give one whose items can be counted")
    examples = _Examples(dataset, inputs, target)
    if is_large(size_bytes(examples.shape, examples.first().dtype)):
        return as_inputs(examples), examples.labels
    return np.stack(list(examples.values())), examples.labels


class _Examples(Rows):
    """The inputs of a data set, each of which is read once; the labels stand in `labels` once all are read."""

    def __init__(self, dataset: Any, inputs: Key | None, target: Key | None) -> None:
        self._dataset, self._keys = dataset, (inputs, target)
        self.labels: list[Any] = []
        self._first = self._read(0)
        self.shape = (len(dataset), *self._first.shape)

    def first(self) -> NDArray[Any]:
        """As of `Rows`."""
        return self._first[None]

    def values(self) -> Iterator[NDArray[Any]]:
        """The inputs, one after the other. Raises MdlError for one of another shape."""
        yield self._first
        for place in range(1, len(self._dataset)):
            value = self._read(place)
            if value.shape != self._first.shape:
                shapes = sorted({self._first.shape, value.shape})
                raise MdlError(
                    f"inputs differ in shape ({shapes[0]} and {shapes[-1]}): bring them to one in a transform"
                )
            yield value

    def pieces(self) -> Iterator[NDArray[Any]]:
        """As of `Rows`, in the type of the first. Raises MdlError for one of a type that does not go into it."""
        values, kind = self.values(), self._first.dtype
        for part in parts(len(self._dataset), self._first.nbytes):
            each = list(islice(values, part.stop - part.start))
            if odd := [value.dtype for value in each if not np.can_cast(value.dtype, kind, "same_kind")]:
                raise MdlError(f"inputs differ in type ({kind} and {odd[0]}): bring them to one in a transform")
            yield np.stack(each).astype(kind, copy=False)

    def _read(self, place: int) -> NDArray[Any]:
        value, label = _parts(self._dataset[place], *self._keys)
        self.labels.append(label.item() if hasattr(label, "item") and getattr(label, "size", None) == 1 else label)
        return _as_array(value)


def _parts(example: Any, inputs: Key | None, target: Key | None) -> tuple[Any, Any]:
    """Input and label of one example."""
    if isinstance(example, Mapping):
        label = _key(example, target, _LABEL_NAMES, "target")
        return example[_key(example, inputs, _INPUT_NAMES, "inputs", label)], example[label]
    if not isinstance(example, tuple | list) or len(example) < 2:
        raise MdlError(f"an example is a {type(example).__name__}: a tuple (input, label, ...) or a mapping is needed")
    places = [0 if inputs is None else inputs, 1 if target is None else target]
    try:
        return example[places[0]], example[places[1]]  # type: ignore[index]
    except (IndexError, TypeError):
        raise MdlError(f"examples are tuples of {len(example)}: `inputs` and `target` are places in them") from None


def _key(example: Mapping[Any, Any], given: Key | None, known: Sequence[str], what: str, taken: Any = None) -> Any:
    """The key given, else the only one of known name, else the only one that is left."""
    left = [key for key in example if key != taken]
    found = [key for key in left if key == given] if given is not None else [key for key in known if key in left]
    if not found and given is None and taken is not None and len(left) == 1:
        found = left
    if len(found) != 1:
        raise MdlError(f"which of the keys {listed(list(map(str, example)))} is meant? Name it with `{what}`")
    return found[0]


def _as_array(value: Any) -> NDArray[Any]:
    array = value.detach().cpu() if hasattr(value, "detach") else value
    try:
        found = np.asarray(array)
    except (TypeError, ValueError) as error:
        raise MdlError(f"an input is no array of numbers: {error}") from None
    if found.dtype.kind not in "biufc":
        raise MdlError(f"an input is a {type(value).__name__}, no array of numbers: turn it into one in a transform")
    return found


def _class_names(dataset: Any, target: Key | None) -> Sequence[str] | None:
    """The class names that torchvision's and Hugging Face's data sets carry."""
    features = getattr(dataset, "features", None)
    if isinstance(features, Mapping):
        keys = [target] if target is not None else [key for key in _LABEL_NAMES if key in features]
        names = getattr(features.get(keys[0]), "names", None) if len(keys) == 1 else None
    else:
        names = getattr(dataset, "classes", None)
    return [str(each) for each in names] if isinstance(names, list | tuple) else None


def _are_places(labels: NDArray[Any], names: Sequence[str]) -> bool:
    """Whether the labels are places in a list of names that tells them apart."""
    whole = labels.dtype.kind in "iu" and len(set(names)) == len(names)
    return bool(whole and labels.min() >= 0 and labels.max() < len(names))
