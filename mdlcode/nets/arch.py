"""What a setting `arch` may be: the name of a net, or the function that makes it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator
from torch import nn

from mdlcode.config import Kept, require_written
from mdlcode.errors import MdlError
from mdlcode.trust import name_of
from mdlcode.validation import shown

Factory = Callable[[tuple[int, ...], int], nn.Module]


@dataclass(frozen=True)
class OwnNet(Kept):
    """A net's function that has no name elsewhere, such as a lambda or what a notebook defines.

    >>> str(OwnNet(lambda input_shape, num_classes: nn.Linear(input_shape[0], num_classes)))
    '<lambda> of mdlcode.nets.arch'
    """

    factory: Factory

    def __call__(self, input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
        """A new net."""
        return self.factory(input_shape, num_classes)

    @property
    def said(self) -> str:
        """The function's name and its module."""
        named = self.factory if hasattr(self.factory, "__qualname__") else type(self.factory)
        return f"{named.__qualname__} of {named.__module__}"

    def __str__(self) -> str:
        return self.said


def parse_arch(value: Any) -> Any:
    """The name of a net, `package.module:name` for a function that can be imported, or an `OwnNet` for another one.

    Raises MdlError for a net in place of the function that makes it, for what is neither, and for the words of a
    config or message that stand for an `OwnNet`.

    >>> parse_arch("mlp"), parse_arch(nn.Linear)
    ('mlp', 'torch.nn:Linear')
    """
    if isinstance(value, str | OwnNet):
        return value
    require_written(value, "the net")
    if isinstance(value, nn.Module):
        raise MdlError(
            f"`arch` is a {type(value).__name__} that is built already: give the function that builds it,"
            " (input_shape, num_classes) -> torch module"
        )
    if not callable(value):
        raise MdlError(
            f"`arch` is {shown(value)}: the name of a net is needed, or a function"
            " (input_shape, num_classes) -> torch module"
        )
    require_factory(value, "`arch`")
    return name_of(value) or OwnNet(value)


def require_factory(factory: Factory, what: str) -> None:
    """Raises MdlError for a function that does not take the shape of an input and the number of classes, in this order.

    torchvision's `resnet18(*, weights, ...)` is one: it would take the shape for the name of weights to download.
    """
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):  # what is not written in Python may have none
        return
    try:
        signature.bind((1,), 2)
    except TypeError as error:
        raise MdlError(
            f"{what} is a function that can't be called as (input_shape, num_classes): {error}; write a function of"
            " these two that calls it"
        ) from None


Arch = Annotated[str | Factory, BeforeValidator(parse_arch)]
