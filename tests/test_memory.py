"""Freed memory that stays with the process."""

import resource
import sys

import numpy as np
import pytest

from mdlcode.memory import keep_freed_memory

LARGE = 1 << 26  # bytes, above what glibc would keep by itself


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is told to")
def test_no_page_of_a_large_array_comes_anew() -> None:
    if keep_freed_memory() < LARGE:
        pytest.skip("this C library can't be told to keep so large an array")
    np.ones(LARGE, dtype=np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        np.ones(LARGE, dtype=np.uint8)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < LARGE // resource.getpagesize()
