"""The pieces of work that tables and figures of a reproduction are made from; what is there is read back."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from mdlcode import progress
from mdlcode.codes.base import Code
from mdlcode.config import to_config
from mdlcode.data.base import Data
from mdlcode.errors import MdlError
from mdlcode.experiments.compare import measure_each
from mdlcode.experiments.stored import Stored, read_results
from mdlcode.files import read_json, write_json

T_co = TypeVar("T_co", covariant=True)


class Piece(Protocol[T_co]):
    """Work whose result is a file: a pure function of the piece, which may be done in any process."""

    @property
    def name(self) -> str:
        """The name of its file or folder."""

    def done(self, folder: Path) -> T_co:
        """What it comes to, made now or read back from `folder`. Raises MdlError for one of other settings."""


@dataclass(frozen=True)
class Run:
    """A code on a data set; `label` is its name in tables and figures."""

    name: str
    label: str
    load: Callable[[], Data]
    code: Code

    def done(self, folder: Path) -> Stored:
        """The code's result, measured now or read back."""
        place = folder / self.name
        if not (place / "results.json").is_file():
            [result] = measure_each(self.load(), [(self.label, self.code)], place)
            progress.say(f"{self.name}: {result.total_bits:,.1f} bits in {result.seconds:,.1f} s")
        [stored] = read_results(place)
        _same_settings(place, stored.result.config, to_config(self.code))
        return stored


@dataclass(frozen=True)
class Values:
    """Plain values of any other experiment with these settings.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     Values("square", {"of": 3}, lambda: 9).done(Path(folder))
    9
    """

    name: str
    settings: Any
    compute: Callable[[], Any]

    def done(self, folder: Path) -> Any:
        """The values, computed now or read back."""
        place = folder / f"{self.name}.json"
        if not place.is_file():
            begin = time.perf_counter()
            write_json(place, {"settings": self.settings, "values": self.compute()})
            progress.say(f"{self.name}: done in {time.perf_counter() - begin:,.1f} s")
        stored = read_json(place)
        _same_settings(place, stored.get("settings"), self.settings)
        return stored["values"]


def _same_settings(path: Path, stored: Any, wanted: Any) -> None:
    if stored != json.loads(json.dumps(wanted)):
        raise MdlError(f"{path} was measured with other settings: name another `out`, or delete it")
