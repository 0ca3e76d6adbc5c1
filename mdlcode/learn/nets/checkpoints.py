"""Where long work stands, kept every few minutes, so that after a kill it goes on there, to the same bits."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn, optim

from mdlcode import finished, ranks

EVERY_SECONDS = 120.0


class Resumable(ABC):
    """Work of many steps that is kept in the store in use, under its key, until it is dropped.

    Torch's own random numbers are kept with its `state`.
    """

    def __init__(self, key: str | None, device: torch.device) -> None:
        self._key, self._device = key, device
        self._saved_seconds = time.monotonic()
        self.step = 0

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All that changes along the work, as values that a `Store` takes."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Brings everything to that state."""

    def resume(self) -> int:
        """Brings everything to where it was kept, and returns the steps done till then.

        It is called once everything is as it is before the first step.
        """
        found = ranks.agreed(finished.find(self._key))
        if found is None:
            return 0
        self.restore(found["state"])
        torch.set_rng_state(found["torch"])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(found["cuda"], self._device)
        self.step = int(found["step"])
        return self.step

    def at(self, step: int) -> None:
        """So many steps are done: now and then that is kept."""
        self.step = step
        if self.kept and time.monotonic() - self._saved_seconds >= EVERY_SECONDS:
            self.save(step)

    @property
    def kept(self) -> bool:
        """Whether there is a store that keeps it."""
        return self._key is not None

    def save(self, step: int) -> None:
        """Keeps it as it is after so many steps."""
        self.step = step
        if self.kept:
            cuda = torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else None
            random = {"torch": torch.get_rng_state(), "cuda": cuda}
            finished.keep(self._key, {"step": step, "state": self.state(), **random})
            self._saved_seconds = time.monotonic()

    def drop(self) -> None:
        """Drops what is kept, since the work is at its end."""
        finished.drop(self._key)


class Checkpoint(Resumable):
    """All that changes along a training: tensors of modules and others, an optimizer, and generators.

    `past` is for what was made on the way, such as the net at earlier stops: values as a `Store` takes them.
    """

    def __init__(
        self,
        key: str | None,
        modules: Sequence[nn.Module],
        optimizer: optim.Optimizer,
        generators: Sequence[Generator],
        tensors: Sequence[Tensor] = (),
    ) -> None:
        held = [each for module in modules for each in (*module.parameters(), *module.buffers())]
        self._tensors = [each.detach() for each in (*held, *tensors)]
        self.optimizer, self.generators = optimizer, generators
        self.past: list[Any] = []
        super().__init__(key, self._tensors[0].device)

    def state(self) -> dict[str, Any]:
        """As of `Resumable`."""
        return {
            "past": self.past,
            "tensors": [each.cpu().clone() for each in self._tensors],
            "optimizer": self.optimizer.state_dict(),
            "generators": [each.get_state() for each in self.generators],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """As of `Resumable`."""
        with torch.no_grad():
            for own, kept in zip(self._tensors, state["tensors"], strict=True):
                own.copy_(kept)
        self.optimizer.load_state_dict(state["optimizer"])
        for generator, kept in zip(self.generators, state["generators"], strict=True):
            generator.set_state(kept)
        self.past = list(state["past"])
