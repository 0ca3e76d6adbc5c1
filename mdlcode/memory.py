"""Memory of freed arrays, which stays with the process for those that come next."""

import ctypes
import sys
from functools import cache

# Of glibc's malloc.h. Before 2.35 it took no threshold above 32 MiB.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_BYTES = 1 << 28, 1 << 25
_MOST_BYTES = 1 << 30


@cache
def keep_freed_memory() -> bool:
    """Whether the C library keeps freed arrays of up to 256 MiB each, 1 GiB together; it is told to by this.

    glibc gives large arrays back to the system as they are freed, and each page that comes anew costs as much as the
    work on it (man mallopt): a seventh of a training step on 512 images, a third of calibration. Others are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None or not any(mallopt(_MMAP_THRESHOLD, each) for each in _LARGEST_BYTES):
        return False
    return bool(mallopt(_TRIM_THRESHOLD, _MOST_BYTES))
