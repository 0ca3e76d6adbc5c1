"""Results read back from the folders that `compare` wrote."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mdlcode.errors import MdlError
from mdlcode.experiments.results import SCHEMA_VERSION, Result, stem, versions
from mdlcode.proof.proof import Proof
from mdlcode.typing import FloatArray

T = TypeVar("T")
_KEYS = {each.name for each in fields(Result)}
# What schema 1 called otherwise: fields of results.json, and arrays beside it.
_RENAMED = {"data_bits": "label_bits", "rates": "bit_prices"}
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
    try:
        rows = json.loads(path.read_text())
        return [_read(folder, index, row) for index, row in enumerate(rows)]
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise MdlError(f"{path} is damaged: {error}") from None


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
    theirs = dict(row.get("versions", {})).get("mdlcode", "unknown")
    if (schema := row.get("schema_version", 1)) > SCHEMA_VERSION:
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
    proof = row.get("proof")
    result = Result(**{**row, "proof": None if proof is None else Proof(**proof)})
    return Stored(result, _arrays(folder / f"{stem(index, result.code)}.npz", result))


def _under_new_names(values: Mapping[str, T]) -> dict[str, T]:
    return {_RENAMED.get(name, name): value for name, value in values.items()}


def _arrays(path: Path, result: Result) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as opened:
            arrays = _under_new_names({name: opened[name] for name in opened.files})
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise MdlError(f"{path} can't be read: {error}") from None
    if len(arrays.get("bits_by_label", ())) != result.num_labels:
        raise MdlError(f"{path} does not hold the bits of {result.num_labels} labels: it is damaged or of another run")
    return arrays
