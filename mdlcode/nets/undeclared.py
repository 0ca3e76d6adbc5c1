"""Numbers that a net holds outside of its parameters and buffers: no code would send them."""

import types
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor, nn

from mdlcode.errors import MdlError

_MOST = 16  # numbers in one list or tuple: sizes of kernels, say
_MOST_CHARACTERS = 1000
# Modules of installed software hold what they hold for every net.
_KNOWN = ("torch", "torchvision", "numpy", "mdlcode", "pyro", "builtins", "functools", "collections", "typing", "math")


def require_declared(net: nn.Module) -> None:
    """Raises MdlError for a net that holds a table outside of its parameters and buffers.

    Tensors and arrays of more than one number, lists of more than 16 and texts of more than 1,000 characters are
    looked for in plain attributes, in closures and default values of functions, and among the globals and
    constants that these functions name.

    >>> net = nn.Linear(2, 2)
    >>> require_declared(net)
    >>> net.table = [0, 1] * 100
    >>> require_declared(net)
    Traceback (most recent call last):
    ...
    mdlcode.errors.MdlError: the net holds 200 numbers in 'table', which no code sends: register them as a buffer
    """
    for place, count in undeclared(net):
        raise MdlError(f"the net holds {count:,} numbers in '{place}', which no code sends: register them as a buffer")


def undeclared(net: nn.Module) -> Iterator[tuple[str, int]]:
    """Places and sizes of the tables that a net holds outside of its parameters and buffers."""
    seen = {id(each) for each in (*net.parameters(), *net.buffers())}
    for name, module in net.named_modules():
        seen.add(id(module))
        place = f"{name}." if name else ""
        if type(module).__module__.startswith("mdlcode."):  # the library's own layers hold what codes send
            continue
        for key, value in vars(module).items():
            if key not in ("_parameters", "_buffers", "_modules"):
                yield from _tables(f"{place}{key}", value, seen)
        if not _is_known(type(module)):
            yield from _tables(f"{place}{type(module).__name__}", type(module), seen)


def _tables(place: str, value: Any, seen: set[int]) -> Iterator[tuple[str, int]]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if (count := _size(value)) > 0:
        yield place, count
        return
    for name, part in _parts(value):
        yield from _tables(f"{place}.{name}", part, seen)


def _size(value: Any) -> int:
    """How many numbers a table holds; 0 for what is none."""
    if isinstance(value, Tensor | np.ndarray):
        count = value.numel() if isinstance(value, Tensor) else value.size
        return count if count > 1 else 0
    if isinstance(value, str | bytes | bytearray):
        return len(value) if len(value) > _MOST_CHARACTERS else 0
    if isinstance(value, list | tuple | set | frozenset | range):
        numbers = sum(isinstance(each, bool | int | float | np.generic) for each in value)
        return numbers if numbers > _MOST else 0
    if isinstance(value, Mapping):
        return _size([*value.values()]) or _size([*value])
    return 0


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What hangs on a value, by name."""
    if isinstance(value, Mapping):
        yield from ((str(key), each) for key, each in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((str(index), each) for index, each in enumerate(value))
    elif isinstance(value, partial):
        yield from (("func", value.func), ("args", value.args), ("keywords", value.keywords))
    elif isinstance(value, types.MethodType):
        yield from (("function", value.__func__), ("self", value.__self__))
    elif isinstance(value, types.FunctionType) and not _is_known(value):
        yield from _function_parts(value)
    elif isinstance(value, property | staticmethod | classmethod):
        yield "function", getattr(value, "fget", None) or getattr(value, "__func__", None)
    elif isinstance(value, type) and not _is_known(value):
        yield from ((name, each) for name, each in vars(value).items() if name != "__doc__")
        yield from ((base.__name__, base) for base in value.__bases__)
    elif not _is_known(type(value)) and not isinstance(value, type | types.ModuleType):
        yield from (("class", type(value)), *getattr(value, "__dict__", {}).items())


def _function_parts(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # a cell that is still empty
            yield name, cell.cell_contents
    yield from (("defaults", function.__defaults__), ("keywords", function.__kwdefaults__))
    yield from ((name, function.__globals__[name]) for name in code.co_names if name in function.__globals__)
    yield from _constants(code)


def _constants(code: types.CodeType) -> Iterator[tuple[str, Any]]:
    for each in code.co_consts[1:] if code.co_consts and isinstance(code.co_consts[0], str) else code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _constants(each)
        else:
            yield "constants", each


def _is_known(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "builtins")).partition(".")[0] in _KNOWN
