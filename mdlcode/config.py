"""Configs: every code and learner is a frozen pydantic dataclass, its own schema, told apart by `kind`.

`to_config` prints one as plain values, `from_config` reads it back; unknown keys are errors. A user's own class
needs no entry anywhere: its kind is `package.module:Class`.
"""

import dataclasses
import difflib
from abc import ABCMeta
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, TypeVar, cast

from pydantic import ConfigDict, Field, ValidationError

from mdlcode.errors import MdlError, in_one_line
from mdlcode.trust import imported
from mdlcode.typing import Config
from mdlcode.validation import one_line

# Abstract bases (`Learner`, `Code`) are no schemas: a field of that type takes any instance.
STRICT = ConfigDict(extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)
Seed = Annotated[int, Field(ge=0, le=2**62)]  # torch and numpy take 64 bits, and seeds are added up
T = TypeVar("T")


class _Checked(ABCMeta):
    """Classes whose settings, where they are wrong, are refused in one line."""

    def __call__(cls: type[T], *args: Any, **kwargs: Any) -> T:
        try:
            made: T = type.__call__(cls, *args, **kwargs)
        except ValidationError as error:
            raise MdlError(f"{cls.__name__}: {one_line(error, _names(cls))}") from None
        return made


class Settings(metaclass=_Checked):
    """The base of settings that are frozen pydantic dataclasses: a wrong one is an MdlError of one line.

    >>> from mdlcode.learn import Steps
    >>> Steps(batch_size=0)
    Traceback (most recent call last):
    ...
    mdlcode.errors.MdlError: Steps: `batch_size` is 0: at least 1 is needed
    """


def _names(cls: type) -> list[str]:
    """The names of a class's settings, in the order of its arguments."""
    fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    return [each.name for each in sorted(fields, key=lambda each: bool(each.kw_only))]


class Configurable(Settings):
    """The base of each family of objects that a config names by `kind`: codes, learners, weight codes, ...

    A subclass is in the family by being one. In the library it has a field `kind` with a default; outside its
    kind is `package.module:Class`, so that whoever has the module can read the config.
    """


class Kept:
    """The base of an object that is held as it is, since no text names it: a lambda, an estimator of odd settings.

    It can be measured, proved and pickled as far as it can be pickled itself. A config says of it what it is, and
    can't be turned back: who is to decode needs the object.
    """

    @property
    def said(self) -> str:
        """What it is, in words without a colon, which would name something to import."""
        raise NotImplementedError


def require_written(value: object, what: str) -> None:
    """Raises MdlError for what a config says in place of an object that was kept as it is."""
    if isinstance(value, Mapping) and set(value) == {"object"}:
        raise MdlError(
            f"{what} '{value['object']}' was given as an object, which no file holds: decode with the code that has it,"
            " or name it package.module:name"
        )


def kind_of(value: Configurable) -> str:
    """The kind of an object: a word for the library's own, else `package.module:Class`.

    >>> from mdlcode.codes import Uniform
    >>> kind_of(Uniform())
    'uniform'
    """
    cls = type(value)
    return str(cast(Any, value).kind) if _is_ours(cls) else f"{cls.__module__}:{cls.__qualname__}"


def kinds(family: type[T]) -> dict[str, type[T]]:
    """The library's classes of a family that are imported, by kind, the family itself among them if it has one.

    >>> from mdlcode.weights import WeightCode
    >>> sorted(kinds(WeightCode))
    ['coordinates', 'float16', 'float32', 'quantised']
    """
    return {cast(Any, cls).kind: cls for cls in _with_subclasses(family) if _is_ours(cls) and "kind" in vars(cls)}


def _with_subclasses(cls: type[T]) -> Iterator[type[T]]:
    yield cls
    for each in cls.__subclasses__():
        yield from _with_subclasses(each)


def _is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "mdlcode"


def to_config(value: Any) -> Any:
    """Plain values (dicts, lists, numbers, strings) that `from_config` turns back into `value`.

    Raises MdlError for what no config can hold, such as an object with attributes that is no dataclass.

    >>> from mdlcode.codes import Uniform
    >>> to_config(Uniform())
    {'kind': 'uniform'}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [to_config(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): to_config(each) for key, each in value.items()}
    if isinstance(value, Kept):
        return {"object": value.said}
    if not isinstance(value, Configurable):
        return _fields(value)
    held = {name: each for name, each in _fields(value).items() if name != "kind"}
    return {"kind": kind_of(value)} | held


def _fields(value: Any) -> Config:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_config(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if not isinstance(value, Configurable) or vars(value):
        name = type(value).__qualname__
        raise MdlError(f"'{name}' can't be printed as a config: make it a frozen dataclass of plain values")
    return {}


def from_config(config: Config, family: type[T], what: str) -> T:
    """The object that a config describes: the subclass of `family` that its `kind` names, with its values.

    A kind `package.module:Class` is imported: the config must be one's own, or its names be trusted (see
    `mdlcode.trust`). Raises MdlError with one line: an unknown kind (with the nearest), unknown keys, values
    out of range.
    """
    kind = config.get("kind")
    values = {key: each for key, each in config.items() if key != "kind"}
    cls = _class_of(kind, family, what)
    try:
        made: T = type.__call__(cls, **values)  # past `_Checked`, so that the line names the kind
        return made
    except ValidationError as error:
        raise MdlError(f"{what} '{kind}': {one_line(error, _names(cls))}") from None
    except TypeError as error:  # keys that are no names, or unknown to a class that is not pydantic's; an abstract one
        raise MdlError(f"{what} '{kind}': {in_one_line(error)}") from None


def _class_of(kind: object, family: type[T], what: str) -> type[T]:
    if isinstance(kind, str) and ":" in kind:
        found = imported(kind, what)
        if not (isinstance(found, type) and issubclass(found, family)):
            raise MdlError(f"'{kind}' is no {what}: a subclass of mdlcode's {family.__name__} is needed")
        return found
    known = kinds(family)
    if not isinstance(kind, str) or kind not in known:
        near = difflib.get_close_matches(in_one_line(kind), known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"kinds: {', '.join(known)}, or package.module:Class"
        raise MdlError(f"no {what} of kind '{in_one_line(kind)}': {hint}")
    return known[kind]


def parsed(value: Any, family: type[T], what: str) -> Any:
    """`from_config` for a mapping, anything else as it is: for fields that take either."""
    return from_config(dict(value), family, what) if isinstance(value, Mapping) else value


def replaced(value: T, name: str, change: Callable[[Any], Any]) -> T:
    """The same config with `change` applied to every field of that name, at any depth.

    >>> from mdlcode.learn import NetLearner
    >>> replaced(NetLearner(seed=1), "seed", lambda seed: seed + 2).seed
    3
    """
    if isinstance(value, tuple):
        return cast(T, tuple(replaced(each, name, change) for each in value))
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    fields = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    new = {key: change(old) if key == name else replaced(old, name, change) for key, old in fields.items()}
    try:
        return dataclasses.replace(value, **new)
    except ValidationError as error:
        raise MdlError(f"'{name}' can't be changed so: {one_line(error)}") from None


def shifted_seeds(value: T, shift: int) -> T:
    """The same config with `shift` added to every seed."""
    return replaced(value, "seed", lambda seed: seed + shift)
