"""The array types of the library: labels and probabilities are numpy, inputs are torch tensors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Config = dict[str, Any]
