"""Which weights are kept, tensor by tensor: what a sparse prior's message says first."""

import numpy as np

from mdlcode.bayes.posterior import Layout
from mdlcode.coding.channel import Channel, Ledger
from mdlcode.typing import BoolArray
from mdlcode.weights.masks import send_mask

MASK = "mask"


def send_masks(channel: Channel, layout: Layout, kept: BoolArray | None) -> BoolArray:
    """The mask (P,) of all tensors, each under its cheapest context; Bob passes None."""
    known, end = np.zeros(len(layout), dtype=np.bool_), 0
    for shape, size in zip(layout.shapes, layout.sizes, strict=True):
        start, end = end, end + size
        taken = None if kept is None else np.flatnonzero(kept[start:end])
        known[start + send_mask(channel, taken, shape or (1,), MASK)] = True
    return known


def mask_bits(layout: Layout, kept: BoolArray) -> float:
    """What `send_masks` takes.

    >>> round(mask_bits(Layout(("w",), ((2, 2),)), np.array([True, False, False, True])), 2)
    7.0
    """
    ledger = Ledger()
    send_masks(ledger, layout, kept)
    return ledger.codelength(2).total_bits
