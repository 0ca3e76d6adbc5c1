"""The errors a person can act on."""


class MdlError(Exception):
    """One clear line: what is wrong and what to do. The command prints it and exits with status 2.

    It is no ValueError, so that pydantic hands it on as it is where a config is checked.

    >>> raise MdlError("no data set named 'mnits'; did you mean 'mnist'?")
    Traceback (most recent call last):
    ...
    mdlcode.errors.MdlError: no data set named 'mnits'; did you mean 'mnist'?
    """


class MessageError(MdlError):
    """A message that does not decode here: truncated, altered, for other inputs, or made elsewhere."""


def printable(text: str) -> str:
    r"""The text without control characters, such as begin the escape sequences of a terminal; lines and tabs stay.

    >>> printable("\x1b[31mred\n")
    '?[31mred\n'
    """
    return "".join(each if each.isprintable() or each in "\n\t" else "?" for each in text)


def in_one_line(error: object, longest: int = 300) -> str:
    r"""What an error of another library says, in one line of so many letters at most; its kind where it says nothing.

    >>> in_one_line(ValueError("first\n  second")), in_one_line(KeyError())
    ('first second', 'KeyError')
    """
    return " ".join(str(error).split())[:longest] or type(error).__name__


class TrainingError(MdlError):
    """A training that failed: its loss is not finite, or there is nothing to learn from."""


class PrunedError(MdlError):
    """A net with a layer that was pruned completely, so that its predictions no longer depend on the inputs."""
