"""Inputs as plain features, for whatever is no net."""

import numpy as np
from torch import Tensor

from mdlcode.data.base import Shared
from mdlcode.typing import FloatArray


def standardised(inputs: Tensor, shared: Shared) -> FloatArray:
    """Inputs (m, features) in float64, flat, of mean 0 and deviation 1 over the shared inputs' channels.

    Of sequences they are rows for each token (m T, features): its vector, or 1 at its number.
    """
    if shared.sequences is not None and shared.sequences.vocabulary:
        ones: FloatArray = np.eye(shared.sequences.vocabulary)[inputs.cpu().numpy().ravel()]
        return ones
    mean, std = shared.moments
    scaled = (inputs.float() - mean) / std
    rows = scaled.flatten(1) if shared.sequences is None else scaled.flatten(0, 1)
    flat: FloatArray = rows.double().cpu().numpy()
    return flat
