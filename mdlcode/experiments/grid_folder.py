"""The folder of a grid: a table of its nets, and for each net its weights, its losses and its forecasts."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from mdlcode.errors import MdlError
from mdlcode.experiments.results import command_line, versions
from mdlcode.files import is_scratch, make_folder, read_json, write_atomically, write_json, write_text
from mdlcode.learn.grid import Outcome
from mdlcode.measures.trained import History
from mdlcode.nets.tensors import read_tensors
from mdlcode.typing import FloatArray

ABOUT, TABLE = "grid.json", "models.csv"
Row = dict[str, str]


@dataclass(frozen=True)
class Facts:
    """What is known of a training besides its losses; `reason` says why it did not converge."""

    steps: int
    converged: bool
    reason: str
    seconds: float
    cpu_seconds: float

    @property
    def diverged(self) -> bool:
        """Whether there are no weights."""
        return self.reason.startswith("diverged")


@dataclass(frozen=True)
class GridFolder:
    """`models.csv`, `grid.json`, and the folders `weights`, `history` and `forecasts` with one file a net."""

    folder: Path

    def begin(self, about: Mapping[str, Any], signs: Mapping[str, int]) -> None:
        """Makes the folder, or finds it as it was left. Raises MdlError for one of other things or another grid."""
        if self.folder.exists() and not self.folder.is_dir():
            raise MdlError(f"{self.folder} is a file: name a folder for `out`")
        there: dict[str, Any] = {}
        if (self.folder / ABOUT).is_file():
            there = read_json(self.folder / ABOUT)
            _same(self.folder, json.loads(json.dumps(about)), there)
        elif self.folder.exists() and not all(map(is_scratch, self.folder.iterdir())):
            raise MdlError(f"{self.folder} is not empty and holds no grid: name another `out`")
        make_folder(self.folder)
        known = {**there.get("signs", {}), **signs}  # what it is comes first: whatever stops the work, it can go on
        write_json(self.folder / ABOUT, {**about, "signs": known, "versions": versions(), "command": command_line()})
        for part in ("weights", "history", "forecasts"):
            make_folder(self.folder / part)

    def is_trained(self, net: int) -> bool:
        """Whether the training of a net has ended, well or not."""
        return self._file("history", net).is_file()

    def has_forecasts(self, net: int) -> bool:
        """Whether what a net's prequential code is made from is there."""
        return self._file("forecasts", net).is_file()

    def write_outcome(self, net: int, outcome: Outcome) -> None:
        """Keeps a trained net; its history is written last, so that it is there only where all is."""
        if outcome.state:
            arrays = {name: each.numpy() for name, each in outcome.state.items()}
            write_atomically(self._file("weights", net), partial(_savez, arrays=arrays))
        history = {
            "losses": outcome.losses.astype(np.float32),
            "steps_per_epoch": outcome.steps_per_epoch,
            "converged": outcome.converged,
            "reason": outcome.reason,
            "seconds": outcome.seconds,
            "cpu_seconds": outcome.cpu_seconds,
        }
        write_atomically(self._file("history", net), partial(_savez, arrays=history))

    def write_forecasts(self, net: int, probs: FloatArray) -> None:
        """Keeps the probabilities (n, K) of a net's prequential code."""
        write_atomically(self._file("forecasts", net), partial(_savez, arrays={"probs": probs.astype(np.float32)}))

    def weights(self, net: int) -> dict[str, Tensor]:
        """The state of a trained net by name. Raises MdlError where it can't be read."""
        return read_tensors(self._file("weights", net))

    def history(self, net: int) -> History:
        """The losses along a training. Raises MdlError where they can't be read."""
        return History.read(self._file("history", net))

    def facts(self, net: int) -> Facts:
        """What else is known of it. Raises MdlError where it can't be read."""
        path = self._file("history", net)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return Facts(
                    len(arrays["losses"]),
                    bool(arrays["converged"]),
                    str(arrays["reason"]),
                    float(arrays["seconds"]),
                    float(arrays["cpu_seconds"]),
                )
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise MdlError(f"{path} is damaged: delete it, and the net is trained again ({error})") from None

    def forecasts(self, net: int) -> FloatArray | None:
        """The probabilities (n, K) of a prequential code in float64, rows of sum 1; None where there are none."""
        if not self.has_forecasts(net):
            return None
        [probs] = read_tensors(self._file("forecasts", net)).values()
        kept: FloatArray = probs.double().numpy()
        normed: FloatArray = kept / kept.sum(1, keepdims=True)
        return normed

    def rows(self) -> dict[int, Row]:
        """The rows of the table by the number of their net. Raises MdlError where it is damaged."""
        path = self.folder / TABLE
        if not path.is_file():
            return {}
        try:
            with path.open(newline="") as file:
                return {int(row["model"]): {k: v for k, v in row.items() if v} for row in csv.DictReader(file)}
        except (OSError, ValueError, KeyError, csv.Error) as error:
            raise MdlError(f"{path} is damaged: delete it, and the nets are measured again ({error})") from None

    def write_rows(self, rows: Mapping[int, Row]) -> None:
        """Writes the table, rows by number, a column for whatever any row has."""
        columns = list(dict.fromkeys(name for row in rows.values() for name in row))
        columns.sort(key=lambda name: name.endswith((".error", ".reason")))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[net] for net in sorted(rows))
        write_text(self.folder / TABLE, text.getvalue())

    def _file(self, part: str, net: int) -> Path:
        return self.folder / part / f"{net:04d}.npz"


def _same(folder: Path, about: Mapping[str, Any], there: Mapping[str, Any]) -> None:
    for key, value in about.items():
        if there.get(key) != value:
            raise MdlError(f"{folder} holds a grid of other {key}: {there.get(key)}, not {value}: name another `out`")


def _savez(file: Any, arrays: Mapping[str, Any]) -> None:
    np.savez(file, allow_pickle=False, **arrays)
