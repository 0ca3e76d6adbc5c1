"""Weight codes: how a net's parameters and buffers are sent."""

from mdlcode.weights.base import WeightCode
from mdlcode.weights.float32 import Float32

WEIGHT_CODES: tuple[type[WeightCode], ...] = (Float32,)

__all__ = ["WEIGHT_CODES", "Float32", "WeightCode"]
