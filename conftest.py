"""Every test and doctest starts from the same random state, whatever ran before it."""

from importlib.util import find_spec

import pytest
import torch

# What is packed for engines needs one of their extras.
collect_ignore = [] if find_spec("cloudpickle") else ["mdlcode/engines/packing.py", "mdlcode/engines/carried.py"]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
