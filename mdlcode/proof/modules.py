"""The modules of one's own that a code needs, copied for Bob."""

import os
import shutil
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import mdlcode
from mdlcode.proof.confinement import installed


def copy_modules(to: Path, began_seconds: float) -> list[str]:
    """Copies every module that is loaded here and is not installed software, so that Bob may import it.

    Only the modules' own files are copied, no data beside them. Those that changed since `began_seconds` (of the
    clock) are left out, since what is written after Alice saw the labels may hold them; returns their names.
    """
    changed = []
    elsewhere = _installed_folders()
    for name, module in sorted(sys.modules.items()):
        file = _file(name, module)
        if file is None or any(file.is_relative_to(folder) for folder in elsewhere):
            continue
        if file.stat().st_ctime >= began_seconds:
            changed.append(name)
            continue
        parts = name.split(".")
        place = to.joinpath(*parts, file.name) if file.stem == "__init__" else to.joinpath(*parts[:-1], file.name)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    return changed


def _installed_folders() -> list[Path]:
    paths = [*installed(), *sysconfig.get_paths().values(), os.path.dirname(mdlcode.__file__)]
    return [Path(path) for path in paths] + [Path(path).resolve() for path in paths]


def _file(name: str, module: ModuleType) -> Path | None:
    """The file that `import name` would read; None for a script, a built-in and what was made at run time."""
    spec = getattr(module, "__spec__", None)
    path = getattr(module, "__file__", None)
    if spec is None or path is None or spec.name != name or not os.path.isfile(path):
        return None
    return Path(path).absolute()
