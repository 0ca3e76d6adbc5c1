"""Results read back from the folders that `compare` wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from mdlcode.archives import npz_arrays
from mdlcode.errors import MdlError
from mdlcode.experiments.results import NAME, SCHEMA_VERSION, Result, stem, versions
from mdlcode.files import read_plain_json
from mdlcode.typing import FloatArray
from mdlcode.validation import one_line

T = TypeVar("T")
_KEYS = {each.name for each in fields(Result)}
# What schema 1 called otherwise: fields of results.json, and arrays beside it.
_RENAMED = {"data_bits": "label_bits", "rates": "bit_prices"}
_LONGEST_NAME = 200
_SCHEMA = TypeAdapter(Result)
_NONE = np.zeros(0, dtype=np.bool_)
_NEEDED = {each.name for each in fields(Result) if each.default is MISSING}


@dataclass(frozen=True, eq=False)
class Stored:
    """One code's result and its arrays, as they lie in a results folder.

    `arrays` has `bits_by_label` (n,), `correct_by_label` (n,) and the traces of the code: for a prequential
    one `block_stops` (S,), after how many labels each block ends, and `expert_weights` (n, E).
    """

    result: Result
    arrays: Mapping[str, NDArray[Any]]

    @property
    def name(self) -> str:
        """The code's name."""
        return self.result.code

    @property
    def bits_by_label(self) -> FloatArray:
        """Bits of each label (n,), in the order sent."""
        bits: FloatArray = self.arrays["bits_by_label"]
        return bits

    @property
    def expert_weights(self) -> FloatArray:
        """Weight of each expert at each label (n, E); one expert for a code that has none."""
        weights: FloatArray = self.arrays.get("expert_weights", np.ones((self.result.num_labels, 1)))
        return weights

    @property
    def bits_after_label(self) -> FloatArray:
        """Bits spent after each label (n,): the model's, then the labels' one by one; the last is the total."""
        spent: FloatArray = self.result.model_bits + np.cumsum(self.bits_by_label)
        return spent


def read_results(folder: Path) -> list[Stored]:
    """What `compare --out FOLDER` stored, code by code; results of an older schema under today's names.

    Raises MdlError for a folder that holds no results, results that a newer version wrote or that have other
    fields, and files that are damaged.
    """
    path = folder / "results.json"
    if not path.is_file():
        raise MdlError(f"{folder} is no results folder, it has no results.json, which `mdlcode compare` writes")
    rows = read_plain_json(path)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise MdlError(f"{path} is damaged: it is no list of results")
    return [_read(folder, index, row) for index, row in enumerate(rows)]


def read_runs(folders: Sequence[Path], codes: Sequence[str] | None = None) -> list[Stored]:
    """All results of several folders, or those of the named codes; a name met twice gets its folder's before it.

    Raises MdlError as `read_results` does, and for a name that is in none of them.
    """
    found = [(folder, run) for folder in folders for run in read_results(folder)]
    names = [run.name for _, run in found]
    if missing := [code for code in codes or () if code not in names]:
        raise MdlError(f"no code '{missing[0]}' in the results, there are: {', '.join(dict.fromkeys(names))}")
    kept = [(folder, run) for folder, run in found if codes is None or run.name in codes]
    return [_renamed(run, folder) if names.count(run.name) > 1 and len(folders) > 1 else run for folder, run in kept]


def _renamed(run: Stored, folder: Path) -> Stored:
    return replace(run, result=replace(run.result, code=f"{folder.resolve().name}: {run.name}"))


def _read(folder: Path, index: int, row: dict[str, Any]) -> Stored:
    versions_there = row.get("versions")
    theirs = versions_there.get("mdlcode", "unknown") if isinstance(versions_there, dict) else "unknown"
    schema = row.get("schema_version", 1)
    if not isinstance(schema, int):
        raise MdlError(f"{folder / NAME} is damaged, result {index}: its schema has no number")
    if schema > SCHEMA_VERSION:
        raise MdlError(
            f"{folder} was made by mdlcode {theirs} with results of schema {schema}, and here schemas up to"
            f" {SCHEMA_VERSION} are known: read it with that version, or measure again"
        )
    row = _under_new_names(row) | {"schema_version": SCHEMA_VERSION}
    if not (_NEEDED <= set(row) <= _KEYS):
        odd = ", ".join(sorted((_NEEDED - set(row)) | (set(row) - _KEYS)))
        raise MdlError(
            f"{folder} was made by mdlcode {theirs}, here is {versions()['mdlcode']} and its fields differ"
            f" ({odd}): measure again, or read it with that version"
        )
    try:
        result = _SCHEMA.validate_python(row)
    except ValidationError as error:
        raise MdlError(f"{folder / NAME} is damaged, result {index}: {one_line(error)}") from None
    if not (result.num_labels > 0 and result.num_classes > 1 and min(result.total_bits, result.uniform_bits) > 0):
        raise MdlError(f"{folder / NAME} is damaged, result {index}: there are no labels, classes or bits")
    if (longest := max(map(len, (result.code, *result.bits_by_part)))) > _LONGEST_NAME:
        raise MdlError(f"{folder / NAME} is damaged, result {index}: a name of {longest:,} letters")
    return Stored(result, _arrays(folder / f"{stem(index, result.code)}.npz", result))


def _under_new_names(values: Mapping[str, T]) -> dict[str, T]:
    return {_RENAMED.get(name, name): value for name, value in values.items()}


def _arrays(path: Path, result: Result) -> dict[str, NDArray[Any]]:
    arrays = _under_new_names(npz_arrays(path))
    bits, correct = (arrays.get(name, _NONE) for name in ("bits_by_label", "correct_by_label"))
    if bits.shape != (result.num_labels,) or bits.dtype.kind != "f" or not np.isfinite(bits).all():
        raise MdlError(f"{path} does not hold the bits of {result.num_labels} labels: it is damaged or of another run")
    if correct.shape not in ((0,), bits.shape) or correct.dtype.kind != "b":
        raise MdlError(f"{path} does not say which of {result.num_labels} labels were likeliest: it is damaged")
    for name, each in arrays.items():
        if each.dtype.kind not in "fiub":
            raise MdlError(f"{path} is damaged: '{name}' holds no numbers")
    weights, stops = arrays.get("expert_weights"), arrays.get("block_stops")
    if weights is not None and (weights.ndim != 2 or len(weights) != len(bits) or not np.isfinite(weights).all()):
        raise MdlError(f"{path} is damaged: the weights of experts are not one row a label")
    if stops is not None and not _rises(stops, len(bits)):
        raise MdlError(f"{path} is damaged: its blocks do not end with its labels")
    return arrays


def _rises(stops: NDArray[Any], last: int) -> bool:
    """Whether stops (S,) rise from above zero to the last label."""
    return stops.ndim == 1 and len(stops) > 0 and bool((np.diff(stops, prepend=0) > 0).all()) and stops[-1] == last
