"""Configs: every code and learner is a frozen pydantic dataclass, its own schema, told apart by `kind`.

`to_config` prints one as plain values, `from_config` reads it back; unknown keys are errors.
"""

import dataclasses
import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from pydantic import ConfigDict, ValidationError

from mdlcode.errors import MdlError
from mdlcode.typing import Config

# Abstract bases (`Learner`, `Code`) are no schemas: a field of that type takes any instance.
STRICT = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
T = TypeVar("T")


def to_config(value: Any) -> Any:
    """Plain values (dicts, lists, numbers, strings) that `from_config` turns back into `value`.

    >>> from mdlcode.codes import Uniform
    >>> to_config(Uniform())
    {'kind': 'uniform'}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_config(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: to_config(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [to_config(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return f"{type(value).__module__}:{type(value).__qualname__}"  # a user's own class, known by name alone


def from_config(config: Config, classes: Sequence[type[T]], what: str) -> T:
    """The object that a config describes: the one of `classes` whose `kind` it names, with its values.

    Raises MdlError with one line: an unknown kind (with the nearest), unknown keys, values out of range.
    """
    kinds = {cast(Any, each).kind: each for each in classes}
    kind = config.get("kind")
    if kind not in kinds:
        near = difflib.get_close_matches(str(kind), kinds, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"kinds: {', '.join(kinds)}"
        raise MdlError(f"no {what} of kind '{kind}': {hint}")
    try:
        return kinds[kind](**config)
    except ValidationError as error:
        raise MdlError(f"{what} '{kind}': {one_line(error)}") from None


def parsed(value: Any, classes: Sequence[type[T]], what: str) -> Any:
    """`from_config` for a mapping, anything else as it is: for fields that take either."""
    return from_config(dict(value), classes, what) if isinstance(value, Mapping) else value


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
    return dataclasses.replace(value, **new)


def shifted_seeds(value: T, shift: int) -> T:
    """The same config with `shift` added to every seed."""
    return replaced(value, "seed", lambda seed: seed + shift)


def one_line(error: ValidationError) -> str:
    """What is wrong with a config, in one line."""
    problems = []
    for each in error.errors():
        where = ".".join(str(part) for part in each["loc"])
        unknown = each["type"] in ("extra_forbidden", "unexpected_keyword_argument")
        problems.append(f"unknown key '{where}'" if unknown else f"{where}: {each['msg']}")
    return "; ".join(problems)
