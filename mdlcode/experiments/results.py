"""Results as files that a person can read: `results.json`, and each label's bits beside it."""

import json
import platform
import re
import shlex
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mdlcode.errors import MdlError
from mdlcode.files import write_atomically, write_json
from mdlcode.proof.proof import Proof
from mdlcode.typing import Config

if TYPE_CHECKING:  # results are read, drawn and reported without torch
    from mdlcode.codes.base import Transmission

NAME = "results.json"
SCHEMA_VERSION = 2  # 1: `label_bits` was `data_bits`, and the array `bit_prices` of a sweep was `rates`
_LONGEST_STEM = 200  # most disks take names of 255 letters
_PACKAGES = ("mdlcode", "torch", "numpy", "scikit-learn", "constriction")


@dataclass(frozen=True)
class Result:
    """One code on one data set; `compression_ratio` is total / uniform bits, lower is better.

    `frequencies_bits` is the length of the `frequencies` code, which looks at class counts alone, and
    `saved_bits_against_frequencies` what this code saves of it: negative bits say that the inputs taught nothing.
    `class_names` are empty where classes are plain numbers; `order_seed` is None where the stored order was kept. Of
    targets that are real numbers `precision` and `target_range` say how they are told, and `test_rmse` is the root mean
    square error of the predicted medians on the test set.

    `train_errors` and the four after it are of codes that send a net, None for others: its errors on the training
    labels, the bits that a bound pays, and the tightest bound on its risk, which fails with probability
    `bound_delta`. `envelope_bits` are what a message takes beside its words, and are in no other number. `proof` is
    None where nobody asked for one. `schema_version` is raised when a field gets another name or meaning.
    """

    code: str
    dataset: str
    num_labels: int
    num_classes: int
    model_bits: float
    label_bits: float
    total_bits: float
    uniform_bits: float
    compression_ratio: float
    bits_by_part: dict[str, float]
    test_accuracy: float | None
    seconds: float
    seed: int
    device: str
    config: Config
    versions: dict[str, str]
    command: str = ""
    frequencies_bits: float | None = None
    saved_bits_against_frequencies: float | None = None
    class_names: tuple[str, ...] = ()
    order_seed: int | None = None
    standardise: str = "auto"
    train_errors: int | None = None
    bound_bits: float | None = None
    bound: float | None = None
    bound_name: str | None = None
    bound_delta: float | None = None
    notes: tuple[str, ...] = ()
    envelope_bits: int | None = None
    proof: Proof | None = None
    precision: float | None = None
    target_range: tuple[float, float] | None = None
    test_rmse: float | None = None
    schema_version: int = SCHEMA_VERSION

    @property
    def bits_per_label(self) -> float:
        """Total bits over the number of labels: bits a character, where the labels are those of a text."""
        return self.total_bits / self.num_labels


def versions() -> dict[str, str]:
    """Versions of the software that a number depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def stem(index: int, code: str) -> str:
    """Name, without suffix, of the file of arrays of the `index`-th code of a folder.

    >>> stem(1, "Few steps")
    '01-few-steps'
    """
    return f"{index:02d}-{re.sub('[^a-z0-9]+', '-', code.lower())[:_LONGEST_STEM]}"


def command_line() -> str:
    """The command that this process was started with, as one would type it."""
    program, *arguments = sys.argv
    own = Path(program).name in ("mdlcode", "__main__.py")
    return shlex.join(["mdlcode", *arguments] if own else ["python", program, *arguments])


class ResultsFolder:
    """A folder that holds one comparison: `results.json` and one `.npz` of bits a label for each code."""

    def __init__(self, folder: Path, force: bool) -> None:
        """With `force` a code's old result is replaced once there is a new one, and all others stay.

        Raises MdlError where results are there already and `force` does not say to replace them.
        """
        self._folder, self._made = folder, set[int]()
        if (folder / NAME).exists() and not force:
            raise MdlError(f"{folder} holds results already: name another `out`, or `force` to replace them")
        self._rows = _readable_rows(folder / NAME)

    def save(self, result: Result, transmission: "Transmission") -> None:
        """Writes a result, its bits by label and traces, in the place of the old one of that code, or at the end."""
        old = [i for i, row in enumerate(self._rows) if i not in self._made and row.get("code") == result.code]
        index = old[0] if old else len(self._rows)
        length = transmission.codelength
        arrays: dict[str, NDArray[Any]] = {
            "bits_by_label": length.bits_by_label,
            "correct_by_label": length.correct_by_label,
            **transmission.received.traces,
        }
        path = self._folder / f"{stem(index, result.code)}.npz"
        write_atomically(path, lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))
        self._rows[index : index + 1] = [asdict(result)]
        self._made.add(index)
        write_json(self._folder / NAME, self._rows)


def _readable_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of an older comparison; none where the file holds something else."""
    try:
        rows = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return []
    return rows if isinstance(rows, list) and all(isinstance(row, dict) for row in rows) else []
