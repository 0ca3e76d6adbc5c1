"""In which order weights are drawn, when those that are left are fitted anew to those that are known."""

from collections import defaultdict

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from mdlcode.bayes.posterior import Layout
from mdlcode.config import STRICT, Settings
from mdlcode.learn.nets.steps import Steps
from mdlcode.typing import IntArray

_ORDER_KEY = 8


@dataclass(frozen=True, config=STRICT)
class Rates(Settings):
    """Adam's peak learning rates: `lr` of the means, `sd_lr` of all scales."""

    lr: float = Field(default=1e-2, gt=0)
    sd_lr: float = Field(default=2e-2, gt=0)


@dataclass(frozen=True, config=STRICT)
class Refinement(Settings):
    """Layer by layer, each layer's weights in `parts` random parts; after each the rest is fitted anew.

    Each time the rest takes the steps of `training`, at Adam's `rates`. The last layer of a net, which learns fast
    since what it sees is known, is cut into `last_parts` and takes those of `last_training`.
    """

    parts: int = Field(default=2, ge=1, le=1000)
    last_parts: int = Field(default=12, ge=1, le=1000)
    training: Steps = Steps(epochs=1.0, min_steps=100, warmup=0.05)
    last_training: Steps = Steps(epochs=3.0, min_steps=100, warmup=0.05)
    rates: Rates = Rates(lr=1.5e-3, sd_lr=1e-2)

    def training_of(self, rest: Layout) -> Steps:
        """The steps that the tensors which are left take."""
        return self.training if len(_layers(rest)) > 1 else self.last_training

    def stages(self, layout: Layout) -> list[list[tuple[str, IntArray]]]:
        """For each stage the tensors' names with the numbers (m,) of their weights that are drawn.

        >>> layout = Layout(("0.weight", "0.bias", "1.weight"), ((4, 1), (4,), (2,)))
        >>> [[(name, len(which)) for name, which in stage] for stage in Refinement(2, 1).stages(layout)]
        [[('0.weight', 2), ('0.bias', 2)], [('0.weight', 2), ('0.bias', 2)], [('1.weight', 2)]]
        """
        stages, layers = [], _layers(layout)
        for number, tensors in enumerate(layers.values(), start=1):
            parts = self.last_parts if number == len(layers) else self.parts
            cuts = [(name, _shuffled_parts(which, parts)) for name, which in tensors]
            for part in range(parts):
                stage = [(name, pieces[part]) for name, pieces in cuts if len(pieces[part])]
                stages += [stage] if stage else []
        return stages


def _layers(layout: Layout) -> dict[str, list[tuple[str, IntArray]]]:
    """The tensors of each layer, by name, with the numbers of their weights."""
    layers: defaultdict[str, list[tuple[str, IntArray]]] = defaultdict(list)
    for name, end, size in zip(layout.names, np.cumsum(layout.sizes), layout.sizes, strict=True):
        layers[name.rpartition(".")[0]].append((name, np.arange(end - size, end)))
    return layers


def _shuffled_parts(which: IntArray, parts: int) -> list[IntArray]:
    random = np.random.Generator(np.random.Philox(key=[_ORDER_KEY, len(which)]))
    return [np.sort(each) for each in np.array_split(random.permutation(which), parts)]
