"""The named codes of the command, and how a net, a seed or a list of nets changes any code."""

import difflib

from mdlcode.codes.base import Code
from mdlcode.codes.best_of import BestOf
from mdlcode.codes.prequential import Prequential
from mdlcode.codes.two_part import TwoPart
from mdlcode.codes.uniform import Uniform
from mdlcode.config import replaced
from mdlcode.errors import MdlError

PRESETS: dict[str, Code] = {
    "uniform": Uniform(),
    "float32": TwoPart(),
    "prequential": Prequential(),
}


def preset(name: str) -> Code:
    """The code of that name; raises MdlError for an unknown one, with the nearest.

    >>> preset("uniform")
    Uniform(kind='uniform')
    """
    if name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"names: {', '.join(PRESETS)}"
        raise MdlError(f"no code named '{name}': {hint}")
    return PRESETS[name]


def adapted(code: Code, archs: list[str], seed: int) -> Code:
    """The code with `seed` added to all its seeds, and its "auto" nets replaced by the one named.

    With several nets it becomes the best of the codes with each, which pays log2 m bits for the choice.

    >>> adapted(preset("prequential"), ["lenet5"], seed=1).learners[0].arch
    'lenet5'
    """
    seeded = replaced(code, "seed", lambda old: old + seed)
    codes = [replaced(seeded, "arch", lambda old, arch=arch: arch if old == "auto" else old) for arch in archs]
    return BestOf(tuple(codes)) if len(set(codes)) > 1 else codes[0]
