"""Weight codes: how a net's parameters and buffers are sent."""

from mdlcode.weights.base import WeightCode, coded_tensors
from mdlcode.weights.coordinates import Coordinates
from mdlcode.weights.float16 import Float16
from mdlcode.weights.float32 import Float32
from mdlcode.weights.general import general_compressors
from mdlcode.weights.quantised import Quantised
from mdlcode.weights.quantisers import AsTrained, Grid, KMeans
from mdlcode.weights.symbols import Adaptive, Entropy, FixedWidth, Gaps
from mdlcode.weights.units import drop_dead_units

WEIGHT_CODES: tuple[type[WeightCode], ...] = (Float32, Float16, Quantised, Coordinates)

__all__ = [
    "WEIGHT_CODES",
    "Adaptive",
    "AsTrained",
    "Coordinates",
    "Entropy",
    "FixedWidth",
    "Float16",
    "Float32",
    "Gaps",
    "Grid",
    "KMeans",
    "Quantised",
    "WeightCode",
    "coded_tensors",
    "drop_dead_units",
    "general_compressors",
]
