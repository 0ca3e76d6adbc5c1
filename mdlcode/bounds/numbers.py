"""What every bound does with its arguments: float64 arrays in, one clear line for bad values, floats out."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mdlcode.errors import MdlError

Array: TypeAlias = npt.NDArray[np.float64]
Numbers: TypeAlias = float | Array  # scalars in give a float out, arrays give arrays


def reals(values: npt.ArrayLike, name: str) -> Array:
    """The values as a float64 array; raises MdlError for what is not a number, NaN and infinities.

    >>> reals([1, 2], "n")
    array([1., 2.])
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MdlError(f"{name} must be a number or an array of numbers, not {values!r}") from error
    require(np.isfinite(array), array, name, "must be a finite number")
    return array


def require(good: npt.NDArray[np.bool_], values: Array, name: str, rule: str) -> None:
    """Raises MdlError with the rule and the first value that breaks it.

    >>> require(np.array([True, False]), np.array([1.0, -2.0]), "code_bits", "must be 0 or more")
    Traceback (most recent call last):
    ...
    mdlcode.errors.MdlError: code_bits must be 0 or more, got -2
    """
    if not np.all(good):
        raise MdlError(f"{name} {rule}, got {np.broadcast_to(values, good.shape)[~good].flat[0]:.10g}")


def risks(risk: npt.ArrayLike) -> Array:
    """Empirical risks in [0, 1] (0.05 for 5 %); raises MdlError for others."""
    array = reals(risk, "risk")
    require((array >= 0) & (array <= 1), array, "risk", "must lie in [0, 1] (divide percents by 100)")
    return array


def sizes(n: npt.ArrayLike, name: str = "n") -> Array:
    """Numbers of examples, whole and at least 1; raises MdlError for others."""
    array = reals(n, name)
    require((array >= 1) & (array == np.floor(array)), array, name, "must be a whole number, 1 or more")
    return array


def counts(errors: npt.ArrayLike, n: Array) -> Array:
    """Whole numbers of errors in 0..n; raises MdlError for others."""
    array = reals(errors, "errors")
    whole = (array >= 0) & (array == np.floor(array))
    require(whole, array, "errors", "must be a whole number, 0 or more")
    require(array <= n, array, "errors", "must not be above n, the number of examples they were counted on")
    return array


def nonnegative(values: npt.ArrayLike, name: str) -> Array:
    """Bits, nats or variances, 0 or more; raises MdlError for others."""
    array = reals(values, name)
    require(array >= 0, array, name, "must be 0 or more")
    return array


def positive(values: npt.ArrayLike, name: str) -> Array:
    """Numbers above 0; raises MdlError for others."""
    array = reals(values, name)
    require(array > 0, array, name, "must be above 0")
    return array


def deltas(delta: npt.ArrayLike, name: str = "delta") -> Array:
    """Failure probabilities strictly between 0 and 1; raises MdlError for others."""
    array = reals(delta, name)
    require((array > 0) & (array < 1), array, name, "is a failure probability and must lie in (0, 1)")
    return array


def plain(values: Array) -> Numbers:
    """A float for a single number, the array itself otherwise.

    >>> plain(np.array(0.5))
    0.5
    """
    return float(values) if np.ndim(values) == 0 else values
