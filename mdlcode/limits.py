"""What may be asked for: steps and memory of any work, and the size and shape of what a file says.

Settings ask for work before it is begun. What comes to more than `max_steps` or `max_memory` is refused with the
numbers, before anything is built. The limits stand in the environment, so that processes that are started have them.
"""

import math
import os
from collections.abc import Iterable, Mapping

from mdlcode.errors import MdlError

STEPS, MEMORY = "MDLCODE_MAX_STEPS", "MDLCODE_MAX_MEMORY"  # the second in GiB
_MOST_STEPS, _MOST_GIB = 10**8, 16.0
_MOST_VALUES, _DEEPEST, _LONGEST_TEXT, _LARGEST_WHOLE = 10**6, 32, 10**5, 2**63 - 1


def allow(max_steps: int | None = None, max_memory: float | None = None) -> None:
    """Sets how many steps a piece of work may take, and how many GiB, in this process and those it starts.

    None leaves a limit as it is: 10^8 steps, and 16 GiB or what the machine has.
    """
    os.environ |= {name: str(each) for name, each in ((STEPS, max_steps), (MEMORY, max_memory)) if each is not None}


def require_steps(steps: int, what: str) -> None:
    """Raises MdlError for work of more steps than are allowed.

    >>> require_steps(10**12, "the code 'online'")
    Traceback (most recent call last):
    ...
    mdlcode.errors.MdlError: the code 'online' takes 1,000,000,000,000 steps, over 100,000,000: allow more (`max_steps`)
    """
    if steps > (most := int(_number(STEPS, _MOST_STEPS))):
        raise MdlError(f"{what} takes {steps:,} steps, over {most:,}: allow more (`max_steps`)")


def require_memory(needed_bytes: float, what: str) -> None:
    """Raises MdlError for what takes more memory than is allowed.

    >>> require_memory(1e15, "the net")
    Traceback (most recent call last):
    ...
    mdlcode.errors.MdlError: the net takes 931,322.6 GiB of memory, over 16: allow more (`max_memory`)
    """
    if needed_bytes > 2**30 * (most := _number(MEMORY, _default_gib())):
        gib = needed_bytes / 2**30
        raise MdlError(f"{what} takes {gib:,.1f} GiB of memory, over {most:.3g}: allow more (`max_memory`)")


def require_plain(value: object, what: str, finite: bool = True) -> None:
    """Raises MdlError unless a file's value is made of a million plain ones at most, none too deep, long or large.

    Plain are mappings of texts, lists, texts, numbers (finite ones, unless that is not asked), true, false and none.

    >>> require_plain({"lr": [0.1, float("inf")]}, "the config")
    Traceback (most recent call last):
    ...
    mdlcode.errors.MdlError: the config holds inf where a finite number is needed
    """
    level: list[object] = [value]
    count = 0
    for _ in range(_DEEPEST):
        if (count := count + len(level)) > _MOST_VALUES:
            raise MdlError(f"{what} holds more than {_MOST_VALUES:,} values")
        level = [inner for each in level for inner in _inner(each, what, finite)]
        if not level:
            return
    raise MdlError(f"{what} is nested more than {_DEEPEST} deep")


def _inner(value: object, what: str, finite: bool) -> Iterable[object]:
    """What a value holds. Raises MdlError for one that is not plain."""
    if isinstance(value, Mapping):
        if odd := [key for key in value if not isinstance(key, str)]:
            raise MdlError(f"{what} has the key {str(odd[0])[:40]!r}: keys are texts")
        return [*value, *value.values()]
    if isinstance(value, list):
        return value
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        raise MdlError(f"{what} holds a text of {len(value):,} letters, over {_LONGEST_TEXT:,}")
    if finite and isinstance(value, float) and not math.isfinite(value):
        raise MdlError(f"{what} holds {value} where a finite number is needed")
    if isinstance(value, int) and abs(value) > _LARGEST_WHOLE:
        raise MdlError(f"{what} holds a whole number over {_LARGEST_WHOLE}")
    if not isinstance(value, str | float | int | None):
        raise MdlError(f"{what} holds a {type(value).__name__}: put it into quotes, or leave it out")
    return ()


def _number(name: str, default: float) -> float:
    text = os.environ.get(name, "")
    try:
        return float(text) if text else default
    except ValueError:
        raise MdlError(f"{name}={text} in the environment is no number") from None


def _default_gib() -> float:
    try:
        return min(_MOST_GIB, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)
    except (AttributeError, ValueError, OSError):  # not said by this system
        return _MOST_GIB
