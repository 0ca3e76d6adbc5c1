"""Weight codes: how a net's parameters and buffers are sent."""

from mdlcode.weights.base import AnyWeightCode, WeightCode, coded_tensors, parse_weights
from mdlcode.weights.coordinates import Coordinates
from mdlcode.weights.float16 import Float16
from mdlcode.weights.float32 import Float32
from mdlcode.weights.general import general_compressors
from mdlcode.weights.quantised import Quantised
from mdlcode.weights.quantisers import AsTrained, Grid, KMeans
from mdlcode.weights.symbols import Adaptive, Entropy, FixedWidth, Gaps
from mdlcode.weights.units import drop_dead_units

__all__ = [
    "Adaptive",
    "AnyWeightCode",
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
    "parse_weights",
]
