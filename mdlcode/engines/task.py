"""What goes to a worker and what comes back; torch is not started by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Task:
    """Work as bytes, the names of the residents in it, and the environment in which it gives the sender's bits."""

    work: bytes
    residents: tuple[str, ...]  # those that others hold come before these
    home: Mapping[str, str | int]  # of `Environment`
    on_gpu: bool
    variables: Mapping[str, str]  # of the process
    paths: Sequence[str]  # where the sender finds modules


@dataclass
class Outcome:
    """What came of a task, as its worker tells it: a value or an error, steps done, lines to say, and warnings."""

    value: Any = None
    error: BaseException | None = None
    steps: int = 0
    lines: list[str] = field(default_factory=list)
    warnings: list[tuple[Warning, type[Warning]]] = field(default_factory=list)

    def start(self, description: str, total_steps: int) -> None:
        """Work of its own: its steps are none of the sender's."""
        self._counts = False

    def advance(self, steps: int) -> None:
        """So many steps of the sender's work are done."""
        self.steps += steps if self._counts else 0

    def say(self, line: str) -> None:
        """A line for the sender to say."""
        self.lines.append(line)

    def beside(self) -> "Outcome":
        """For work at the same time; there is none."""
        return self

    def __post_init__(self) -> None:
        self._counts = True
