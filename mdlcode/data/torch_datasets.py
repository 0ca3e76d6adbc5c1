"""Data sets that give one example after the other: torch's, Hugging Face's and any list of pairs."""

from collections.abc import Mapping, Sequence, Sized
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdlcode.data.arrays import from_arrays
from mdlcode.data.base import Data
from mdlcode.data.bins import Bins
from mdlcode.data.classes import as_values
from mdlcode.data.standardise import Standardise
from mdlcode.errors import MdlError
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
    """A data set from a torch `Dataset`, a Hugging Face `Dataset` or a list of examples, read once into memory.

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


def _columns(dataset: Any, inputs: Key | None, target: Key | None) -> tuple[NDArray[Any], list[Any]]:
    """All inputs (n, ...) and labels of a data set. Raises MdlError for one that has no length, or none in it."""
    if hasattr(dataset, "dataset") and hasattr(dataset, "batch_size"):
        raise MdlError("this is a DataLoader, which gives batches: give its data set, `loader.dataset`")
    if isinstance(dataset, Mapping):
        raise MdlError(f"this is a mapping of data sets ({listed(list(map(str, dataset)))}): give one of them")
    if not isinstance(dataset, Sized) or not len(dataset):
        raise MdlError("the data set is empty or has no length: give one whose items can be counted")
    values, labels = [], []
    for place in range(len(dataset)):
        example = dataset[place]  # type: ignore[index]
        value, label = _parts(example, inputs, target)
        values.append(_as_array(value))
        labels.append(label.item() if hasattr(label, "item") and getattr(label, "size", None) == 1 else label)
    shapes = sorted({each.shape for each in values})
    if len(shapes) > 1:
        raise MdlError(f"inputs differ in shape ({shapes[0]} and {shapes[-1]}): bring them to one in a transform")
    return np.stack(values), labels


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
