"""Estimators as plain settings: an object becomes its class and parameters, and these become an object again."""

import inspect
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass as pydantic_dataclass

from mdlcode.config import STRICT, Kept, Seed, require_written
from mdlcode.errors import MdlError
from mdlcode.learn.base import Learner
from mdlcode.trust import imported, name_of
from mdlcode.validation import shown

Params = tuple[tuple[str, Any], ...]  # by name: None, truth values, numbers, texts, tuples of these, and `Nested`


@dataclass(frozen=True)
class Nested:
    """An estimator among the parameters of another one, by `package.module:Class` and its own parameters."""

    estimator: str
    params: Params


@dataclass(frozen=True)
class OwnEstimator(Kept):
    """An estimator whose parameters no text holds, such as one of a function or of a mapping, as pickled bytes."""

    pickled: bytes

    @property
    def said(self) -> str:
        """Its class."""
        cls = type(self.made())
        module = (name_of(cls) or cls.__module__).partition(":")[0]
        return f"{cls.__qualname__} of {module}"

    def made(self) -> Any:
        """A new one that has learned nothing."""
        return pickle.loads(self.pickled)

    def __str__(self) -> str:
        return self.said


class _NotPlain(Exception):  # noqa: N818
    """A value that no config holds."""


def parse_estimator(value: Any) -> Any:
    """A name as it is, a class as its name; an object that has `get_params` is left to `described`.

    Raises MdlError for another thing, and for the words that stand for an `OwnEstimator` in a config.

    >>> from sklearn.svm import SVC
    >>> parse_estimator(SVC)
    'sklearn.svm:SVC'
    """
    require_written(value, "the estimator")
    if isinstance(value, str | OwnEstimator) or (hasattr(value, "get_params") and not isinstance(value, type)):
        return value
    if isinstance(value, type) and (name := name_of(value)) is not None:
        return name
    raise MdlError(f"`estimator` is {shown(value)}: package.module:Class is needed, or an estimator")


def parse_params(value: Any) -> Params:
    """Parameters from a mapping or from pairs, sorted by name; `{estimator: ..., params: ...}` is an estimator.

    >>> parse_params({"cv": 3, "estimator": {"estimator": "sklearn.svm:SVC", "params": {"C": 2}}})
    (('cv', 3), ('estimator', Nested(estimator='sklearn.svm:SVC', params=(('C', 2),))))
    """
    pairs = value.items() if isinstance(value, Mapping) else value
    if not isinstance(value, Mapping | list | tuple) or not all(_is_pair(each) for each in pairs):
        raise MdlError(f"`params` is {shown(value)}: a mapping of parameters is needed")
    return tuple(sorted((name, _parsed(name, each)) for name, each in pairs))


def described(estimator: Any) -> tuple[str | OwnEstimator, Params]:
    """The class by name and those parameters that are not its defaults; the object itself where these are not plain.

    Raises MdlError for an object that can't be copied.

    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> described(make_pipeline(SVC(C=2.0)))
    ('sklearn.pipeline:Pipeline', (('steps', (('svc', Nested(estimator='sklearn.svm:SVC', params=(('C', 2.0),))),)),))
    """
    try:
        nested = _nested(estimator)
        return nested.estimator, nested.params
    except _NotPlain:
        return OwnEstimator(_pickled(estimator)), ()


AnyEstimator = Annotated[Any, BeforeValidator(parse_estimator)]


@pydantic_dataclass(frozen=True, config=STRICT)
class OfEstimator(Learner):
    """A learner that fits an estimator: one by `module:Class` and its parameters, or an object with `get_params`."""

    estimator: AnyEstimator
    params: Annotated[Params | Mapping[str, Any], BeforeValidator(parse_params)] = ()
    seed: Seed = 0

    def __post_init__(self) -> None:
        if not isinstance(self.estimator, str | OwnEstimator):
            if self.params:
                raise MdlError("`params` go with the name of an estimator: set those of an object on the object")
            name, params = described(self.estimator)
            object.__setattr__(self, "estimator", name)
            object.__setattr__(self, "params", params)

    @property
    def name(self) -> str:
        """Its class, for notes and errors."""
        return str(self.estimator).rpartition(":")[2]

    def steps(self, num_labels: int) -> int:
        """The largest whole number among the parameters, such as that of trees or of iterations; 1 without any."""
        return max([1, *whole_numbers(self.params)])


