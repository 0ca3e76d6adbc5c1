"""What is wrong with settings, in one line: pydantic's errors in this library's words."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mdlcode.errors import in_one_line

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_SHOWN_LETTERS = 40
_MOST_FAULTS = 3
_SHOWN_NAMES, _SHOWN_LETTERS_OF_A_NAME = 10, 24
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")

# What each kind of error says is needed, from the error's own context.
_NEEDED: dict[str, Callable[[Mapping[str, Any]], str]] = {
    **dict.fromkeys(("string_type", "string_sub_type"), lambda _: "a text is needed"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), lambda _: "a whole number is needed"),
    **dict.fromkeys(("float_type", "float_parsing"), lambda _: "a number is needed"),
    "finite_number": lambda _: "a finite number is needed",
    **dict.fromkeys(("bool_type", "bool_parsing"), lambda _: "true or false is needed"),
    **dict.fromkeys(("tuple_type", "list_type"), lambda _: "a list is needed"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_attributes_type"), lambda _: "a mapping is needed"),
    "path_type": lambda _: "a path is needed",
    "dataclass_type": lambda context: f"a mapping or a {context['class_name']} is needed",
    "is_instance_of": lambda context: f"an object of class {context['class']} is needed",
    "greater_than_equal": lambda context: f"at least {context['ge']:g} is needed",
    "greater_than": lambda context: f"above {context['gt']:g} is needed",
    "less_than_equal": lambda context: f"at most {context['le']:g} is needed",
    "less_than": lambda context: f"below {context['lt']:g} is needed",
    "literal_error": lambda context: f"{context['expected']} is needed",
    "enum": lambda context: f"{context['expected']} is needed",
    "union_tag_invalid": lambda context: f"its kind is {context['tag']!r}, not one of {context['expected_tags']}",
    "union_tag_not_found": lambda _: "a 'kind' is needed",
    "too_short": lambda context: f"at least {context['min_length']} are needed",
    "too_long": lambda context: f"at most {context['max_length']} are needed",
}


def one_line(error: "ValidationError", names: Sequence[str] = ()) -> str:
    """The first three faults of settings in one line; `names` are those there are, in the order of arguments.

    >>> from pydantic import TypeAdapter, ValidationError
    >>> try:
    ...     _ = TypeAdapter(dict[str, int]).validate_python({"epochs": "many"})
    ... except ValidationError as error:
    ...     print(one_line(error))
    `epochs` is 'many': a whole number is needed
    """
    errors = error.errors(include_url=False)
    # A list that is too short once its bad members are left out has no fault of its own.
    inner = {each["loc"][:-1] for each in errors}
    kept = [each for each in errors if not (each["type"] == "too_short" and each["loc"] in inner)]
    return in_one_line("; ".join(list(dict.fromkeys(_problem(each, names) for each in kept))[:_MOST_FAULTS]))


def _problem(error: "ErrorDetails", names: Sequence[str]) -> str:
    place, kind = error["loc"], error["type"]
    if place and isinstance(place[0], int) and place[0] < len(names):
        place = (names[place[0]], *place[1:])
    where = ".".join(str(part) for part in place)
    if kind in _UNKNOWN:
        return f"unknown key '{where}'{near(where, names if len(place) == 1 else ())}"
    if kind.startswith("missing"):
        return f"`{where}` is missing"
    if kind == "unexpected_positional_argument":
        return "too many values: name them"
    if kind not in _NEEDED:
        return f"`{where}`: {error['msg']}"
    return f"`{where}` is {shown(error['input'])}: {_NEEDED[kind](error.get('ctx') or {})}"


def near(name: str, known: Iterable[str]) -> str:
    """A question after the nearest of the names that there are; nothing where none is near.

    >>> near("sead", ["seed", "arch"])
    ", did you mean 'seed'?"
    """
    found = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean '{found[0]}'?" if found else ""


def shown(value: object) -> str:
    """A plain value as one types it, what kind of thing another one is.

    >>> shown("net"), shown(3), shown([1, 2]), shown({}), shown(difflib)
    ("'net'", '3', 'a list', 'a mapping', 'a module')
    """
    if value is None or isinstance(value, bool | int | float | str):
        text = repr(value)
        return text if len(text) <= _SHOWN_LETTERS else f"{text[: _SHOWN_LETTERS - 4]}...{text[-1]}"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, tuple | list | set):
        return "a list"
    return f"a {type(value).__name__}"


def listed(names: Sequence[str]) -> str:
    """The names with commas, those in the middle left out where there are many.

    >>> listed(["cat", "dog"])
    'cat, dog'
    """
    texts = [short(each) for each in names]
    if len(texts) > _SHOWN_NAMES:
        texts = [*texts[: _SHOWN_NAMES - 1], "...", texts[-1]]
    return ", ".join(texts)


def short(name: str) -> str:
    """A name of at most 24 letters, in printable ones.

    >>> short("a" * 30)
    'aaaaaaaaaaaaaaaaaaaaa...'
    """
    plain = "".join(each if each.isprintable() else "?" for each in name)
    return plain if len(plain) <= _SHOWN_LETTERS_OF_A_NAME else plain[: _SHOWN_LETTERS_OF_A_NAME - 3] + "..."
