"""What the reference must be told of this library's modules: doctests are code, settings are parameters."""

import re
from typing import Any

import griffe

DOCTEST = re.compile(r"^>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)
# pydantic's dataclasses have the settings of codes and learners as fields, as the standard library's have.
SAME = {"dataclass": "dataclasses.dataclass", "Field": "dataclasses.field"}


class Docstrings(griffe.Extension):
    """Puts a fence of ``` round each doctest, and takes pydantic's dataclasses for the standard library's."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Changes a docstring as it is read."""
        if obj.docstring is not None:
            obj.docstring.value = DOCTEST.sub(r"```pycon\n\g<0>\n```", obj.docstring.value)

    def on_module_members(self, *, mod: griffe.Module, **_: Any) -> None:
        """Changes where a module's names come from."""
        for name, path in SAME.items():
            member = mod.members.get(name)
            if isinstance(member, griffe.Alias) and member.target_path.startswith("pydantic."):
                member.target_path = mod.imports[name] = path
