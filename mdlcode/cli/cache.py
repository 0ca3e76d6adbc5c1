"""`mdlcode cache`."""

import re
from typing import Annotated

import typer

from mdlcode.cli import options as o
from mdlcode.cli.show import out
from mdlcode.errors import MdlError

Limit = Annotated[str | None, typer.Option(help="Keep at most so much from now on, such as 500MB; 5GB at first.")]
Clear = Annotated[bool, typer.Option("--clear", help="Drop everything.")]
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def cache(cache: o.Cache = None, limit: Limit = None, clear: Clear = False) -> None:
    """How much finished work is kept, and bounds it: the least recently used goes first."""
    from mdlcode import finished

    if limit is not None and clear:
        raise MdlError("`limit` keeps the newest and `clear` nothing: give one of them")
    wanted_bytes = None if limit is None else size_bytes(limit)
    finished.choose(cache, off=False)
    if (store := finished.in_use()) is None:
        raise MdlError("no cache is in use: name a folder with `cache`, or unset MDLCODE_CACHE")
    if clear:
        store.clear()
    if wanted_bytes is not None:
        store.set_limit(wanted_bytes)
    entries = store.entries()
    held = sum(each.size_bytes for each in entries)
    out.print(f"{len(entries):,} pieces of finished work, {_said(held)} of {_said(store.limit_bytes)}", highlight=False)
    out.print(f"in {store.folder}", highlight=False, soft_wrap=True)


def size_bytes(text: str) -> int:
    """The bytes that a person writes as 500MB or 1.5 GB. Raises MdlError for another text.

    >>> size_bytes("1.5 GB"), size_bytes("500")
    (1500000000, 500)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B?)", text.strip().upper())
    if found is None:
        raise MdlError(f"`limit` is '{text}': a size is needed, such as 500MB or 5GB")
    return round(float(found[1]) * _UNITS[found[2] if found[2] in _UNITS else f"{found[2]}B"])


def _said(count_bytes: int) -> str:
    for unit in ("B", "KB", "MB"):
        if count_bytes < 1000 * _UNITS[unit]:
            return f"{count_bytes / _UNITS[unit]:,.3g} {unit}"
    return f"{count_bytes / _UNITS['GB']:,.3g} GB"
