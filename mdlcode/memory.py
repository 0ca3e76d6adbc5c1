"""Memory of freed arrays, which stays with the process for those that come next."""

import ctypes
import sys
from functools import cache

# Of glibc's malloc.h. Older ones take no threshold above 32 MiB.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_BYTES = 1 << 28, 1 << 25
_MOST_BYTES = 1 << 30


@cache
def keep_freed_memory() -> int:
    """Up to how many bytes a freed array may have that the C library keeps, 1 GiB together; it is told to by this.

    glibc gives large arrays back to the system as they are freed, and each page that comes anew costs as much as the
    work on it (man mallopt): a seventh of a training step on 512 images, a third of calibration. Others are left
    alone: that is 0.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None or not mallopt(_TRIM_THRESHOLD, _MOST_BYTES):
        return 0
    return next((each for each in _LARGEST_BYTES if mallopt(_MMAP_THRESHOLD, each)), 0)
