"""What a proof says: plain numbers, which results store."""

from pydantic.dataclasses import dataclass


@dataclass(frozen=True)
class Proof:
    """What came of sending labels to a process that has the inputs and no labels.

    `reported_bits` is the codelength; `message_bits` are those of the message's coded words, less the
    `spare_bits` that bits-back lends and gets back; the envelope around them (which code, inputs and software,
    checksums) is not charged. `seconds` is what waiting for Bob took, `confined_by` what kept his process from
    files and network, as it found on trying, and `error` why he has no labels, empty where he has.

    >>> print(Proof(837.4, 864, 0, 260, True, 5.1, ("landlock", "network namespace")))
    reported 837.4 bits, message 864 bits, difference +26.6 bits; labels identical: proved
    """

    reported_bits: float
    message_bits: int
    spare_bits: int
    envelope_bytes: int
    labels_equal: bool
    seconds: float
    confined_by: tuple[str, ...] = ()
    error: str = ""

    @property
    def proved(self) -> bool:
        """Whether Bob has the labels, from a message as long as reported, to 64 bits and 0.1 %."""
        return self.labels_equal and within_tolerance(self.message_bits, self.reported_bits)

    @property
    def confinement(self) -> str:
        """What kept Bob's process from files and network, in words."""
        return f"Bob's process was held by {' and '.join(self.confined_by) or 'nothing'}"

    def __str__(self) -> str:
        labels = "identical" if self.labels_equal else "not decoded" if self.error else "DIFFERENT"
        return (
            f"reported {self.reported_bits:,.1f} bits, message {self.message_bits:,} bits,"
            f" difference {self.message_bits - self.reported_bits:+,.1f} bits;"
            f" labels {labels}: {'proved' if self.proved else 'NOT PROVED'}"
            + (f" ({self.error})" if self.error else "")
        )


def within_tolerance(message_bits: float, reported_bits: float) -> bool:
    """Whether a message is as long as reported, to 64 bits and 0.1 %.

    >>> within_tolerance(1056, 1000), within_tolerance(1080, 1000)
    (True, False)
    """
    return abs(message_bits - reported_bits) <= 64 + 0.001 * reported_bits
