"""An intrinsic dimension as a file that a person can read and a figure is drawn from."""

from pathlib import Path

from mdlcode.config import to_config
from mdlcode.data.base import Data
from mdlcode.environment import Environment
from mdlcode.errors import MdlError
from mdlcode.experiments.results import versions
from mdlcode.files import make_folder, write_json
from mdlcode.measures.dimension import IntrinsicDimension
from mdlcode.measures.dimension_search import DimensionSearch
from mdlcode.typing import Config

NAME = "dimension.json"


class DimensionFile:
    """`dimension.json` in a folder: rewritten after each dimension, so that what was trained is kept."""

    def __init__(self, folder: Path, force: bool, data: Data, search: DimensionSearch, view: Config) -> None:
        """Raises MdlError where the file is there already and `force` does not say to replace it."""
        self._path = folder / NAME
        make_folder(folder)
        if self._path.exists() and not force:
            raise MdlError(f"{folder} holds a {NAME} already: name another `out`, or `force` to replace it")
        self._about = {
            "dataset": data.name,
            "num_labels": len(data),
            "view": view,
            "arch": str(search.learner.arch),
            "config": to_config(search),
            "device": Environment.here(data.shared.inputs.device).device,
            "versions": versions(),
        }

    def save(self, found: IntrinsicDimension) -> None:
        """Writes what is known so far."""
        write_json(self._path, self._about | found.report())
