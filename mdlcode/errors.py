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


class TrainingError(MdlError):
    """A training that failed: its loss is not finite, or there is nothing to learn from."""


class PrunedError(MdlError):
    """A net with a layer that was pruned completely, so that its predictions no longer depend on the inputs."""