def made(name: str, params: Params) -> Any:
    """A new estimator. Raises MdlError where it can't be imported, or does not take these parameters."""
    cls = imported(name, "estimator")
    try:
        return cls(**{key: _made(value) for key, value in params})
    except (TypeError, ValueError) as error:
        raise MdlError(f"estimator '{name}' can't be made: {error}") from None


def whole_numbers(value: Any) -> Iterator[int]:
    """The whole numbers among parameters, nested ones too, seeds left out.

    >>> sorted(whole_numbers((("cv", 3), ("estimator", Nested("a:B", (("n", 7), ("random_state", 9)))))))
    [3, 7]
    """
    if type(value) is int:
        yield value
    elif isinstance(value, Nested):
        yield from whole_numbers(value.params)
    elif isinstance(value, tuple) and value[:1] != ("random_state",):
        for each in value:
            yield from whole_numbers(each)


def _made(value: Any) -> Any:
    if isinstance(value, Nested):
        return made(value.estimator, value.params)
    if isinstance(value, tuple):
        items = [_made(each) for each in value]
        return items if _is_steps(items) else tuple(items)
    return value


def _nested(estimator: Any) -> Nested:
    name = name_of(type(estimator))
    if name is None or not hasattr(estimator, "get_params"):
        raise _NotPlain
    defaults = _defaults(type(estimator))
    changed = [(key, each) for key, each in estimator.get_params(deep=False).items() if not _same(each, defaults, key)]
    return Nested(name, tuple(sorted((key, _plain(key, each)) for key, each in changed)))


def _plain(name: str, value: Any) -> Any:
    """The value of an object's parameter as a config holds it. Raises `_NotPlain` where none does."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        return _nested(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        raise _NotPlain
    if isinstance(value, tuple) or (isinstance(value, list) and _is_steps(value)):
        return tuple(_plain(name, each) for each in value)
    if value is not None and not isinstance(value, bool | int | float | str):
        raise _NotPlain
    _refuse_cache(name, value)
    return value


def _parsed(name: str, value: Any) -> Any:
    """The value of a parameter in a config, or as a caller gives it."""
    if isinstance(value, Mapping) and "estimator" in value and set(value) <= {"estimator", "params"}:
        return Nested(str(value["estimator"]), parse_params(value.get("params", {})))
    if isinstance(value, list | tuple):
        return tuple(_parsed(name, each) for each in value)
    try:
        return value if isinstance(value, Nested) else _plain(name, value)
    except _NotPlain:
        raise MdlError(
            f"parameter '{name}' of an estimator is {shown(value)}, which no config holds: give the estimator itself"
        ) from None


def _refuse_cache(name: str, value: Any) -> None:
    """A cache is a folder of pickles: what a message names is not to be opened or written."""
    if name == "memory" and value is not None:
        raise MdlError("an estimator that keeps a cache on disk (`memory`) is not taken: leave that out")


def _defaults(cls: type) -> dict[str, Any]:
    """The defaults of a class's parameters, those of its bases among them."""
    found: dict[str, Any] = {}
    for each in reversed(cls.__mro__[:-1]):
        if "__init__" in vars(each):
            parameters = inspect.signature(each.__init__).parameters  # type: ignore[misc]
            found |= {key: one.default for key, one in parameters.items() if one.default is not one.empty}
    return found


def _same(value: Any, defaults: Mapping[str, Any], name: str) -> bool:
    default = defaults.get(name, inspect.Parameter.empty)
    return value is default or (
        type(value) is type(default) and isinstance(value, str | int | float) and value == default
    )


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and isinstance(value[0], str)


def _is_steps(values: list[Any]) -> bool:
    """Whether a list is of named steps, as `Pipeline` takes them."""
    return bool(values) and all(isinstance(each, tuple) and each and isinstance(each[0], str) for each in values)


def _pickled(estimator: Any) -> bytes:
    from sklearn.base import clone

    try:
        return pickle.dumps(clone(estimator))
    except Exception as error:  # whatever a user's class raises
        name = type(estimator).__name__
        raise MdlError(
            f"estimator {name} can't be copied: {' '.join(str(error).split())}; put into a module what it"
            " holds, such as functions"
        ) from None
