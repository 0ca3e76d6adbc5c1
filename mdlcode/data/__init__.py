"""Data sets as resident tensors: what both sides hold (`Shared`) and what Alice alone holds (labels)."""

from mdlcode.data.arrays import from_arrays
from mdlcode.data.base import Data, Shared
from mdlcode.data.bins import Bins
from mdlcode.data.classes import ClassList
from mdlcode.data.load import DATASETS, load, load_shared
from mdlcode.data.sequences import Sequences
from mdlcode.data.standardise import Given
from mdlcode.data.text import from_text
from mdlcode.data.torch_datasets import from_dataset
from mdlcode.data.view import View

__all__ = [
    "DATASETS",
    "Bins",
    "ClassList",
    "Data",
    "Given",
    "Sequences",
    "Shared",
    "View",
    "from_arrays",
    "from_dataset",
    "from_text",
    "load",
    "load_shared",
]
