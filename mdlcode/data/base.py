"""`Shared`, what Alice and Bob both hold, and `Data`, which adds the labels."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, get_args

import numpy as np
import torch
from torch import Tensor

from mdlcode.data import sequences, standardise
from mdlcode.data.bins import Bins
from mdlcode.data.classes import require_few
from mdlcode.data.sequences import Sequences
from mdlcode.data.standardise import Given, Rule, Standardise
from mdlcode.errors import MdlError
from mdlcode.mapped import by_place, opened, parts
from mdlcode.resident import Resident
from mdlcode.typing import IntArray
from mdlcode.validation import listed, shown

HELD_BYTES = 1 << 28  # of predictions for all labels, up to which they are held at once
PIECE_BYTES = 1 << 26  # of those that are held at once where all take more
_HELD_INPUT_BYTES = 1 << 32  # of inputs in float64, as estimators take them
_BATCH = 4000  # inputs; nets predict so many or an eighth of them at once, and a piece cuts no batch in two
_NUMBERS_OF_BINS = 256  # that stand at most for a density, in a histogram


class Described(Protocol):
    """What a net must know: shape, mean and standard deviation of the inputs, and the classes or bins."""

    @property
    def num_classes(self) -> int:
        """Number of classes."""

    @property
    def bins(self) -> Bins | None:
        """The grid of real-valued targets; None where labels are classes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input."""

    @property
    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation, shaped to broadcast over a batch."""


