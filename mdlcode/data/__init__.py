"""Data sets as resident tensors: what both sides hold (`Shared`) and what Alice alone holds (labels)."""

from mdlcode.data.base import Data, Shared, from_arrays, from_dataset
from mdlcode.data.load import DATASETS, load, load_shared
from mdlcode.data.view import View

__all__ = ["DATASETS", "Data", "Shared", "View", "from_arrays", "from_dataset", "load", "load_shared"]
