"""Masks: which weights are not zero, under the context that is cheapest, the choice paid."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from mdlcode.coding.channel import Channel, Ledger
from mdlcode.coding.counts import send_adaptive_counts, send_fitted_counts
from mdlcode.coding.integers import pieces, send_choice
from mdlcode.coding.subsets import send_subsets
from mdlcode.typing import IntArray
from mdlcode.weights.groups import Mask, send_sorted

WIDTH = 4096  # of a row at most: a count in it is one symbol


@dataclass(frozen=True)
class Order:
    """What both sides know of a tensor whose rows or columns stand in canonical order.

    `rows` and `columns` are the lengths of stretches within which the number of nonzero entries never rises from
    one row or column to the next. `sorted_columns` says that the columns, read as binary numbers whose first
    digit is the first row, never rise. `sorted_rows` says the same of the rows within the first column, each
    entry of which may be a kernel.
    """

    rows: IntArray | None = None
    columns: IntArray | None = None
    sorted_columns: bool = False
    sorted_rows: bool = False


UNORDERED = Order()


def send_mask(
    channel: Channel, taken: IntArray | None, shape: tuple[int, ...], part: str, order: Order = UNORDERED
) -> IntArray:
    """Flat indices (n,), ascending, of the entries of a tensor of this shape that are not zero.

    Alice measures each context and pays log2 of their number for saying which. "tensor" is one density,
    adaptive; under "rows" and "columns" each one has a density of its own, drawn from a fitted
    distribution; "sorted" is for columns in canonical order.

    >>> ledger = Ledger()
    >>> send_mask(ledger, np.array([0, 3]), (2, 2), "mask")
    array([0, 3])
    >>> round(ledger.codelength(2).total_bits, 2)
    7.0
    """
    options = contexts(shape, order)
    known = None if taken is None else int(np.argmin([mask_bits(taken, shape, each, order) for each in options]))
    context = options[send_choice(channel, known, len(options), part)]
    return _send(channel, taken, shape, context, order, part)


def contexts(shape: tuple[int, ...], order: Order = UNORDERED) -> tuple[str, ...]:
    """The contexts there are for a tensor of this shape."""
    if len(shape) == 1:
        return ("tensor",)
    return ("tensor", "rows", "columns", "sorted") if order.sorted_columns else ("tensor", "rows", "columns")


def mask_bits(taken: IntArray, shape: tuple[int, ...], context: str, order: Order = UNORDERED) -> float:
    """Bits of a mask under one context: those of its counts, and log2 C(n, k) for each row."""
    ledger = Ledger()
    if context == "sorted":
        _send_sorted(ledger, taken, shape, "mask")
        return ledger.codelength(2).total_bits
    if context == "columns" and order.sorted_rows:
        _send(ledger, taken, shape, context, order, "mask")
        return ledger.codelength(2).total_bits
    if context == "columns":
        return mask_bits(turn(taken, shape), _across(shape), "rows", Order(rows=order.columns))
    bounds = _bounds(shape, context)
    widths, counts = np.diff(bounds), np.diff(np.searchsorted(taken, bounds))
    _send_counts(ledger, counts, widths, shape, context, order, "mask")
    nats = gammaln(widths + 1) - gammaln(counts + 1) - gammaln(widths - counts + 1)
    return ledger.codelength(2).total_bits + float(nats.sum() / np.log(2))


def _send(
    channel: Channel, taken: IntArray | None, shape: tuple[int, ...], context: str, order: Order, part: str
) -> IntArray:
    if context == "sorted":
        return _send_sorted(channel, taken, shape, part)
    if context == "columns":
        return _send_columns(channel, taken, shape, order, part)
    bounds = _bounds(shape, context)
    known = None if taken is None else np.diff(np.searchsorted(taken, bounds))
    counts = _send_counts(channel, known, np.diff(bounds), shape, context, order, part)
    return send_subsets(channel, taken, bounds, counts, part)


def _send_columns(
    channel: Channel, taken: IntArray | None, shape: tuple[int, ...], order: Order, part: str
) -> IntArray:
    turned, across = None if taken is None else turn(taken, shape), _across(shape)
    if not order.sorted_rows:
        return turn(_send(channel, turned, across, "rows", Order(rows=order.columns), part), across)
    size = int(np.prod(across[1:]))
    column = None if turned is None else turned[turned < size]
    first = _send_sorted(channel, column, (1, *across[1:]), part)
    if shape[1] == 1:
        return turn(first, across)
    rest = None if turned is None else turned[turned >= size] - size
    others = Order(rows=None if order.columns is None else order.columns - 1)  # one run, less its first
    sent = _send(channel, rest, (across[0] - 1, *across[1:]), "rows", others, part)
    return turn(np.concatenate([first, sent + size]), across)


def _send_counts(
    channel: Channel,
    counts: IntArray | None,
    widths: IntArray,
    shape: tuple[int, ...],
    context: str,
    order: Order,
    part: str,
) -> IntArray:
    if context == "tensor":
        return send_adaptive_counts(channel, counts, widths, part)
    runs = order.rows if order.rows is not None and len(widths) == shape[0] else np.ones_like(widths)
    return send_fitted_counts(channel, counts, int(widths.max()), runs, part)


def _bounds(shape: tuple[int, ...], context: str) -> IntArray:
    size = int(np.prod(shape))
    rows = 1 if context == "tensor" else shape[0]
    return pieces(np.arange(rows + 1) * (size // rows), WIDTH)


def _across(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[1], shape[0], *shape[2:])


def _send_sorted(channel: Channel, taken: IntArray | None, shape: tuple[int, ...], part: str) -> IntArray:
    """The mask of a tensor whose columns are in canonical order, one feature of them after the other."""
    mask = None
    if taken is not None:
        flat = np.zeros(int(np.prod(shape)), dtype=bool)
        flat[taken] = True
        mask = patterns(flat.reshape(shape))
    sent = send_sorted(channel, mask, int(np.prod(shape)) // shape[1], shape[1], part)
    return np.flatnonzero(np.moveaxis(sent.reshape(shape[0], *shape[2:], shape[1]), -1, 1))


def patterns(tensor: Mask) -> Mask:
    """The features (m, n) of a tensor's n columns: what each column holds, as one long column."""
    return np.moveaxis(tensor, 1, -1).reshape(-1, tensor.shape[1])


def turn(places: IntArray, shape: tuple[int, ...]) -> IntArray:
    """Where the entries at flat `places` lie once the first two axes are swapped, ascending.

    >>> turn(np.array([1, 2]), (2, 3))
    array([2, 4])
    """
    outer, inner = shape[:2]
    rest = int(np.prod(shape[2:]))
    row, column, last = places // (inner * rest), places // rest % inner, places % rest
    return np.sort((column * outer + row) * rest + last)
