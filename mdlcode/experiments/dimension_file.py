"""An intrinsic dimension as a file that a person can read and a figure is drawn from."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mdlcode.config import to_config
from mdlcode.data.base import Data
from mdlcode.environment import Environment
from mdlcode.errors import MdlError
from mdlcode.experiments.results import versions
from mdlcode.files import at_work, locked, was_stopped, write_json
from mdlcode.measures.dimension import IntrinsicDimension
from mdlcode.measures.dimension_search import DimensionSearch
from mdlcode.typing import Config

NAME = "dimension.json"


class DimensionFile:
    """`dimension.json` in a folder: rewritten after each dimension, so that what was trained is kept."""

    def __init__(self, path: Path, about: Config) -> None:
        self._path, self._about = path, about

    def save(self, found: IntrinsicDimension) -> None:
        """Writes what is known so far."""
        write_json(self._path, self._about | found.report())


@contextmanager
def dimension_file(
    folder: Path, force: bool, data: Data, search: DimensionSearch, view: Config
) -> Iterator[DimensionFile]:
    """The file in a folder that nobody else may write into; the same search that was ended there goes on.

    Raises MdlError where the file is there already and `force` does not say to replace it.
    """
    about = {
        "dataset": data.name,
        "num_labels": len(data),
        "view": view,
        "arch": str(search.learner.arch),
        "config": to_config(search),
        "device": Environment.here(data.shared.inputs.device).device,
        "versions": versions(),
    }
    with locked(folder):
        if (folder / NAME).exists() and not (force or was_stopped(folder, json.dumps(about))):
            raise MdlError(f"{folder} holds a {NAME} already: name another `out`, or `force` to replace it")
        with at_work(folder, json.dumps(about)):
            yield DimensionFile(folder / NAME, about)
