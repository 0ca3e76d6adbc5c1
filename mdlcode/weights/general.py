"""General-purpose compressors, as a yardstick for weight codes."""

import gzip
import importlib
import lzma
from collections.abc import Callable

Compressor = Callable[[bytes], bytes]


def general_compressors() -> dict[str, Compressor]:
    """Compressors by name, each at its strongest: gzip, and zstd where Python or a package has it, else xz.

    Python has zstd from 3.14 on (`compression.zstd`); before that the package `zstandard` does.

    >>> len(general_compressors()["gzip"](bytes(1000))) < 100
    True
    """
    return {"gzip": lambda raw: gzip.compress(raw, 9), **(_zstd() or {"xz": _xz})}


def _xz(raw: bytes) -> bytes:
    return lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)


def _zstd() -> dict[str, Compressor] | None:
    try:
        inbuilt = importlib.import_module("compression.zstd")
        return {"zstd": lambda raw: inbuilt.compress(raw, level=22)}
    except ImportError:
        pass
    try:
        package = importlib.import_module("zstandard")
        return {"zstd": lambda raw: package.ZstdCompressor(level=22).compress(raw)}
    except ImportError:
        return None
