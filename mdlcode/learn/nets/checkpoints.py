"""Where a long training stands, kept every few minutes, so that after a kill it goes on there, to the same bits."""

import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn, optim

from mdlcode import finished

EVERY_SECONDS = 120.0


class Checkpoint:
    """All that changes along a training: tensors of modules, an optimizer, generators, and torch's own.

    It is kept in the store in use, under the training's key, until it is dropped. `past` is for what was made on the
    way, such as the net at earlier stops: values as a `Store` takes them.
    """

    def __init__(
        self,
        key: str | None,
        modules: Sequence[nn.Module],
        optimizer: optim.Optimizer,
        generators: Sequence[Generator],
        tensors: Sequence[Tensor] = (),
    ) -> None:
        self._key, self._optimizer, self._generators = key, optimizer, generators
        held = [each for module in modules for each in (*module.parameters(), *module.buffers())]
        self._tensors = [*(each.detach() for each in held), *tensors]
        self._device = self._tensors[0].device
        self._saved_seconds = time.monotonic()
        self.past: list[Any] = []
        self.step = 0

    def resume(self) -> int:
        """Brings everything to where it was kept, the optimizer's rates excepted, and returns the steps done till then.

        It is called once everything is as it is before the first step.
        """
        found = finished.find(self._key)
        if found is None:
            return 0
        with torch.no_grad():
            for own, kept in zip(self._tensors, found["tensors"], strict=True):
                own.copy_(kept)
        rates = [group["lr"] for group in self._optimizer.param_groups]
        self._optimizer.load_state_dict(found["optimizer"])
        for group, rate in zip(self._optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        for generator, state in zip(self._generators, found["generators"], strict=True):
            generator.set_state(state)
        torch.set_rng_state(found["torch"])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(found["cuda"], self._device)
        self.past, self.step = list(found["past"]), int(found["step"])
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
            finished.keep(self._key, self._state())
            self._saved_seconds = time.monotonic()

    def drop(self) -> None:
        """Drops what is kept, since the training is at its end."""
        finished.drop(self._key)

    def _state(self) -> dict[str, Any]:
        cuda = torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else None
        return {
            "step": self.step,
            "past": self.past,
            "tensors": [each.detach().cpu().clone() for each in self._tensors],
            "optimizer": self._optimizer.state_dict(),
            "generators": [each.get_state() for each in self._generators],
            "torch": torch.get_rng_state(),
            "cuda": cuda,
        }