@dataclass(frozen=True, eq=False)
class Shared(Resident):
    """The inputs (n, ...) and the number of classes, which is shared knowledge as the inputs are.

    Inputs are uint8 images (n, C, H, W), float32 features (n, F), series (n, T, F), or int64 tables and tokens
    (n, T). `class_names` are for display and empty where classes are plain numbers; `standardise` says how
    inputs are brought to mean 0 and deviation 1. `sequences` are there where each token has a label of its own:
    then one input is a sequence. Real-valued targets have `bins` in place of classes: then label k is the k-th of
    them, and `num_classes` is their number. Training runs on the device where the inputs live. Raises MdlError for no
    inputs, NaN or infinite values, another type, fewer than two classes or more than 131,072, bins of another number,
    and given moments or a mask of tokens that do not fit.

    >>> len(Shared(torch.zeros(3, 2), num_classes=2))
    3
    """

    inputs: Tensor
    num_classes: int
    class_names: tuple[str, ...] = ()
    standardise: Standardise = "auto"
    sequences: Sequences | None = None
    bins: Bins | None = None

    def __post_init__(self) -> None:
        check_inputs(self.inputs)
        if self.sequences is not None:
            sequences.check(self.sequences, self.inputs)
        if self.num_classes < 2:
            raise MdlError(f"{self.num_classes} class: at least two classes are needed")
        if self.bins is None:
            require_few(self.num_classes)
        elif len(self.bins) != self.num_classes:
            raise MdlError(f"{self.bins} make {len(self.bins):,} bins, not {self.num_classes:,}")
        if isinstance(self.standardise, Given):
            _ = self.moments  # raises where they do not fit the inputs
        elif self.standardise not in get_args(Rule):
            rules = ", ".join(get_args(Rule))
            raise MdlError(f"`standardise` is {shown(self.standardise)}: one of {rules}, or `Given`, is needed")

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return tuple(self.inputs.shape[1:])

    @property
    def num_labels(self) -> int:
        """How many labels there are: one for each input, or for each token of them that has one."""
        return len(self) if self.sequences is None else self.sequences.num_labels

    @property
    def label_ends(self) -> IntArray:
        """How many labels the first 0, 1, ..., n inputs have (n + 1,)."""
        return np.arange(len(self) + 1) if self.sequences is None else self.sequences.ends

    def labels_of(self, start: int, stop: int) -> int:
        """How many labels the inputs from `start` up to `stop` have."""
        return stop - start if self.sequences is None else int(self.sequences.mask[start:stop].sum())

    @property
    def is_text(self) -> bool:
        """Whether the inputs of a token are the labels before it, so that Bob has none beforehand."""
        return self.sequences is not None and self.sequences.autoregressive

    @property
    def rows_each(self) -> int:
        """How many distributions a predictor gives for one input: 1, or one for each of its T tokens."""
        return 1 if self.sequences is None else self.sequences.length

    @property
    def row_bytes(self) -> int:
        """What the distributions of one input's labels take: 8 bytes a class, of a density at most 8 for 256 cells."""
        return 8 * self.rows_each * (self.num_classes if self.bins is None else min(self.num_classes, _NUMBERS_OF_BINS))

    @property
    def is_long(self) -> bool:
        """Whether all predictions take over 256 MiB, or the inputs as float64 over 4 GiB: then not all are ever held.

        >>> Shared(torch.zeros(10**6, 1), 10).is_long, Shared(torch.zeros(10**6, 1), 100).is_long
        (False, True)
        """
        return len(self) * self.row_bytes > HELD_BYTES or 8 * self.inputs.numel() > _HELD_INPUT_BYTES

    def pieces(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """The inputs from `start` up to `stop` in the pieces in which their labels are predicted: one, unless long.

        >>> list(Shared(torch.zeros(10**6, 1), 100).pieces(900_000, 10**6))
        [(900000, 980000), (980000, 1000000)]
        """
        step = max(1, PIECE_BYTES // max(self.row_bytes, 8 * self.inputs[:1].numel()) if self.is_long else stop - start)
        if self.is_long and step > _BATCH:
            step -= step % _BATCH
        return ((first, min(first + step, stop)) for first in range(start, max(stop, start + 1), step))

    def known(self, labels: IntArray, first: int = 0) -> tuple[Tensor, Tensor]:
        """The inputs from number `first` on that these labels (t,) belong to, and the labels as targets.

        Targets are on the inputs' device: (t,), or for s whole sequences (s, T), -100 at tokens that have no label.
        The inputs of a text are its labels, each one place later.

        >>> import numpy as np
        >>> text = Sequences(np.ones((2, 3), dtype=bool), vocabulary=3, autoregressive=True)
        >>> Shared(torch.full((2, 3), 2), 2, sequences=text).known(np.array([0, 1, 1]))
        (tensor([[2, 0, 1]]), tensor([[0, 1, 1]]))
        """
        if self.sequences is None:
            inputs = self.inputs[first : first + len(labels)]
            return inputs, torch.from_numpy(labels).to(inputs.device)
        ends = self.sequences.ends
        part = slice(first, int(np.searchsorted(ends, ends[first] + len(labels))))
        inputs = self.inputs[part]
        table = self.sequences[part].spread(labels)
        return self.sequences.revealed(inputs, table), torch.from_numpy(table).to(inputs.device)

    @property
    def classes_text(self) -> str:
        """The number of classes, and their names where they are more than numbers; or what the bins are.

        >>> Shared(torch.zeros(3, 2), 2, ("cat", "dog")).classes_text
        '2 classes (cat, dog)'
        """
        if self.bins is not None:
            return f"{self.bins} ({self.num_classes:,} bins)"
        names = f" ({listed(self.class_names)})" if self.class_names else ""
        return f"{self.num_classes} classes{names}"

    def fingerprint(self) -> str:
        """A hash of the inputs' values, shape, type and standardisation: which inputs a message belongs to.

        With real-valued targets, of their bins too.
        """
        array = np.ascontiguousarray(self.inputs.cpu().numpy())
        how = standardise.resolved(self.standardise, self.inputs)
        grid = "" if self.bins is None else repr(self.bins)
        digest = hashlib.sha256(f"{array.shape}{array.dtype}{how}{grid}".encode())
        digest.update(array.data)
        if self.sequences is not None:
            digest.update(f"{self.sequences.vocabulary}{self.sequences.autoregressive}".encode())
            digest.update(np.packbits(self.sequences.mask).data)
        self.__dict__["content"] = found = digest.hexdigest()[:16]
        return found

    @cached_property
    def content(self) -> str:
        """`fingerprint` as it was last computed: by each conversation at its start, and once for all its trainings."""
        return self.fingerprint()

    @cached_property
    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each channel (images) or feature, over all inputs, or as they were given.

        Both sides hold the inputs, so these cost no bits. Float32, shaped to broadcast over a batch;
        a constant feature has deviation 1.
        """
        return standardise.moments(self.inputs, self.standardise)

    @property
    def moment_bits(self) -> float:
        """32 bits for each mean and standard deviation that is read off the inputs.

        Alice and Bob both hold the inputs, so that a code has these for free; a bound on new inputs pays.
        """
        return standardise.moment_bits(self.inputs, self.standardise)

    def __getstate__(self) -> dict[str, object]:
        """What goes to other processes: moments too, so that none of them works these out again.

        Of mapped inputs they are told the file.
        """
        _ = self.moments
        return by_place(self.__dict__)

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(opened(state))

    def to(self, device: torch.device) -> "Shared":
        """The same on another device."""
        return replace(self, inputs=self.inputs.to(device))


@dataclass(frozen=True, eq=False)
class Data(Resident):
    """Inputs and labels (n,) int64 in 0 .. K-1, and a test set where there is one.

    With `Sequences` the labels (N,) are those of the labelled tokens, one sequence after the other. `order_seed` is the
    seed of the order in which the inputs come, None for the order they were stored in. Raises MdlError for labels out
    of range, another number of labels than there is place for, and test inputs of another shape than the training
    inputs.
    """

    name: str
    shared: Shared
    labels: IntArray  # (n,)
    test_inputs: Tensor | None = None  # (n_test, ...)
    test_labels: IntArray | None = None  # (n_test,)
    order_seed: int | None = None
    test_sequences: Sequences | None = None

    def __post_init__(self) -> None:
        check_labels(self.labels, self.shared.num_labels, self.shared.num_classes)
        if self.test_inputs is not None and self.test_labels is not None:
            if (theirs := tuple(self.test_inputs.shape[1:])) != self.shared.shape:
                raise MdlError(f"test inputs have shape {theirs}, training inputs {self.shared.shape}: make them equal")
            check_labels(self.test_labels, self.test_shared.num_labels, self.shared.num_classes)

    def __len__(self) -> int:
        return len(self.labels)

    def __getstate__(self) -> dict[str, object]:
        """What goes to other processes, as of `Shared`."""
        return by_place(self.__dict__)

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(opened(state))

    @property
    def test_shared(self) -> Shared:
        """The test inputs as both sides would hold them. Raises MdlError where there are none."""
        if self.test_inputs is None:
            raise MdlError(f"{self.name} has no test set: give one")
        return replace(self.shared, inputs=self.test_inputs, sequences=self.test_sequences)

    def require_one_class_each(self, what: str) -> None:
        """Raises MdlError for labels of tokens and for real-valued targets, which `what` is not made for."""
        if self.shared.bins is not None:
            raise MdlError(f"{what} is for classes, and the targets of {self.name} are real numbers")
        if self.shared.sequences is not None:
            raise MdlError(f"{what} needs independent examples with one label each, and tokens of a sequence are none")

    def to(self, device: torch.device) -> "Data":
        """The same on another device; labels stay numpy arrays."""
        test = None if self.test_inputs is None else self.test_inputs.to(device)
        return replace(self, shared=self.shared.to(device), test_inputs=test)


def require_data(data: object) -> None:
    """Raises MdlError for what is no `Data`."""
    if not isinstance(data, Data):
        raise MdlError(f"`data` is {shown(data)}: make data with load, from_arrays or from_dataset")


def check_labels(labels: IntArray, num_inputs: int, num_classes: int) -> None:
    """Raises MdlError unless there is one label in 0 .. K-1 for each input."""
    if len(labels) != num_inputs:
        raise MdlError(f"{num_inputs} inputs but {len(labels)} labels: one label for each input is needed")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise MdlError(f"labels from {labels.min()} to {labels.max()} lie outside 0 .. {num_classes - 1}")


def check_inputs(inputs: Tensor) -> None:
    """Raises MdlError unless there are inputs, as vectors or more, of a type that is kept, and all finite."""
    if inputs.numel() == 0:
        raise MdlError(f"the set is empty: its inputs have shape {tuple(inputs.shape)}")
    if inputs.ndim < 2:
        raise MdlError(
            f"inputs of shape {tuple(inputs.shape)} are no vectors: (n, features) is needed, `x.reshape(-1, 1)` for one"
            " feature"
        )
    if inputs.dtype not in (torch.uint8, torch.int64, torch.float32):
        raise MdlError(f"inputs must be uint8, int64 or float32, not {inputs.dtype}")
    if inputs.dtype == torch.float32 and not _all_finite(inputs):
        raise MdlError("the inputs hold NaN or infinite values: replace or drop them first")


def _all_finite(inputs: Tensor) -> bool:
    row_bytes = inputs[:1].numel() * inputs.element_size()
    return all(bool(torch.isfinite(inputs[part]).all()) for part in parts(len(inputs), row_bytes))
