"""What may be imported by name: one rule for nets, estimators and a user's own classes.

A `package.module:name` runs that module's code. Whoever writes a config, a command or a line of Python may name
what they like. What a message or a net's file names was written by somebody else, so it is imported only if it
is a public estimator of scikit-learn, or is named in `trusted` (on the command line: `--trust`).
"""

import sys
from collections.abc import Collection, Mapping
from importlib import import_module
from itertools import accumulate
from typing import Any

from mdlcode.errors import MdlError


def imported(name: str, what: str) -> Any:
    """The object that `package.module:name` names, `what` being what it is to be, for errors.

    Raises MdlError where the text has another form or the import fails.

    >>> imported("math:gcd", "function")(12, 18)
    6
    """
    module, _, path = name.partition(":")
    if not module or not path or module.startswith("."):
        raise MdlError(f"{what} {name!r} can't be imported: its form must be package.module:name")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except Exception as error:  # the module is a user's, so it may raise anything
        local = module == "__main__" or "<locals>" in path
        hint = "; what a script or a function defines has no name elsewhere: put it into a module" if local else ""
        raise MdlError(f"{what} {name!r} can't be imported: {' '.join(str(error).split())}{hint}") from None
    return found


def name_of(thing: object) -> str | None:
    """The `package.module:name` under which a function or class is imported, the shortest there is.

    None for what has no name outside of this process: a lambda, or what a script, notebook or function defines.

    >>> from sklearn.svm import SVC
    >>> name_of(SVC), name_of(lambda shape: None)
    ('sklearn.svm:SVC', None)
    """
    home, path = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if not home or not path or home == "__main__":
        return None
    for package in accumulate(home.split("."), "{}.{}".format):
        found: Any = sys.modules.get(package)
        if getattr(found, "__spec__", None) is None:  # made at run time
            return None
        for part in path.split("."):
            found = getattr(found, part, None)
        if found is thing:
            return f"{package}:{path}"
    return None


def names(config: object) -> set[str]:
    """All that an object of this config may import, whatever key it stands under: each text with a colon in it.

    The library's own kinds and nets have no colon. Public estimators of scikit-learn are left out.

    >>> sorted(names({"kind": "mine:Code", "learners": [{"estimator": "sklearn.svm:SVC"}, {"arch": "math:gcd"}]}))
    ['math:gcd', 'mine:Code']
    """
    found: set[str] = set()
    rest: list[tuple[object, object]] = [("", config)]
    while rest:
        key, value = rest.pop()
        if isinstance(value, Mapping):
            rest += value.items()
        elif isinstance(value, list | tuple):
            rest += [(key, each) for each in value]
        elif isinstance(value, str) and ":" in value and not (key == "estimator" and _is_public_estimator(value)):
            found.add(value)
    return found


def require_trusted(config: object, trusted: Collection[str], what: str) -> None:
    """Raises MdlError where `what`, a file of this config, asks to import a name that is not `trusted`.

    >>> require_trusted({"arch": "os:system"}, (), "the net")
    Traceback (most recent call last):
    ...
    mdlcode.errors.MdlError: the net asks to import 'os:system': if you trust it, name it (`trust`, in Python trusted=)
    """
    if asked := sorted(names(config) - set(trusted)):
        raise MdlError(f"{what} asks to import {asked[0]!r}: if you trust it, name it (`trust`, in Python trusted=)")


def is_estimator(found: object) -> bool:
    """Whether an object is a class of scikit-learn estimators that give probabilities.

    >>> from sklearn.svm import SVC, LinearSVC
    >>> is_estimator(SVC), is_estimator(LinearSVC), is_estimator(print)
    (True, False, False)
    """
    return _is_class(found) and hasattr(found, "predict_proba")


def _is_class(found: object) -> bool:
    from sklearn.base import BaseEstimator  # takes a second, and most commands need none

    return isinstance(found, type) and issubclass(found, BaseEstimator)


def is_regressor(found: object) -> bool:
    """Whether an object is a class of scikit-learn regressors.

    >>> from sklearn.linear_model import LogisticRegression, Ridge
    >>> is_regressor(Ridge), is_regressor(LogisticRegression)
    (True, False)
    """
    from sklearn.base import RegressorMixin

    return _is_class(found) and issubclass(found, RegressorMixin)  # type: ignore[arg-type]


def _is_public_estimator(name: str) -> bool:
    """Whether a name is that of an estimator, of any kind, in one of the packages that `sklearn` lists as public."""
    module, _, cls = name.partition(":")
    root, _, package = module.partition(".")
    if root != "sklearn":
        return False
    import sklearn

    if package not in sklearn.__all__ or not cls.isidentifier() or cls.startswith("_"):
        return False
    try:
        return _is_class(getattr(import_module(module), cls, None))
    except ImportError:  # some of these names are functions
        return False
