"""A receiver that counts the bits of what it reads."""

from mdlcode.coding.channel import Ledger, Receiver, Words
from mdlcode.coding.entropy_models import EntropyModel
from mdlcode.typing import IntArray


class CountingReceiver(Receiver):
    """Reads as a receiver does and counts, on its `ledger`, the bits of what it reads by part.

    -log2 p summed over one conversation is the length of a prefix-free code (the conversation says where it
    ends), so these are the bits that a bound charges for what was decoded.

    >>> import numpy as np
    >>> from mdlcode.coding.channel import Sender
    >>> sender = Sender()
    >>> _ = sender.send(np.array([1, 0]), np.full((2, 2), 0.5), part="weights")
    >>> receiver = CountingReceiver(sender.words())
    >>> _ = receiver.send(None, np.full((2, 2), 0.5), part="weights")
    >>> receiver.ledger.codelength(num_classes=2).bits_by_part
    {'weights': 2.0}
    """

    def __init__(self, words: Words) -> None:
        super().__init__(words)
        self.ledger = Ledger()

    def send_under(self, symbols: IntArray | None, model: EntropyModel, part: str) -> IntArray:
        """The next symbols of the message, counted."""
        return self.ledger.send_under(super().send_under(symbols, model, part), model, part)
