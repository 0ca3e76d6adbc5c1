"""Weight codes by name, for nets that a user has trained."""

from mdlcode.errors import MdlError
from mdlcode.validation import near
from mdlcode.weights.base import WeightCode
from mdlcode.weights.float16 import Float16
from mdlcode.weights.float32 import Float32
from mdlcode.weights.quantised import Quantised
from mdlcode.weights.quantisers import AsTrained, Grid, KMeans

NAMED: dict[str, WeightCode] = {
    "as-trained": Quantised(AsTrained(), units="sorted"),
    "k-means": Quantised(KMeans(16), units="sorted"),
    "grid": Quantised(Grid(15), units="sorted"),
    "float16": Float16(),
    "float32": Float32(),
}


def named(name: str) -> WeightCode:
    """The weight code of that name. Raises MdlError for an unknown one, with the nearest.

    >>> named("float16")
    Float16(kind='float16')
    """
    if name not in NAMED:
        raise MdlError(f"no weight code named '{name}'{near(name, NAMED)}: names: {', '.join(NAMED)}")
    return NAMED[name]
